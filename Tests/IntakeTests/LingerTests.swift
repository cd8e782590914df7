import Testing

@testable import FireIntake

@Suite struct LingerTests {
    private let start = ContinuousClock.now

    private func at(_ milliseconds: Double) -> ContinuousClock.Instant {
        start + .microseconds(Int64(milliseconds * 1000))
    }

    private func linger(_ longest: Duration = .milliseconds(500), messages: Int = 5000, bytes: Int = 1 << 20) -> Linger
    {
        Linger(longest: longest, maximumMessages: messages, maximumBytes: bytes)
    }

    /// `count` messages in one moment.
    private func receive(_ linger: inout Linger, _ count: Int, at milliseconds: Double) {
        for _ in 0..<count { linger.received(bytes: 100, occupiesWindow: true, at: at(milliseconds)) }
    }

    @Test func nothingReadIsNothingToDo() { #expect(linger().decide(at: at(0)) == .nothing) }

    @Test func aBurstWaitsForCompanySinceItsFirstMessage() {
        var linger = linger()
        receive(&linger, 1, at: 0)
        receive(&linger, 1, at: 400)
        #expect(linger.decide(at: at(400)) == .wait(until: at(500)))
        #expect(!linger.isDue)
        #expect(linger.decide(at: at(500)) == .close(.time))
    }

    @Test func boundsEndABurstAtOnce() {
        var byCount = linger(messages: 3)
        receive(&byCount, 3, at: 0)
        #expect(byCount.isDue)
        #expect(byCount.decide(at: at(0)) == .close(.full))
        var byBytes = linger(bytes: 250)
        receive(&byBytes, 3, at: 0)
        #expect(byBytes.isDue)
        #expect(byBytes.decide(at: at(0)) == .close(.full))
    }

    @Test func hurryEndsABurstAfterWhatHasArrivedAndAtMostTenMillisecondsLater() {
        var linger = linger()
        receive(&linger, 1, at: 0)
        linger.hurry(at: at(1))
        #expect(linger.decide(at: at(1)) == .close(.hurry))
        #expect(!linger.isDue, "what is there is taken along")
        receive(&linger, 1, at: 11)
        #expect(linger.isDue)
    }

    @Test func aFullWindowEndsABurstAfterAShortSilence() {
        var linger = linger()
        exhaustExploration(&linger)
        receive(&linger, 20, at: 1000)
        #expect(linger.decide(at: at(1000)) == .wait(until: at(1005)))
        #expect(linger.decide(at: at(1005)) == .close(.stalled))
    }

    @Test func belowTheWindowABurstLingers() {
        var linger = linger()
        exhaustExploration(&linger)
        receive(&linger, 19, at: 1000)
        #expect(linger.decide(at: at(1100)) == .wait(until: at(1500)))
    }

    @Test func theWindowGrowsWithWhatTheBrokerSends() {
        var linger = linger()
        receive(&linger, 300, at: 0)
        #expect(linger.window == 300)
        linger.closed(.time, at: at(500))
        receive(&linger, 200, at: 600)
        #expect(linger.decide(at: at(700)) == .wait(until: at(1100)))
    }

    @Test func whatNeedsNoAcknowledgementFillsNoWindow() {
        var linger = linger()
        for _ in 0..<100 { linger.received(bytes: 1, occupiesWindow: false, at: at(0)) }
        #expect(linger.window == 20)
        #expect(linger.decide(at: at(100)) == .wait(until: at(500)))
    }

    @Test func aLongerSilenceNowAndThenLearnsASlowSteadyStream() {
        // Twenty messages, then one each 20 ms: too slow for the short silence, not for the long one.
        var linger = linger()
        receive(&linger, 20, at: 0)
        #expect(linger.decide(at: at(5)) == .wait(until: at(50)))
        for step in 1...24 {
            receive(&linger, 1, at: Double(step) * 20)
            #expect(linger.decide(at: at(Double(step) * 20 + 6)) != .close(.stalled))
        }
        #expect(linger.window == 44)
    }

    @Test func longerSilencesBecomeRareWhenTheyTeachNothing() {
        var linger = linger()
        var long = 0
        for burst in 0..<1000 {
            let time = Double(burst) * 1000
            receive(&linger, 20, at: time)
            if linger.decide(at: at(time + 5)) != .close(.stalled) { long += 1 }
            linger.closed(.stalled, at: at(time + 50))
        }
        #expect((2...12).contains(long), "\(long)")
        #expect(linger.window == 20)
    }

    @Test func aWindowSmallerThanUsualIsFoundOut() {
        // Five at a time, the next five right upon the acknowledgement.
        var linger = linger()
        var time = 0.0
        var waits = 0
        for _ in 0..<10 {
            receive(&linger, 5, at: time)
            guard case .close(let reason) = linger.decide(at: at(time + 60)) else {
                waits += 1
                #expect(linger.decide(at: at(time + 500)) == .close(.time))
                linger.closed(.time, at: at(time + 500))
                time += 501
                continue
            }
            #expect(reason == .stalled)
            linger.closed(reason, at: at(time + 60))
            time += 61
        }
        #expect(linger.window == 5)
        #expect(waits == 2)
    }

    @Test func aThinStreamIsNotTakenForASmallWindow() {
        var linger = linger()
        for burst in 0..<20 {
            let time = Double(burst) * 700
            receive(&linger, 1, at: time)
            #expect(linger.decide(at: at(time + 60)) == .wait(until: at(time + 500)))
            linger.closed(.time, at: at(time + 500))
        }
        #expect(linger.window == 20)
    }

    @Test func aNewConnectionForgetsTheWindow() {
        var linger = linger()
        receive(&linger, 1000, at: 0)
        linger.connected()
        #expect(linger.window == 20)
        #expect(linger.isEmpty)
    }

    private func exhaustExploration(_ linger: inout Linger) {
        receive(&linger, 20, at: 0)
        linger.closed(.stalled, at: at(50))
    }
}

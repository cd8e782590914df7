import FireMQTT
import Testing

@testable import FireIntake

@Suite struct BackoffTests {
    @Test func pausesDoubleFromOneSecondToThirty() {
        var backoff = Backoff()
        var random = SystemRandomNumberGenerator()
        for seconds in [1, 2, 4, 8, 16, 30, 30, 30] {
            let pause = backoff.next(using: &random)
            #expect(pause >= .seconds(seconds) * 0.75 && pause <= .seconds(seconds), "\(pause)")
        }
    }

    @Test func jitterIsUpToAQuarterAndNeverLengthens() {
        var random = SystemRandomNumberGenerator()
        var seen: Set<Int64> = []
        for _ in 0..<200 {
            var backoff = Backoff()
            let pause = backoff.next(using: &random)
            #expect(pause >= .milliseconds(750) && pause <= .seconds(1))
            seen.insert(pause.components.attoseconds)
        }
        #expect(seen.count > 100)
    }

    @Test func onlyAStableConnectionResetsThePause() {
        var backoff = Backoff()
        var random = SystemRandomNumberGenerator()
        for _ in 0..<6 { _ = backoff.next(using: &random) }
        backoff.connectionEnded(after: .seconds(2))
        let afterBrief = backoff.next(using: &random)
        backoff.connectionEnded(after: .seconds(60))
        let afterStable = backoff.next(using: &random)
        #expect(afterBrief > .seconds(20))
        #expect(afterStable < .seconds(2))
    }

    @Test func threeBriefConnectionsInARowAreLikelyATakeover() {
        let lost = MQTTError(.lost, "")
        var watch = TakeoverWatch()
        let lifetimes: [Duration?] = [.seconds(1), .seconds(2), .seconds(4), .seconds(30), .seconds(60), .seconds(1)]
        let verdicts = lifetimes.map { watch.ended(lost, after: $0) }
        #expect(verdicts == [.no, .no, .likely, .likely, .no, .no])
    }

    @Test func aBrokerThatIsAwayInBetweenIsNoTakeover() {
        var watch = TakeoverWatch()
        for _ in 0..<10 {
            let lost = watch.ended(MQTTError(.lost, ""), after: .seconds(1))
            let away = watch.ended(MQTTError(.unreachable, ""), after: nil)
            #expect(lost == .no && away == .no)
        }
    }

    @Test func theBrokersOwnWordIsBelievedAtOnce() {
        var watch = TakeoverWatch()
        let verdict = watch.ended(MQTTError(.takenOver, ""), after: .seconds(3600))
        #expect(verdict == .certain)
    }
}

@Suite struct BacklogTests {
    private let start = ContinuousClock.now
    private func at(_ milliseconds: Double) -> ContinuousClock.Instant {
        start + .microseconds(Int64(milliseconds * 1000))
    }

    @Test func withoutASessionThereIsNone() {
        #expect(!Backlog(sessionPresent: false, connectedAt: start).isDraining)
    }

    @Test func endsAtTheFirstSilence() {
        var backlog = Backlog(sessionPresent: true, connectedAt: start)
        backlog.received(at: at(100))
        backlog.empty(at: at(120), mayBeStalled: false)
        #expect(backlog.isDraining)
        backlog.empty(at: at(150), mayBeStalled: false)
        #expect(!backlog.isDraining)
    }

    @Test func silenceOfABrokerThatWaitsForUsIsNone() {
        var backlog = Backlog(sessionPresent: true, connectedAt: start)
        backlog.received(at: at(100))
        backlog.empty(at: at(400), mayBeStalled: true)
        #expect(backlog.isDraining)
        backlog.closed(.stalled, at: at(500))
        backlog.empty(at: at(520), mayBeStalled: false)
        #expect(backlog.isDraining, "the time of our own commit does not count")
    }

    @Test func endsWithinTwoSecondsInAStreamWithoutSilence() {
        var backlog = Backlog(sessionPresent: true, connectedAt: start)
        for millisecond in 1...2000 {
            for _ in 0..<2 { backlog.received(at: at(Double(millisecond))) }
            if millisecond % 500 == 0 { backlog.closed(.time, at: at(Double(millisecond))) }
        }
        #expect(!backlog.isDraining)
    }

    @Test func lastsWhileMessagesComeOutOfAQueue() {
        var backlog = Backlog(sessionPresent: true, connectedAt: start)
        for millisecond in 1...10_000 {
            for _ in 0..<30 { backlog.received(at: at(Double(millisecond))) }
            if millisecond % 50 == 0 { backlog.closed(.time, at: at(Double(millisecond))) }
        }
        #expect(backlog.isDraining)
    }
}

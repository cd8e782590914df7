import FireModel
import Synchronization
import Testing

@testable import FireDispatch

@Suite struct SigningClockTests {
    private let start = ContinuousClock.now
    private let dead = Timestamp(milliseconds: 5000)
    private let true_ = Timestamp(milliseconds: 1_795_458_000_000)

    @Test func synchronisedClockSignsWhateverReceiversSay() {
        let clock = SigningClock(isSynchronised: { true })
        #expect(!clock.heard(true_, from: "a", signed: dead, now: start))
        #expect(clock.time(for: "a", wall: dead, now: start) == dead)
    }

    @Test func timeOfAReceiverGoesOnAndIsGoodForOthers() {
        let clock = SigningClock(isSynchronised: { false })
        #expect(clock.time(for: "a", wall: dead, now: start) == dead)
        #expect(clock.heard(true_, from: "a", signed: dead, now: start), "so far off that it may be why it was refused")
        #expect(clock.time(for: "a", wall: dead, now: start + .seconds(7)) == true_ + 7000)
        #expect(clock.time(for: "b", wall: dead, now: start + .seconds(7)) == true_ + 7000)
    }

    @Test(arguments: [0, 1_000_000_000_000, 4_000_000_000_000] as [Int64])
    func receiverWithoutATimeTeachesNobody(_ date: Int64) {
        let clock = SigningClock(isSynchronised: { false })
        #expect(!clock.heard(Timestamp(milliseconds: date), from: "a", signed: dead, now: start))
        #expect(clock.time(for: "b", wall: dead, now: start) == dead)
    }

    @Test func eachReceiverIsToldItsOwnTime() {
        let clock = SigningClock(isSynchronised: { false })
        _ = clock.heard(true_, from: "a", signed: dead, now: start)
        _ = clock.heard(true_ + 600_000, from: "b", signed: dead, now: start)
        #expect(clock.time(for: "a", wall: dead, now: start) == true_)
        #expect(clock.time(for: "b", wall: dead, now: start) == true_ + 600_000)
        #expect(!clock.heard(true_ + 1000, from: "a", signed: true_, now: start), "a second is not why")
    }
}

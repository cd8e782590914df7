import FireRing
import Testing

@testable import FireIntake

/// What bulk may let go: only what the urgent session is known to have.
@Suite struct UrgentCoverTests {
    private let start = ContinuousClock.now
    private func at(_ seconds: Int) -> ContinuousClock.Instant { start + .seconds(seconds) }

    @Test func nothingBeforeTheUrgentSessionIsConfirmed() {
        #expect(!UrgentCover().holds(since: at(1)))
        #expect(!UrgentCover().holds(since: nil))
    }

    @Test func aSessionTheBrokerHadKeptHoldsAlsoWhatWaitedForUs() {
        let cover = UrgentCover()
        cover.confirmed(sessionPresent: true, at: at(1))
        #expect(cover.holds(since: nil))
        #expect(cover.holds(since: at(0)))
    }

    @Test func aNewSessionHoldsOnlyWhatWasPublishedAfterIt() {
        let cover = UrgentCover()
        cover.confirmed(sessionPresent: false, at: at(1))
        #expect(!cover.holds(since: nil), "bulk may bring what waited from before")
        #expect(!cover.holds(since: at(0)))
        #expect(cover.holds(since: at(2)))
    }

    @Test func whatWasLostOnceHoldsFromTheNextConfirmationOn() {
        let cover = UrgentCover()
        cover.confirmed(sessionPresent: true, at: at(1))
        cover.lost()
        #expect(!cover.holds(since: at(2)))
        cover.confirmed(sessionPresent: true, at: at(3))
        #expect(!cover.holds(since: at(2)))
        #expect(cover.holds(since: at(3)))
    }

    @Test func aReconnectionToAKeptSessionChangesNothing() {
        let cover = UrgentCover()
        cover.confirmed(sessionPresent: false, at: at(1))
        cover.confirmed(sessionPresent: true, at: at(9))
        #expect(cover.holds(since: at(2)))
    }

    @Test func bulkWaitsForTheFirstAttemptAndNoLonger() throws {
        let waiter = try Waiter()
        let cover = UrgentCover()
        #expect(!cover.isAwaited(by: waiter), "nobody has begun one")
        cover.begin()
        #expect(cover.isAwaited(by: waiter))
        cover.settle()
        #expect(waiter.wait(until: .now + .seconds(60)))
        #expect(!cover.isAwaited(by: waiter))
    }

    @Test func doubtAsksForProofAndHoldsNothingUntilThen() {
        let cover = UrgentCover()
        cover.confirmed(sessionPresent: true, at: at(1))
        cover.doubt()
        #expect(cover.wantsProof)
        #expect(!cover.holds(since: at(2)))
        cover.confirmed(sessionPresent: true, at: at(3))
        #expect(!cover.wantsProof)
        #expect(cover.holds(since: at(4)))
    }
}

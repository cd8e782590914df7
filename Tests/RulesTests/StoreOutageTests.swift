import FireModel
import Testing

@testable import FireRules

/// Alarms decided in memory while the store was away, written down afterwards; the broker then delivers the same
/// messages once more, and the store does not know them.
struct StoreOutageTests {
    /// As the daemon does it: what the store has, then each change that was held.
    private func restarted(_ before: RuleBench, stored: [Alarm] = [], held: [AlarmChange]) -> RuleBench {
        let after = RuleBench(restoring: stored.map { ($0, 0) }, fleetFrom: before)
        for change in held {
            after.engine.restore(change.alarm, ordinal: change.ordinal, live: 0, heldInput: change.inputAt)
        }
        return after
    }

    @Test func messagesThatMemoryHasDecidedAreOneAlarm() {
        let before = RuleBench([.faultEvent])
        func tell(_ bench: RuleBench) -> [AlarmChange] {
            bench.event("p-1", "fire", at: 0, component: "c-1") + bench.event("p-1", "fire", at: 5, component: "c-1")
                + bench.event("p-1", "reset", at: 10)
                + bench.read("p-1", "panel", "fire", .boolean(true), at: 1, component: "c-2")
                + bench.read("p-1", "panel", "fire", .boolean(true), at: 4, component: "c-2")
                + bench.event("p-1", "reset", at: 12, component: "c-2")
                + bench.event("p-1", "fault", at: 2) + bench.event("p-1", "fault", active: false, at: 8)
        }
        let held = tell(before)
        #expect(held.count { $0.kind == .raised } == 3 && held.count { $0.kind == .cleared } == 3)
        let after = restarted(before, held: held)
        #expect(tell(after).isEmpty)
        #expect(after.engine.activeCounts().isEmpty)
        #expect(after.event("p-1", "fire", at: 20, component: "c-1").map(\.kind) == [.raised])
    }

    @Test func fireThatMemoryDidNotSeeStillRaises() {
        let before = RuleBench()
        let held = before.event("p-1", "fire", at: 10) + before.event("p-1", "reset", at: 20)
        for seconds in [5.0, 25] {
            let after = restarted(before, held: held)
            #expect(after.event("p-1", "fire", at: seconds).map(\.kind) == [.raised], "at \(seconds)")
        }
    }

    /// Without a time of its own the reset tells nothing of the device's clock, which may be behind ours.
    @Test func fireAfterAResetWithoutTimeStillRaises() {
        let before = RuleBench()
        let fire = before.event("p-1", "fire", at: -180)
        before.wait(60)
        let held = fire + before.event("p-1", "reset", quality: .receiptTime)
        #expect(held.map(\.kind) == [.raised, .cleared])
        let after = restarted(before, held: held)
        #expect(after.event("p-1", "fire", at: -100).map(\.kind) == [.raised])
    }

    @Test func fireIsNotLostToTheSecondTellingOfAResetWithoutTime() {
        let before = RuleBench()
        var held = before.event("p-1", "fire", at: 0)
        held += before.event("p-1", "reset", quality: .receiptTime)
        before.wait(5)
        held += before.event("p-1", "fire", at: 5)
        let after = restarted(before, held: held)
        after.event("p-1", "fire", at: 0)
        after.event("p-1", "reset", quality: .receiptTime)
        after.event("p-1", "fire", at: 5)
        #expect(after.engine.activeCounts()[.fire]?[.critical] == 1)
    }

    @Test func conditionThatMemoryHasRaisedAndClearedIsNotRaisedAgain() {
        let before = RuleBench([.lowPressure()])
        func tell(_ bench: RuleBench) -> [AlarmChange] {
            [(0.09, 0.0), (0.09, 60), (0.09, 130), (0.3, 200), (0.3, 300)].flatMap { value, at in
                bench.read("h-1", "hydrant", "pressure", .number(value), at: at)
            }
        }
        let held = tell(before)
        #expect(held.map(\.kind) == [.raised, .cleared])
        let after = RuleBench([.lowPressure()], fleetFrom: before)
        for change in held {
            after.engine.restore(change.alarm, ordinal: change.ordinal, live: 0, heldInput: change.inputAt)
        }
        #expect(tell(after).isEmpty && after.wait(1000).isEmpty)
    }

    /// The gateway began without its store, so it did not know that the fire was active already.
    @Test func secondAlarmOfAKeyIsCountedOnTheFirst() throws {
        let earlier = RuleBench()
        let first = try #require(earlier.event("p-1", "fire", at: 0, component: "c-1").first?.alarm)
        let memory = RuleBench(fleetFrom: earlier)
        let held = memory.event("p-1", "fire", at: 100, component: "c-1")
        let second = try #require(held.first?.alarm)
        #expect(second.id != first.id)
        let after = restarted(memory, stored: [first], held: held)
        let changes = after.engine.takeChanges()
        #expect(changes.map(\.kind) == [.occurrence, .cleared])
        #expect(changes.map(\.alarm.id) == [first.id, second.id])
        #expect(changes.first?.alarm.occurrences == 2)
        #expect(after.engine.activeCounts()[.fire]?[.critical] == 1)
        #expect(after.event("p-1", "fire", at: 100, component: "c-1").isEmpty)
        #expect(throws: OperatorActError.alreadyCleared) { _ = try after.act(.acknowledge, on: second) }
        #expect(after.event("p-1", "reset", at: 200).map(\.alarm.id) == [first.id])
        #expect(after.engine.activeCounts().isEmpty)
    }

    @Test func secondAlarmThatEndedInMemoryLeavesTheFirstToItsEnd() throws {
        let earlier = RuleBench()
        let first = try #require(earlier.event("p-1", "fire", at: 0).first?.alarm)
        let memory = RuleBench(fleetFrom: earlier)
        let held = memory.event("p-1", "fire", at: 100) + memory.event("p-1", "reset", at: 110)
        let after = restarted(memory, stored: [first], held: held)
        #expect(after.engine.takeChanges().map(\.kind) == [.occurrence])
        #expect(after.event("p-1", "fire", at: 100).isEmpty)
        #expect(after.event("p-1", "reset", at: 110).map(\.alarm.id) == [first.id])
    }
}

import FireModel
import Testing

@testable import FireRules

struct SeedingTests {
    private func seed(
        _ bench: RuleBench, _ device: String, _ kind: String, _ metric: String, _ value: Value, at seconds: Double
    ) -> [AlarmChange] {
        let at = RuleBench.start + Int64(seconds * 1000)
        bench.engine.seed(
            Reading(
                series: bench.series(device, kind, metric), at: at, receivedAt: at, value: value, quality: [],
                backlog: false),
            live: bench.live)
        return bench.engine.takeChanges()
    }

    @Test func activeAlarmGoesOnWithoutBeingRaisedAgain() throws {
        let before = RuleBench()
        let alarm = try #require(before.read("s-1", "smoke", "smoke", .boolean(true), at: 0).first?.alarm)
        let after = RuleBench(restoring: [], fleetFrom: before)
        after.engine.restore(alarm, ordinal: 0, live: 0)
        #expect(seed(after, "s-1", "smoke", "smoke", .boolean(true), at: 0).isEmpty)
        #expect(after.read("s-1", "smoke", "smoke", .boolean(true), at: 60).isEmpty)
        #expect(after.engine.activeCounts()[.fire]?[.critical] == 1)
        #expect(throws: OperatorActError.causeStillReported) { _ = try after.act(.reset(force: false), on: alarm) }
    }

    @Test func pendingConditionIsTakenUpFromTheLastStoredValue() {
        let bench = RuleBench([.lowPressure()])
        #expect(seed(bench, "h-1", "hydrant", "pressure", .number(0.09), at: -30).isEmpty)
        #expect(bench.wait(121).map(\.kind) == [.raised])
    }

    @Test func newRuleSeesTheLastStoredValue() {
        let bench = RuleBench([.lowPressure(for: .zero)])
        #expect(seed(bench, "h-1", "hydrant", "pressure", .number(0.09), at: -30).map(\.kind) == [.raised])
    }

    @Test func whatWasDecidedIsNotDecidedAgain() throws {
        let before = RuleBench()
        let alarm = try #require(before.read("s-1", "smoke", "smoke", .boolean(true), at: 0).first?.alarm)
        before.wait(10)
        let cleared = try #require(try before.act(.reset(force: true), on: alarm).first?.alarm)
        let after = RuleBench(restoring: [], fleetFrom: before)
        after.engine.restore(cleared, ordinal: 0, live: 0)
        #expect(seed(after, "s-1", "smoke", "smoke", .boolean(true), at: 0).isEmpty)
        #expect(after.read("s-1", "smoke", "smoke", .boolean(true), at: 60).map(\.kind) == [.raised])
    }

    @Test func raiseOfOneKeyAtOneTimeHasAnIdOfItsOwn() throws {
        let before = RuleBench()
        let alarm = try #require(before.event("p-1", "fire", quality: .receiptTime).first?.alarm)
        let cleared = try #require(before.event("p-1", "reset", quality: .receiptTime).first?.alarm)
        #expect(cleared.id == alarm.id)
        let after = RuleBench(restoring: [], fleetFrom: before)
        after.engine.restore(cleared, ordinal: 0, live: 0)
        let second = try #require(after.event("p-1", "fire", quality: .receiptTime).first)
        #expect(second.alarm.id != alarm.id && second.ordinal == 1)
    }

    @Test func activeAlarmOfARuleThatIsGoneStandsUntilAnOperatorEndsIt() throws {
        let before = RuleBench([.faultEvent])
        let alarm = try #require(before.event("p-1", "fault", at: 0).first?.alarm)
        let after = RuleBench([], restoring: [(alarm, 0)], fleetFrom: before)
        #expect(after.engine.activeCounts()[.fault]?[.minor] == 1)
        #expect(try after.act(.reset(force: false), on: alarm).map(\.kind) == [.cleared])
    }

    @Test func alarmThatEndedMeanwhileIsNoGhost() throws {
        let before = RuleBench()
        let alarm = try #require(before.event("p-1", "fire", at: 0).first?.alarm)
        let cleared = try #require(before.event("p-1", "reset", at: 10).first?.alarm)
        let after = RuleBench(restoring: [], fleetFrom: before)
        after.engine.restore(alarm, ordinal: 0, live: 0)
        after.engine.restore(cleared, ordinal: 0, live: 0)
        #expect(after.engine.activeCounts().isEmpty)
        #expect(after.event("p-1", "fire", at: 20).map(\.kind) == [.raised])
    }

    @Test func implausibleValueClearsAfterARestart() throws {
        let before = RuleBench()
        var changes: [AlarmChange] = []
        for second in 0..<3 {
            changes += before.read(
                "h-1", "hydrant", "pressure", .number(300), at: Double(second), quality: .implausiblyHigh)
        }
        let alarm = try #require(changes.first?.alarm)
        let after = RuleBench(restoring: [(alarm, 0)], fleetFrom: before)
        after.engine.restore(alarm, ordinal: 0, live: 0)
        #expect(after.read("h-1", "hydrant", "pressure", .number(0.3), at: 9).map(\.kind) == [.cleared])
    }

    @Test func systemAlarmIsOneAndEndsWhenTold() {
        let bench = RuleBench()
        let condition = SystemCondition(
            rule: "store-not-writable", severity: .critical, title: Title(zh: "存储", en: "Store"))
        bench.engine.systemReported(condition, detail: "disk full", now: bench.now)
        bench.engine.systemReported(condition, detail: "disk full", now: bench.now)
        #expect(bench.engine.takeChanges().map(\.kind) == [.raised, .occurrence])
        bench.engine.systemCeased(rule: "store-not-writable", now: bench.now)
        #expect(bench.engine.takeChanges().map(\.kind) == [.cleared])
    }
}

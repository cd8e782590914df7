import FireModel
import Testing

@testable import FireRules

struct FireLatchTests {
    @Test(arguments: ["fire", "manual_alarm"]) func eventRaisesACriticalFire(_ name: String) {
        let bench = RuleBench()
        let alarm = bench.event("p-1", name, at: 0, component: "c-1").first?.alarm
        #expect(alarm?.category == .fire && alarm?.severity == .critical && alarm?.latched == true)
        #expect(alarm?.rule == "fire")
    }

    @Test func smokeAndComponentBitRaiseWhateverTheRulesSay() {
        let bench = RuleBench([])
        #expect(bench.read("s-1", "smoke", "smoke", .boolean(true), at: 0).map(\.alarm.category) == [.fire])
        #expect(
            bench.read("p-1", "panel", "fire", .boolean(true), at: 0, component: "1-1-40-7").map(\.alarm.category) == [
                .fire
            ])
        #expect(bench.read("c-1", "charger", "smoke", .boolean(true), at: 0).map(\.alarm.category) == [.fire])
    }

    @Test func fireIsNotClearedByItsConditionAndRaisesAgainWhenItComesBack() {
        let bench = RuleBench()
        bench.read("s-1", "smoke", "smoke", .boolean(true), at: 0)
        #expect(bench.read("s-1", "smoke", "smoke", .boolean(true), at: 60).isEmpty)
        #expect(bench.read("s-1", "smoke", "smoke", .boolean(false), at: 120).isEmpty)
        let again = bench.read("s-1", "smoke", "smoke", .boolean(true), at: 180).first
        #expect(again?.kind == .updated)
        #expect(again?.alarm.occurrences == 2)
    }

    @Test func whatADeviceSaysAboutItselfIsShownAndSuppressesNothing() {
        let bench = RuleBench()
        bench.read("s-1", "smoke", "test", .boolean(true), at: 0)
        bench.read("s-1", "smoke", "muted", .boolean(true), at: 0)
        let fire = bench.read("s-1", "smoke", "smoke", .boolean(true), at: 1).first
        #expect(fire?.kind == .raised)
        #expect(fire?.alarm.flags == ["test", "muted"])
    }

    @Test func panelResetClearsAndARepetitionRaisesAnew() throws {
        let bench = RuleBench()
        let first = try #require(bench.event("p-1", "fire", at: 0, component: "c-1").first?.alarm)
        let cleared = try #require(bench.event("p-1", "reset", at: 60).first)
        #expect(cleared.kind == .cleared && cleared.alarm.clearedReason == .panelReset)
        let second = try #require(bench.event("p-1", "fire", at: 90, component: "c-1").first)
        #expect(second.kind == .raised && second.alarm.id != first.id)
    }

    @Test func resetOlderThanTheFireOrKeptByTheBrokerClearsNothing() {
        let bench = RuleBench()
        bench.event("p-1", "fire", at: 100)
        #expect(bench.event("p-1", "reset", at: 50).isEmpty)
        #expect(bench.event("p-1", "reset", at: 150, quality: .retained).isEmpty)
        #expect(bench.event("p-1", "reset", at: 160).map(\.kind) == [.cleared])
    }

    @Test func fireOlderThanTheResetStillRaises() {
        let bench = RuleBench()
        bench.event("p-1", "fire", at: 0)
        bench.event("p-1", "reset", at: 60)
        let late = bench.event("p-1", "fire", at: 30).first
        #expect(late?.kind == .raised && late?.alarm.late == true)
    }

    @Test func resetOfOneComponentLeavesTheOthers() {
        let bench = RuleBench()
        bench.event("p-1", "fire", at: 0, component: "c-1")
        bench.event("p-1", "fire", at: 0, component: "c-2")
        #expect(bench.event("p-1", "reset", at: 10, component: "c-1").map(\.alarm.component) == ["c-1"])
        #expect(bench.event("p-1", "reset", at: 20).map(\.alarm.component) == ["c-2"])
    }

    /// A fire told by a clock a year ahead, while ours was not to be trusted either, can be reset.
    @Test func fireOfAClockFarAheadCanBeReset() {
        let bench = RuleBench()
        let year = 365.0 * 86_400
        #expect(bench.event("p-1", "fire", at: year).map(\.kind) == [.raised])
        #expect(bench.event("p-1", "reset", at: 10).map(\.kind) == [.cleared])
        #expect(bench.event("p-1", "fire", at: 20).map(\.alarm.late) == [false])
    }

    /// A gateway that has not found the time yet still knows a device's earlier from its later.
    @Test func resetOlderThanTheFireEndsNothingWhileOurClockIsBehind() {
        let bench = RuleBench()
        bench.lose(-86_400)
        bench.event("p-1", "fire", at: 130)
        #expect(bench.event("p-1", "reset", at: 120).isEmpty)
        bench.lose(86_400)
        #expect(bench.event("p-1", "reset", at: 125).isEmpty)
        #expect(bench.event("p-1", "reset", at: 140).map(\.kind) == [.cleared])
    }

    @Test func resetOfASmokeAlarmClearsNoFire() {
        let bench = RuleBench()
        bench.event("s-1", "fire", at: 0, kind: "smoke")
        #expect(bench.event("s-1", "reset", at: 10, kind: "smoke").isEmpty)
    }

    @Test func operatorsResetNeedsForceWhileTheCauseIsReported() throws {
        let bench = RuleBench()
        let alarm = try #require(bench.read("s-1", "smoke", "smoke", .boolean(true), at: 0).first?.alarm)
        #expect(throws: OperatorActError.causeStillReported) { _ = try bench.act(.reset(force: false), on: alarm) }
        #expect(throws: OperatorActError.causeStillReported) {
            _ = try bench.act(.verdict(.falseAlarm, cause: nil, force: false), on: alarm)
        }
        let cleared = try bench.act(.reset(force: true), on: alarm)
        #expect(cleared.map(\.kind) == [.cleared])
        #expect(cleared.first?.alarm.clearedBy == "duty")
        #expect(bench.read("s-1", "smoke", "smoke", .boolean(true), at: 10).map(\.kind) == [.raised])
    }

    @Test func forcedResetRaisesAgainAtMostOncePerFiveMinutes() throws {
        let bench = RuleBench()
        var alarm = try #require(bench.read("s-1", "smoke", "smoke", .boolean(true), at: 0).first?.alarm)
        _ = try bench.act(.reset(force: true), on: alarm)
        alarm = try #require(bench.read("s-1", "smoke", "smoke", .boolean(true), at: 10).first?.alarm)
        _ = try bench.act(.reset(force: true), on: alarm)
        #expect(bench.read("s-1", "smoke", "smoke", .boolean(true), at: 20).isEmpty)
        #expect(bench.wait(299).isEmpty)
        let again = try #require(bench.wait(2).first)
        #expect(again.kind == .raised && again.alarm.raisedAt == RuleBench.start + 20_000)
        #expect(bench.wait(1000).isEmpty)
        #expect(bench.read("s-1", "smoke", "smoke", .boolean(true), at: 330).isEmpty)
    }

    /// An event is not told again: held back, it is raised when the five minutes are over.
    @Test func fireEventWithinTheFiveMinutesIsRaisedAtTheirEnd() throws {
        for ending in [nil, "inactive", "reset"] {
            let bench = RuleBench()
            var alarm = try #require(bench.event("p-1", "fire", at: 0, component: "c-1").first?.alarm)
            _ = try bench.act(.reset(force: true), on: alarm)
            alarm = try #require(bench.event("p-1", "fire", at: 10, component: "c-1", detail: "zone 3").first?.alarm)
            _ = try bench.act(.verdict(.test, cause: nil, force: true), on: alarm)
            #expect(bench.event("p-1", "fire", at: 20, component: "c-1", detail: "zone 4").isEmpty)
            bench.wait(30)
            if ending == "inactive" { bench.event("p-1", "fire", active: false, at: 25, component: "c-1") }
            if ending == "reset" { bench.event("p-1", "reset", at: 25) }
            #expect(bench.wait(269).isEmpty)
            let raised = bench.wait(2).first
            #expect(raised?.kind == (ending == nil ? .raised : nil))
            #expect(raised?.alarm.detail == (ending == nil ? "zone 4" : nil))
        }
    }

    @Test func lateFireWhileOneIsHeldBackIsTheSame() throws {
        let bench = RuleBench()
        var alarm = try #require(bench.event("p-1", "fire", at: 0).first?.alarm)
        _ = try bench.act(.reset(force: true), on: alarm)
        alarm = try #require(bench.event("p-1", "fire", at: 10).first?.alarm)
        _ = try bench.act(.reset(force: true), on: alarm)
        #expect(bench.event("p-1", "fire", at: 20).isEmpty)
        #expect(bench.event("p-1", "fire", at: 15).map(\.alarm.late) == [true])
        bench.event("p-1", "reset", at: 30)
        #expect(bench.wait(400).isEmpty)
    }

    @Test func causeThatIsGoneCanBeResetWithoutForce() throws {
        let bench = RuleBench()
        let alarm = try #require(bench.event("p-1", "fire", at: 0).first?.alarm)
        #expect(bench.event("p-1", "fire", active: false, at: 5).isEmpty)
        #expect(try bench.act(.reset(force: false), on: alarm).map(\.kind) == [.cleared])
    }

    @Test(arguments: Verdict.allCases) func onlyClearingVerdictsEndAFire(_ verdict: Verdict) throws {
        let bench = RuleBench()
        let alarm = try #require(bench.event("p-1", "fire", at: 0).first?.alarm)
        bench.event("p-1", "fire", active: false, at: 5)
        let kinds = try bench.act(.verdict(verdict, cause: "cooking", force: false), on: alarm).map(\.kind)
        let ends = verdict == .falseAlarm || verdict == .test || verdict == .drill
        #expect(kinds == (ends ? [.verdict, .cleared] : [.verdict]))
    }

    @Test func acknowledgementClearsNothing() throws {
        let bench = RuleBench()
        let alarm = try #require(bench.event("p-1", "fire", at: 0).first?.alarm)
        let change = try #require(try bench.act(.acknowledge, on: alarm).first)
        #expect(change.alarm.state == .active && change.alarm.acknowledged)
    }

    @Test func sameEventToldAgainIsNotCountedAgain() {
        let bench = RuleBench()
        bench.event("p-1", "fire", at: 0)
        #expect(bench.event("p-1", "fire", at: 0).isEmpty)
    }

    @Test func fireAfterAPanelsResetIsNewsAlsoWhereAnOperatorHadForcedOne() throws {
        let bench = RuleBench()
        var alarm = try #require(bench.event("p-1", "fire", at: 0).first?.alarm)
        _ = try bench.act(.reset(force: true), on: alarm)
        alarm = try #require(bench.event("p-1", "fire", at: 10).first?.alarm)
        _ = try bench.act(.reset(force: true), on: alarm)
        bench.event("p-1", "reset", at: 20)
        #expect(bench.event("p-1", "fire", at: 30).map(\.kind) == [.raised])
    }
}

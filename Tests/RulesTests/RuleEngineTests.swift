import FireModel
import FireSettings
import Testing

@testable import FireRules

struct RuleEngineTests {
    @Test func quietReadingsChangeNothing() {
        let bench = RuleBench([.lowPressure()])
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.3)).isEmpty)
        #expect(bench.wait(3600).isEmpty)
    }

    @Test func conditionIsRaisedAfterItsTimeByTheDevicesClock() throws {
        let bench = RuleBench([.lowPressure()])
        bench.read("h-1", "hydrant", "pressure", .number(0.09), at: 0)
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.09), at: 119).isEmpty)
        let change = try #require(bench.read("h-1", "hydrant", "pressure", .number(0.08), at: 130).first)
        #expect(change.kind == .raised)
        #expect(change.alarm.raisedAt == RuleBench.start + 120_000)
        #expect(change.alarm.value == .number(0.08))
        #expect(change.alarm.limit == 0.10)
        #expect(change.alarm.unit == "MPa")
    }

    @Test func conditionGoesOnByTheGatewaysClockWhenNothingComes() throws {
        let bench = RuleBench([.lowPressure()])
        bench.read("h-1", "hydrant", "pressure", .number(0.09), at: -5)
        #expect(bench.wait(119).isEmpty)
        bench.lose(3600)
        #expect(bench.wait(0.5).isEmpty)
        let change = try #require(bench.wait(1).first)
        #expect(change.kind == .raised)
        #expect(change.alarm.raisedAt == RuleBench.start + 115_000)
    }

    @Test func stepOfTheWallClockMovesNoTimer() {
        let bench = RuleBench([.lowPressure()])
        bench.read("h-1", "hydrant", "pressure", .number(0.09), quality: .receiptTime)
        bench.lose(-86_400)
        #expect(bench.wait(60).isEmpty)
        bench.read("h-1", "hydrant", "pressure", .number(0.09), quality: .receiptTime)
        #expect(bench.wait(59).isEmpty)
        #expect(bench.wait(2).map(\.kind) == [.raised])
    }

    @Test func conditionThatLastedBetweenTwoReadingsOfABacklogIsRaisedAndCleared() {
        let bench = RuleBench([.lowPressure()])
        bench.read("h-1", "hydrant", "pressure", .number(0.09), at: -7200, backlog: true)
        let changes =
            bench.read("h-1", "hydrant", "pressure", .number(0.30), at: -3600, backlog: true)
            + bench.read("h-1", "hydrant", "pressure", .number(0.30), at: -1800, backlog: true)
        #expect(changes.map(\.kind) == [.raised, .cleared])
        #expect(changes.first?.alarm.raisedAt == RuleBench.start + (-7200 + 120) * 1000)
        #expect(changes.last?.alarm.clearedAt == RuleBench.start + (-3600 + 60) * 1000)
    }

    @Test func hysteresisAndClearTimeHoldTheAlarm() {
        let bench = RuleBench([.lowPressure(for: .zero)])
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.09), at: 0).map(\.kind) == [.raised])
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.105), at: 10).isEmpty)
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.12), at: 20).isEmpty)
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.09), at: 50).isEmpty)
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.12), at: 60).isEmpty)
        let cleared = bench.wait(61)
        #expect(cleared.map(\.kind) == [.cleared])
        #expect(cleared.first?.alarm.clearedReason == .condition)
        #expect(cleared.first?.alarm.revision == 2)
    }

    @Test func eachMetricOfAListAlarmsOnItsOwn() {
        let rule = RuleDefinition(
            id: "cable-hot", kinds: ["electrical"], category: .electrical, severity: .major,
            title: Title(zh: "温度", en: "Hot"),
            when: Condition(subject: .metrics(["temperature_1", "temperature_2"]), test: .atLeast(70)))
        let bench = RuleBench([rule])
        let first = bench.read("e-1", "electrical", "temperature_1", .number(80), at: 0)
        let second = bench.read("e-1", "electrical", "temperature_2", .number(81), at: 0)
        #expect(first.count == 1 && second.count == 1)
        #expect(first.first?.alarm.id != second.first?.alarm.id)
    }

    @Test func lateInputChangesNothingButAFireAlwaysRaises() {
        let bench = RuleBench([.lowPressure(for: .zero)])
        bench.read("h-1", "hydrant", "pressure", .number(0.3), at: 100)
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.05), at: 50).isEmpty)
        bench.read("s-1", "smoke", "smoke", .boolean(false), at: 100)
        let fire = bench.read("s-1", "smoke", "smoke", .boolean(true), at: 50)
        #expect(fire.map(\.kind) == [.raised])
        #expect(fire.first?.alarm.late == true)
    }

    @Test func eventIsEndedByItsOppositeOrByTheEventThatClears() {
        let bench = RuleBench([.faultEvent])
        #expect(bench.event("p-1", "fault", at: 0).map(\.kind) == [.raised])
        #expect(bench.event("p-1", "fault", active: false, at: 1).map(\.kind) == [.cleared])
        #expect(bench.event("p-1", "fault", at: 2, component: "c").map(\.kind) == [.raised])
        #expect(bench.event("p-1", "restored", at: 3).isEmpty)
        #expect(bench.event("p-1", "restored", at: 4, component: "c").map(\.kind) == [.cleared])
    }

    @Test func repetitionIsAnOccurrenceAndAfterAcknowledgementARaiseAgain() throws {
        let bench = RuleBench([.faultEvent])
        let alarm = try #require(bench.event("p-1", "fault", at: 0).first?.alarm)
        #expect(bench.event("p-1", "fault", at: 5).map(\.kind) == [.occurrence])
        #expect(try bench.act(.acknowledge, on: alarm).map(\.kind) == [.acknowledged])
        #expect(try bench.act(.acknowledge, on: alarm).isEmpty)
        let again = try #require(bench.event("p-1", "fault", at: 10).first)
        #expect(again.kind == .updated)
        #expect(again.alarm.reraised && !again.alarm.acknowledged)
        #expect(again.alarm.occurrences == 3)
        #expect(again.alarm.id == alarm.id)
    }

    @Test func unknownEventRaisesAPreAlarm() {
        let bench = RuleBench()
        let change = bench.event("p-1", "sprinkler_burst", at: 0).first
        #expect(change?.alarm.category == .preAlarm)
        #expect(change?.alarm.severity == .major)
        #expect(change?.alarm.title.en == "Unknown event")
    }

    @Test func threeImplausibleValuesInARowAreAFault() {
        let bench = RuleBench([.lowPressure(for: .zero, clearFor: .zero)])
        var changes: [AlarmChange] = []
        for second in 0..<3 {
            changes += bench.read(
                "h-1", "hydrant", "pressure", .number(300), at: Double(second), quality: .implausiblyHigh)
        }
        #expect(changes.map(\.alarm.rule) == [BuiltInRules.implausibleValue])
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.3), at: 9).map(\.kind) == [.cleared])
    }

    @Test func implausibleValueAboveDoesNotClearAnAlarmForLow() {
        let bench = RuleBench([.lowPressure(for: .zero, clearFor: .zero)])
        bench.read("h-1", "hydrant", "pressure", .number(0.05), at: 0)
        #expect(bench.read("h-1", "hydrant", "pressure", .number(999), at: 1, quality: .implausiblyHigh).isEmpty)
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.2), at: 2).map(\.kind) == [.cleared])
    }

    @Test func sameMessageGivesTheSameAlarm() {
        let one = RuleBench([.lowPressure(for: .zero)]).read("h-1", "hydrant", "pressure", .number(0.05), at: 0)
        let other = RuleBench([.lowPressure(for: .zero)]).read("h-1", "hydrant", "pressure", .number(0.05), at: 0)
        #expect(one.first?.alarm.id == other.first?.alarm.id)
        let id = one.first?.alarm.id ?? ""
        #expect(id.count == 36 && id == id.lowercased())
        #expect(Array(id)[14] == "7" && "89ab".contains(Array(id)[19]))
        #expect(UInt64(id.replacing("-", with: "").prefix(12), radix: 16) == UInt64(RuleBench.start.milliseconds))
    }

    @Test func reloadKeepsAlarmsAndTimersAndLetsDroppedRulesStand() throws {
        let bench = RuleBench([.lowPressure(), .faultEvent])
        let fault = try #require(bench.event("p-1", "fault", at: 0).first?.alarm)
        bench.read("h-1", "hydrant", "pressure", .number(0.09), at: 0)
        bench.wait(100)
        bench.engine.adopt([.lowPressure()])
        #expect(bench.wait(21).map(\.kind) == [.raised])
        #expect(bench.event("p-1", "fault", active: false, at: 200).isEmpty)
        #expect(try bench.act(.reset(force: false), on: fault).map(\.kind) == [.cleared])
    }

    @Test func endToldLateDoesNotEndWhatBeganAfterIt() {
        let bench = RuleBench([.faultEvent])
        bench.event("p-1", "fault", at: 100)
        #expect(bench.event("p-1", "restored", at: 50).isEmpty)
        #expect(bench.event("p-1", "restored", at: 150).map(\.kind) == [.cleared])
    }

    @Test func eventThatEndsAlsoStopsWhatIsPending() {
        var rule = RuleDefinition.faultEvent
        rule.holdFor = .seconds(300)
        let bench = RuleBench([rule])
        bench.event("p-1", "fault", at: 0)
        bench.wait(10)
        bench.event("p-1", "restored", at: 10)
        #expect(bench.wait(400).isEmpty)
    }

    /// The kind is no longer meant: what was pending for it is not raised.
    @Test func reloadThatNarrowsTheKindsStopsWhatIsPending() {
        let bench = RuleBench([.lowPressure()])
        bench.read("h-1", "hydrant", "pressure", .number(0.05), at: 0)
        var narrow = RuleDefinition.lowPressure()
        narrow.kinds = ["panel"]
        bench.engine.adopt([narrow])
        #expect(bench.wait(200).isEmpty)
    }

    @Test func eventThatWaitsKeepsItsDetail() {
        var rule = RuleDefinition.faultEvent
        rule.holdFor = .seconds(60)
        let bench = RuleBench([rule])
        bench.event("p-1", "fault", at: 0, quality: .clock, detail: "loop 2 open")
        let raised = bench.wait(61).first?.alarm
        #expect(raised?.detail == "loop 2 open" && raised?.flags == ["clock"])
        // Of another life nothing is left.
        bench.event("p-1", "restored", at: 70)
        bench.event("p-1", "fault", at: 80)
        let second = bench.wait(61).first?.alarm
        #expect(second != nil && second?.detail == nil && second?.flags == [])
    }

    @Test func eventToldAgainWhileItClearsIsAnOccurrence() throws {
        var rule = RuleDefinition.faultEvent
        rule.clearFor = .seconds(60)
        let bench = RuleBench([rule])
        let alarm = try #require(bench.event("p-1", "fault", at: 0).first?.alarm)
        bench.event("p-1", "restored", at: 10)
        #expect(bench.event("p-1", "fault", at: 20).map(\.kind) == [.occurrence])
        _ = try bench.act(.acknowledge, on: alarm)
        bench.event("p-1", "restored", at: 30)
        let again = bench.event("p-1", "fault", at: 40).first
        #expect(again?.kind == .updated && again?.alarm.reraised == true)
        #expect(bench.wait(100).isEmpty)
    }

    // MARK: What the device says about itself

    @Test func flagsOfAnActiveAlarmAreThoseOfTheMoment() {
        let bench = RuleBench()
        bench.event("p-1", "fire", at: 0, component: "c-1")
        bench.event("p-1", "fire", at: 0, component: "c-2")
        let muted = bench.event("p-1", "silence", at: 5)
        #expect(muted.map(\.kind) == [.occurrence, .occurrence])
        #expect(muted.allSatisfy { $0.alarm.flags == ["silence"] && $0.alarm.occurrences == 1 })
        let disabled = bench.read("p-1", "panel", "disabled", .boolean(true), at: 6, component: "c-2")
        #expect(disabled.map(\.alarm.component) == ["c-2"])
        #expect(disabled.first?.alarm.flags == ["silence", "disabled"])
        #expect(bench.read("p-1", "panel", "disabled", .boolean(true), at: 7, component: "c-2").isEmpty)
        let again = bench.event("p-1", "fire", at: 8, component: "c-2", quality: .clock).first?.alarm
        #expect(again?.occurrences == 2 && again?.flags == ["silence", "disabled", "clock"])
        #expect(bench.event("p-1", "silence", active: false, at: 9).map(\.alarm.flags) == [[], ["disabled", "clock"]])
        bench.event("p-1", "reset", at: 10)
        #expect(bench.event("p-1", "silence", at: 11).isEmpty)
    }

    @Test func shorterTimeOfAReloadIsKept() {
        let bench = RuleBench([.lowPressure(for: .seconds(3600))])
        bench.read("h-1", "hydrant", "pressure", .number(0.05), at: 0)
        bench.engine.adopt([.lowPressure(for: .seconds(60))])
        #expect(bench.wait(61).map(\.kind) == [.raised])
    }

    @Test func reloadThatAddsAMetricKeepsTheAlarm() throws {
        let bench = RuleBench([.lowPressure(for: .zero)])
        let alarm = try #require(bench.read("h-1", "hydrant", "pressure", .number(0.05), at: 0).first?.alarm)
        var wider = RuleDefinition.lowPressure(for: .zero, clearFor: .zero)
        wider.when = Condition(subject: .metrics(["pressure", "flow"]), test: .below(0.10))
        bench.engine.adopt([wider])
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.05), at: 1).isEmpty)
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.3), at: 2).map(\.alarm.id) == [alarm.id])
    }

    @Test func actOnWhatHasEndedMeanwhileIsRefused() throws {
        let bench = RuleBench()
        let seen = try #require(bench.event("p-1", "fire", at: 0).first?.alarm)
        bench.event("p-1", "reset", at: 10)
        #expect(throws: OperatorActError.alreadyCleared) { _ = try bench.act(.acknowledge, on: seen) }
    }

    @Test func retryRaisesOnlyWhatNewerInputsHaveNotDecided() {
        let bench = RuleBench([.lowPressure(for: .zero)])
        let series = bench.series("h-1", "hydrant", "pressure")
        bench.read("h-1", "hydrant", "pressure", .number(0.3), quality: .receiptTime)
        let old = RuleBench.start + -60_000
        bench.engine.apply(
            Reading(
                series: series, at: old, receivedAt: old, value: .number(0.05), quality: .receiptTime, backlog: true),
            live: bench.live, isRetry: true)
        #expect(bench.engine.takeChanges().isEmpty)
        let smoke = bench.series("s-1", "smoke", "smoke")
        bench.read("s-1", "smoke", "smoke", .boolean(false), quality: .receiptTime)
        bench.engine.apply(
            Reading(
                series: smoke, at: old, receivedAt: old, value: .boolean(true), quality: .receiptTime, backlog: true),
            live: bench.live, isRetry: true)
        #expect(bench.engine.takeChanges().map(\.alarm.late) == [true])
    }

    @Test func shippedRulesCompile() {
        let rules = Defaults.rules(for: Defaults.catalogue).rules
        #expect(rules.count > 20)
        let bench = RuleBench(rules)
        let changes = bench.read("e-1", "electrical", "residual_current", .number(600), at: 0) + bench.wait(31)
        #expect(changes.contains { $0.kind == .raised && $0.alarm.category == .electrical })
    }

    // MARK: What must not depend on where things happen to lie

    @Test func alarmThatStandsWithoutItsRuleSharesNoIdWithTheNext() throws {
        let bench = RuleBench([.faultEvent])
        let first = try #require(bench.event("p-1", "fault", at: 0).first?.alarm)
        bench.engine.adopt([])
        bench.engine.adopt([.faultEvent])
        let second = try #require(bench.event("p-1", "fault", at: 0).first)
        #expect(second.kind == .raised && second.ordinal == 1 && second.alarm.id != first.id)
        #expect(bench.engine.activeCounts()[.fault]?[.minor] == 2)
    }

    @Test func timersComeInTheOrderOfTheirTimes() {
        let bench = RuleBench([.lowPressure()])
        // The timer of h-1 stays set for its first dip, which did not last.
        bench.read("h-1", "hydrant", "pressure", .number(0.05), quality: .receiptTime)
        bench.wait(10)
        bench.read("h-1", "hydrant", "pressure", .number(0.3), quality: .receiptTime)
        #expect(bench.engine.nextDeadline == nil)
        bench.read("h-2", "hydrant", "pressure", .number(0.05), quality: .receiptTime)
        bench.wait(20)
        bench.read("h-1", "hydrant", "pressure", .number(0.05), quality: .receiptTime)
        #expect(bench.engine.nextDeadline == 130_000)
        #expect(bench.wait(300).map(\.alarm.device.id) == ["h-2", "h-1"])
    }

    @Test func timersOfOneTimeComeInTheOrderOfSeries() {
        let bench = RuleBench([.lowPressure()])
        bench.engine.adopt(FloodLimits(moreThan: 0))
        for device in 0..<20 { _ = bench.series("h-\(device)", "hydrant", "pressure") }
        for device in (0..<20).reversed() {
            bench.read("h-\(device)", "hydrant", "pressure", .number(0.05), quality: .receiptTime)
        }
        #expect(bench.wait(120).map(\.alarm.device.id) == (0..<20).map { "h-\($0)" })
    }

    @Test func changeOfFlagsIsShownInTheOrderOfSeries() {
        for component in [nil, "c-1"] {
            let bench = RuleBench([.faultEvent])
            for metric in ["fire", "event.fault"] { _ = bench.series("p-1", "panel", metric, component: "c-1") }
            bench.event("p-1", "fault", at: 0, component: "c-1")
            bench.read("p-1", "panel", "fire", .boolean(true), at: 1, component: "c-1")
            let shown = bench.read("p-1", "panel", "test", .boolean(true), at: 2, component: component)
            #expect(shown.map(\.alarm.metric) == ["fire", "event.fault"])
        }
    }

    @Test func systemAlarmsExpireInOneOrder() {
        let bench = RuleBench()
        let names = (0..<20).map { "d-\(10 + $0)" }
        for name in names.reversed() {
            bench.engine.systemReported(
                SystemCondition(
                    rule: "urgent-quarantined", component: name, severity: .major, title: Title(zh: "", en: ""),
                    expiresAfter: 1000), detail: nil, now: bench.now)
        }
        _ = bench.engine.takeChanges()
        #expect(bench.wait(1).map(\.alarm.component) == names)
    }

    @Test func systemAlarmThatComesAgainWithinAMillisecondIsAnother() {
        let bench = RuleBench()
        let condition = SystemCondition(
            rule: "webhook-gone", component: "duty-room", severity: .critical, title: Title(zh: "", en: ""))
        for _ in 0..<3 {
            bench.engine.systemReported(condition, detail: nil, now: bench.now)
            bench.engine.systemCeased(rule: condition.rule, component: condition.component, now: bench.now)
        }
        let raised = bench.engine.takeChanges().filter { $0.kind == .raised }
        #expect(raised.map(\.ordinal) == [0, 1, 2])
        #expect(Set(raised.map(\.alarm.id)).count == 3)
        #expect(Set(raised.map(\.cause)).count == 3)
    }

    @Test func ruleOfAReloadKnowsWhatIsLate() {
        let bench = RuleBench([])
        bench.read("h-1", "hydrant", "pressure", .number(0.3), at: 100)
        bench.engine.adopt([.lowPressure(for: .zero)])
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.05), at: 50).isEmpty)
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.05), at: 101).map(\.kind) == [.raised])
    }
}

import FireModel
import Testing

@testable import FireRules

struct ConditionTests {
    /// Every test with values just inside and just outside of it, and of other types.
    @Test(arguments: [
        (Condition.Test.above(1), [Value.number(1.0.nextUp), .number(7)], [Value.number(1), .number(0.5)]),
        (.below(1), [.number(1.0.nextDown), .number(-7)], [.number(1), .number(1.5)]),
        (.atLeast(1), [.number(1), .number(2)], [.number(1.0.nextDown)]),
        (.atMost(1), [.number(1), .number(-2)], [.number(1.0.nextUp)]),
        (.between(1...2), [.number(1), .number(1.5), .number(2)], [.number(1.0.nextDown), .number(2.0.nextUp)]),
        (.outside(1...2), [.number(1.0.nextDown), .number(2.0.nextUp)], [.number(1), .number(1.5), .number(2)]),
        (.equals(.number(0)), [.number(0), .number(-0.0)], [.number(1), .boolean(false)]),
        (.equals(.text("open")), [.text("open")], [.text("Open"), .text(""), .boolean(true)]),
        (.equals(.boolean(false)), [.boolean(false)], [.boolean(true), .number(0), .text("false")]),
        (.oneOf([.number(1), .number(2)]), [.number(1), .number(2)], [.number(3), .text("1")]),
        (
            .oneOf([.text("fault"), .text("7"), .boolean(true)]), [.text("fault"), .text("7"), .boolean(true)],
            [.text("ok"), .number(7), .boolean(false)]
        ),
        (.reported, [.boolean(true)], [.boolean(false), .number(1), .text("true")]),
    ])
    func testHoldsOfItsValuesOnly(_ test: Condition.Test, _ fulfilling: [Value], _ others: [Value]) {
        for value in fulfilling { #expect(test.isFulfilled(by: value), "\(value)") }
        for value in others { #expect(!test.isFulfilled(by: value), "\(value)") }
        for value in [Value.text("nan"), .boolean(true)] where !test.types.contains(value.type) {
            #expect(!test.isFulfilled(by: value), "\(value)")
        }
    }

    /// From the reading to the alarm and back, for a test of each type of value.
    @Test(arguments: [
        (Condition.Test.equals(.text("open")), Value.text("open"), Value.text("closed"), nil as Double?),
        (.oneOf([.text("a"), .text("b")]), .text("b"), .text("c"), nil), (.between(1...2), .number(1.5), .number(3), 1),
        (.outside(1...2), .number(3), .number(1.5), 2), (.outside(1...2), .number(0), .number(1.5), 1),
        (.above(1), .number(2), .number(1), 1), (.atMost(1), .number(1), .number(2), 1),
        (.equals(.boolean(false)), .boolean(false), .boolean(true), nil),
        (.equals(.number(3)), .number(3), .number(4), 3),
    ])
    func alarmIsRaisedAndCleared(_ test: Condition.Test, _ wrong: Value, _ right: Value, _ limit: Double?) {
        let rule = RuleDefinition(
            id: "r", kinds: [], category: .fault, severity: .minor, title: Title(zh: "甲", en: "A"),
            when: Condition(subject: .metrics(["m"]), test: test))
        let bench = RuleBench([rule])
        #expect(bench.read("d-1", "charger", "m", right, at: 0).isEmpty)
        let raised = bench.read("d-1", "charger", "m", wrong, at: 1)
        #expect(raised.map(\.kind) == [.raised])
        #expect(raised.first?.alarm.value == wrong && raised.first?.alarm.limit == limit)
        #expect(bench.read("d-1", "charger", "m", right, at: 2).map(\.alarm.clearedReason) == [.condition])
    }

    // MARK: A latch that is no fire

    private func latched(_ subject: Condition.Subject) -> RuleDefinition {
        RuleDefinition(
            id: "gas-cut", kinds: [], category: .gas, severity: .critical, title: Title(zh: "切断", en: "Cut off"),
            when: Condition(subject: subject, test: subject == .metrics(["gas"]) ? .atLeast(50) : .reported),
            latch: true)
    }

    @Test func latchedAlarmOutlivesItsCondition() throws {
        let bench = RuleBench([latched(.metrics(["gas"]))])
        let alarm = try #require(bench.read("p-1", "panel", "gas", .number(60), at: 0, component: "c-1").first?.alarm)
        #expect(alarm.latched && alarm.category == .gas)
        #expect(bench.read("p-1", "panel", "gas", .number(0), at: 1, component: "c-1").isEmpty)
        #expect(bench.event("p-1", "restored", at: 2, component: "c-1").isEmpty)
        #expect(bench.wait(3600).isEmpty)
        #expect(try bench.act(.reset(force: false), on: alarm).map(\.alarm.clearedReason) == [.operatorReset])
    }

    @Test func latchedAlarmNeedsForceWhileItsCauseIsThere() throws {
        let bench = RuleBench([latched(.metrics(["gas"]))])
        let alarm = try #require(bench.read("p-1", "panel", "gas", .number(60), at: 0).first?.alarm)
        #expect(throws: OperatorActError.causeStillReported) { _ = try bench.act(.reset(force: false), on: alarm) }
        #expect(try bench.act(.reset(force: true), on: alarm).map(\.kind) == [.cleared])
        #expect(bench.read("p-1", "panel", "gas", .number(61), at: 10).map(\.kind) == [.raised])
    }

    @Test(arguments: Verdict.allCases) func onlyClearingVerdictsEndALatchedAlarm(_ verdict: Verdict) throws {
        let bench = RuleBench([latched(.metrics(["gas"]))])
        let alarm = try #require(bench.read("p-1", "panel", "gas", .number(60), at: 0).first?.alarm)
        bench.read("p-1", "panel", "gas", .number(0), at: 1)
        let changes = try bench.act(.verdict(verdict, cause: nil, force: false), on: alarm)
        #expect(changes.map(\.kind) == (verdict.clears ? [.verdict, .cleared] : [.verdict]))
        #expect(changes.last?.alarm.clearedReason == (verdict.clears ? .verdict : nil))
    }

    /// A verdict ends what is latched; another alarm ends with its condition.
    @Test func verdictEndsNoAlarmThatIsNotLatched() throws {
        let bench = RuleBench([.lowPressure(for: .zero)])
        let alarm = try #require(bench.read("h-1", "hydrant", "pressure", .number(0.05), at: 0).first?.alarm)
        #expect(try bench.act(.verdict(.falseAlarm, cause: nil, force: false), on: alarm).map(\.kind) == [.verdict])
    }

    @Test func panelResetEndsALatchedAlarmOfAnEvent() {
        let bench = RuleBench([latched(.events(["supervisory"])), .faultEvent])
        bench.event("p-1", "supervisory", at: 0, component: "c-1")
        bench.event("p-1", "fault", at: 0, component: "c-1")
        #expect(bench.event("p-1", "supervisory", active: false, at: 1, component: "c-1").isEmpty)
        let reset = bench.event("p-1", "reset", at: 2)
        #expect(reset.map(\.alarm.rule) == ["gas-cut"] && reset.first?.alarm.clearedReason == .panelReset)
        #expect(bench.event("p-1", "supervisory", at: 3, component: "c-1").map(\.kind) == [.raised])
    }
}

extension Value {
    fileprivate var type: Metric.ValueType {
        switch self {
        case .number: .number
        case .boolean: .boolean
        case .text: .text
        }
    }
}

extension Condition.Test {
    fileprivate var types: Set<Metric.ValueType> {
        switch self {
        case .above, .below, .atLeast, .atMost, .between, .outside: [.number]
        case .reported: [.boolean]
        case .equals, .oneOf, .changed: [.number, .boolean, .text]
        }
    }
}

import FireModel
import FireSettings
import Testing

@testable import FireRules

/// Every shipped rule through the engine: raised by its number and not by the one before it, after its time and not
/// sooner, cleared behind its margin and not within it.
struct ShippedRulesTests {
    static let rules = Defaults.rules(for: Defaults.catalogue).rules

    struct Case: Sendable, CustomTestStringConvertible {
        var rule: String
        var kind: String
        var metrics: [String]
        /// Raises just so; just does not.
        var raises: Value
        var bears: Value
        /// Clears just so; just does not. `nil`: the opposite.
        var clears: Value
        var stays: Value?
        var after: Double = 0
        var clearsAfter: Double = 0
        var testDescription: String { rule }

        init(
            _ rule: String, _ kind: String, _ metrics: [String], raises: Double, not bears: Double, clears: Double,
            not stays: Double, after: Double = 0, clearsAfter: Double = 0
        ) {
            self.rule = rule
            self.kind = kind
            self.metrics = metrics
            self.raises = .number(raises)
            self.bears = .number(bears)
            self.clears = .number(clears)
            self.stays = .number(stays)
            self.after = after
            self.clearsAfter = clearsAfter
        }

        init(_ rule: String, _ kind: String, _ metric: String) {
            self.rule = rule
            self.kind = kind
            metrics = [metric]
            (raises, bears, clears) = (.boolean(true), .boolean(false), .boolean(false))
        }
    }

    private static let cable = (1...8).map { "temperature_\($0)" }
    private static let voltages = ["voltage_a", "voltage_b", "voltage_c"]

    static let cases: [Case] = [
        Case(
            "hydrant-pressure-low", "hydrant", ["pressure"], raises: 0.099, not: 0.10, clears: 0.11, not: 0.109,
            after: 120,
            clearsAfter: 60),
        Case(
            "hydrant-pressure-reduced", "hydrant", ["pressure"], raises: 0.139, not: 0.14, clears: 0.15, not: 0.149,
            after: 600, clearsAfter: 60),
        Case(
            "hydrant-pressure-high", "hydrant", ["pressure"], raises: 0.801, not: 0.8, clears: 0.78, not: 0.79,
            after: 120, clearsAfter: 60),
        Case(
            "hydrant-dry", "hydrant", ["pressure"], raises: 0.019, not: 0.02, clears: 0.03, not: 0.029, clearsAfter: 60),
        Case("hydrant-tilt", "hydrant", "tilt"), Case("hydrant-impact", "hydrant", "impact"),
        Case("hydrant-cover-open", "hydrant", "cover_open"), Case("hydrant-leak", "hydrant", "leak"),
        Case("hydrant-discharge", "hydrant", "discharge"),
        Case(
            "residual-current-high", "electrical", ["residual_current"], raises: 300, not: 299, clears: 269, not: 270,
            after: 30),
        Case(
            "residual-current-alarm", "electrical", ["residual_current"], raises: 500, not: 499, clears: 449, not: 450,
            after: 30),
        Case("cable-temperature-high", "electrical", cable, raises: 70, not: 69.9, clears: 64.9, not: 65),
        Case("cable-temperature-alarm", "electrical", cable, raises: 90, not: 89.9, clears: 84.9, not: 85),
        Case("arc-fault", "electrical", "arc"),
        Case("over-voltage", "electrical", voltages, raises: 253.1, not: 253, clears: 250, not: 250.1, after: 10),
        Case("under-voltage", "electrical", voltages, raises: 186.9, not: 187, clears: 190, not: 189.9, after: 10),
        Case("charger-temperature-high", "charger", ["temperature"], raises: 70, not: 69.9, clears: 64.9, not: 65),
        Case("charger-temperature-alarm", "charger", ["temperature"], raises: 90, not: 89.9, clears: 84.9, not: 85),
        Case("charger-overload", "charger", ["power"], raises: 1000.1, not: 1000, clears: 950, not: 950.1, after: 10),
        Case("panel-fault", "panel", "fault"), Case("panel-disabled", "panel", "disabled"),
        Case("panel-supervisory", "panel", "supervisory"), Case("panel-started", "panel", "started"),
        Case("panel-feedback", "panel", "feedback"), Case("panel-power-fault", "panel", "power_fault"),
        Case("panel-mains-fault", "panel", "mains_fault"), Case("panel-standby-fault", "panel", "standby_fault"),
        Case("panel-link-fault", "panel", "link_fault"), Case("panel-line-fault", "panel", "line_fault"),
        Case("gas-low-alarm", "panel", ["gas"], raises: 25, not: 24.9, clears: 19.9, not: 20),
        Case("gas-high-alarm", "panel", ["gas"], raises: 50, not: 49.9, clears: 44.9, not: 45),
        Case("smoke-temperature-high", "smoke", ["temperature"], raises: 60, not: 59.9, clears: 54.9, not: 55),
        Case("smoke-contaminated", "smoke", "contaminated"), Case("smoke-fault", "smoke", "fault"),
        Case("smoke-tamper", "smoke", "tamper"),
        Case("battery-low", "smoke", ["battery"], raises: 15, not: 15.1, clears: 20.1, not: 20),
        Case("battery-low", "hydrant", ["battery"], raises: 15, not: 15.1, clears: 20.1, not: 20),
    ]

    /// What looks back, at other devices or at silence: driven by the tests in `Config/rule-tests`.
    static let elsewhere: Set<String> = [
        "hydrant-pressure-drop", "hydrant-water-use", "water-main-burst", "hydrant-offline", "electrical-offline",
        "charger-temperature-rise", "charger-session-long", "charger-session-too-long", "charger-float",
        "charger-offline", "panel-late", "panel-offline", "smoke-offline",
    ]

    /// What begins, and what else than its own end ends it.
    static let events: [(rule: String, event: String, ends: [String])] = [
        ("event-pre-alarm", "pre_alarm", ["restored"]), ("event-fault", "fault", ["restored"]),
        ("event-disabled", "disabled", ["restored"]), ("event-supervisory", "supervisory", ["restored"]),
        ("event-started", "started", ["stopped", "restored"]), ("event-feedback", "feedback", ["restored"]),
        ("event-tamper", "tamper", ["restored"]), ("event-battery-low", "battery_low", ["restored"]),
    ]

    @Test func everyRuleIsDriven() {
        #expect(
            Set(Self.rules.map(\.id))
                == Set(Self.cases.map(\.rule) + Self.events.map(\.rule)).union(Self.elsewhere))
        for rule in Self.rules where !Self.elsewhere.contains(rule.id) {
            guard case .metrics(let names) = rule.when.term?.subject else { continue }
            let driven = Self.cases.filter { $0.rule == rule.id }
            #expect(driven.allSatisfy { $0.metrics == names }, "\(rule.id)")
            #expect(Set(driven.map(\.kind)) == Set(rule.kinds), "\(rule.id)")
        }
    }

    @Test(arguments: cases) func ruleRaisesAndClearsAtItsNumbers(_ it: Case) throws {
        for metric in it.metrics {
            let bench = RuleBench(Self.rules)
            func tell(_ value: Value) -> [AlarmChange] {
                bench.read("d-1", it.kind, metric, value, component: "c-1").filter { $0.alarm.rule == it.rule }
            }
            func pass(_ seconds: Double) -> [AlarmChange] {
                bench.wait(seconds).filter { $0.alarm.rule == it.rule }
            }
            #expect(tell(it.bears).isEmpty && pass(it.after + 1).isEmpty, "\(metric) within its limit")
            var raised = tell(it.raises)
            if it.after > 0 {
                #expect(raised.isEmpty && pass(it.after - 1).isEmpty, "\(metric) too soon")
                raised = pass(1)
            }
            let alarm = try #require(raised.first?.alarm, "\(metric) is not raised")
            let definition = try #require(Self.rules.first { $0.id == it.rule })
            #expect(alarm.category == definition.category && alarm.severity == definition.severity)
            #expect(alarm.metric == metric && alarm.value == it.raises && !alarm.latched)
            if case .number = it.raises { #expect(alarm.unit != nil && alarm.limit != nil) }
            if let stays = it.stays {
                #expect(tell(stays).isEmpty && pass(it.clearsAfter + 1).isEmpty, "\(metric) within its margin")
            }
            var cleared = tell(it.clears)
            if it.clearsAfter > 0 {
                #expect(cleared.isEmpty && pass(it.clearsAfter - 1).isEmpty, "\(metric) cleared too soon")
                cleared = pass(1)
            }
            #expect(cleared.map(\.kind) == [.cleared], "\(metric)")
        }
    }

    @Test(arguments: events) func eventRaisesAndIsEnded(_ rule: String, _ event: String, _ ends: [String]) throws {
        for kind in Defaults.catalogue.kinds.map(\.name) {
            for end in ends + [event] {
                let bench = RuleBench(Self.rules)
                #expect(bench.event("d-1", event, active: false, at: 0, component: "c-1", kind: kind).isEmpty)
                let raised = bench.event("d-1", event, at: 1, component: "c-1", kind: kind)
                #expect(raised.map(\.alarm.rule) == [rule])
                #expect(bench.event("d-1", end, active: end != event, at: 2, component: "c-2", kind: kind).isEmpty)
                let ended = bench.event("d-1", end, active: end != event, at: 3, component: "c-1", kind: kind)
                #expect(ended.map(\.kind) == [.cleared], "\(event) by \(end)")
            }
        }
    }
}

import FireModel
import Testing

@testable import FireRules

/// What happens to an alarm that nobody acknowledges (contract 6).
struct EscalationTests {
    private static func rules(latch: Bool = false) -> [RuleDefinition] {
        var rule = RuleDefinition.lowPressure(for: .zero, clearFor: .zero)
        rule.latch = latch
        rule.escalation = [
            EscalationStep(after: .seconds(300), webhooks: ["chief"]),
            EscalationStep(after: .seconds(900), severity: .critical, webhooks: ["fire-office"], every: .seconds(600)),
        ]
        return [rule]
    }

    private func raised(latch: Bool = false) throws -> (RuleBench, Alarm) {
        let bench = RuleBench(Self.rules(latch: latch))
        bench.steady = 1000
        return (bench, try #require(bench.read("h-1", "hydrant", "pressure", .number(0.05), at: 0).first?.alarm))
    }

    @Test func stepsComeInTheirTime() throws {
        let (bench, alarm) = try raised()
        #expect(alarm.escalation == 0)
        #expect(bench.wait(299).isEmpty)
        let first = bench.wait(1)
        #expect(first.map(\.kind) == [.escalated])
        #expect(first.first?.alarm.escalation == 1)
        #expect(first.first?.alarm.severity == .major)
        #expect(first.first?.alarm.revision == 2)
        #expect(first.first?.webhooks == ["chief"])
        #expect(bench.wait(599).isEmpty)
        let second = bench.wait(1)
        #expect(second.first?.alarm.escalation == 2)
        #expect(second.first?.alarm.severity == .critical)
        #expect(second.first?.webhooks == ["fire-office"])
        for _ in 0..<3 {
            #expect(bench.wait(599).isEmpty)
            let again = bench.wait(1)
            #expect(again.map(\.kind) == [.escalated])
            #expect(again.first?.webhooks == ["fire-office"])
            #expect(again.first?.alarm.escalation == 2)
        }
    }

    @Test func acknowledgementStopsIt() throws {
        let (bench, alarm) = try raised()
        bench.wait(300)
        _ = try bench.act(.acknowledge, on: alarm)
        #expect(bench.wait(100_000).isEmpty)
    }

    @Test func endStopsIt() throws {
        let (bench, _) = try raised()
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.3), at: 1).map(\.kind) == [.cleared])
        #expect(bench.wait(100_000).isEmpty)
    }

    @Test func reraiseBeginsAnew() throws {
        let (bench, alarm) = try raised(latch: true)
        bench.wait(300)
        _ = try bench.act(.acknowledge, on: alarm)
        bench.read("h-1", "hydrant", "pressure", .number(0.3))
        bench.wait(1000)
        let again = bench.read("h-1", "hydrant", "pressure", .number(0.05))
        #expect(again.map(\.kind) == [.updated])
        #expect(again.first?.alarm.reraised == true)
        #expect(again.first?.alarm.escalation == 0)
        #expect(bench.wait(299).isEmpty)
        #expect(bench.wait(1).first?.alarm.escalation == 1)
    }

    /// It is about people, not about the broker; and not about what the wall clock is set to.
    @Test func timeWithoutBrokerCountsAndStepsOfTheClockDoNot() throws {
        let (bench, _) = try raised()
        bench.lose(86_400)
        #expect(bench.wait(1).isEmpty)
        bench.disconnect(298)
        #expect(bench.wait(0).isEmpty)
        bench.lose(-90_000)
        #expect(bench.wait(0).isEmpty)
        #expect(bench.wait(1).map(\.kind) == [.escalated])
    }

    /// Over a restart the wall clock says how long it was.
    @Test func timeOfARestartCounts() throws {
        let (bench, _) = try raised()
        let bytes = bench.engine.checkpoint { _ in nil }
        for (away, expected) in [(298.0, 0), (299, 1)] {
            let after = RuleBench(Self.rules(), fleetFrom: bench)
            try after.engine.restore(checkpoint: bytes, live: bench.live) { _ in nil }
            after.engine.steadyClockBeganAnew()
            after.steady = 77_000
            after.lose(away)
            #expect(after.wait(1).count == expected)
            #expect(after.wait(1).count == 1 - expected)
        }
    }

    /// Known from the store alone it counts from its receipt.
    @Test func withoutACheckpointItCountsFromItsReceipt() throws {
        let (bench, alarm) = try raised()
        bench.lose(200)
        let after = RuleBench(Self.rules(), restoring: [(alarm, 0)], fleetFrom: bench)
        after.steady = 0
        #expect(after.wait(1).isEmpty)
        #expect(after.wait(98).isEmpty)
        #expect(after.wait(1).map(\.kind) == [.escalated])
    }

    @Test func whatIsHeldBackDoesNotEscalate() throws {
        let (bench, _) = try raised()
        bench.wait(200)
        let silence = Silence(
            id: "s", devices: ["h-1"], createdAt: bench.now, until: bench.now + 3_600_000, by: "duty", reason: "work")
        _ = try bench.act(.silence(silence))
        #expect(bench.wait(3599).isEmpty)
        #expect(bench.wait(1).map(\.kind) == [.updated])
        // Told only now, to some: it begins anew.
        #expect(bench.wait(299).isEmpty)
        #expect(bench.wait(1).map(\.kind) == [.escalated])
    }

    /// An escalation never makes an alarm less severe than it is.
    @Test func severityOnlyRises() throws {
        var rules = Self.rules()
        rules[0].severity = .critical
        rules[0].escalation = [EscalationStep(after: .seconds(60), severity: .minor)]
        let bench = RuleBench(rules)
        bench.read("h-1", "hydrant", "pressure", .number(0.05), at: 0)
        #expect(bench.wait(60).map(\.alarm.severity) == [.critical])
        #expect(bench.wait(100_000).isEmpty)
    }

    @Test func reloadWithOtherStepsCountsOn() throws {
        let (bench, _) = try raised()
        bench.wait(200)
        var rules = Self.rules()
        rules[0].escalation = [EscalationStep(after: .seconds(210))]
        bench.engine.adopt(rules)
        #expect(bench.wait(9).isEmpty)
        #expect(bench.wait(1).map(\.kind) == [.escalated])
        #expect(bench.wait(100_000).isEmpty)
    }
}

import FireModel
import Testing

@testable import FireRules

/// Too many alarms, and alarms that come and go (ISA-18.2).
struct FloodTests {
    private static func rules(_ severity: AlarmSeverity = .major, _ category: AlarmCategory = .water)
        -> [RuleDefinition]
    {
        var rule = RuleDefinition.lowPressure(for: .zero, clearFor: .zero)
        rule.severity = severity
        rule.category = category
        return [rule]
    }

    private func raise(_ bench: RuleBench, _ range: Range<Int>) -> [AlarmChange] {
        range.flatMap { bench.read("h-\($0)", "hydrant", "pressure", .number(0.05)) }
    }

    @Test func floodIsOneAlarm() throws {
        let bench = RuleBench(Self.rules())
        bench.steady = 0
        let first = raise(bench, 0..<10)
        #expect(first.map(\.kind) == Array(repeating: .raised, count: 10))
        #expect(first.allSatisfy { $0.alarm.suppressed.isEmpty })
        let more = raise(bench, 10..<11)
        #expect(more.map(\.alarm.suppressed) == [["grouped"], []])
        let flood = try #require(more.last)
        #expect(flood.kind == .raised)
        #expect(flood.alarm.rule == "alarm-flood")
        #expect(flood.alarm.category == .system)
        #expect(flood.alarm.detail == "1: water hydrant-pressure-low 1")
        // Not once more within a minute, however many come.
        #expect(raise(bench, 11..<40).allSatisfy { $0.kind == .raised && $0.alarm.suppressed == ["grouped"] })
        #expect(bench.wait(59).isEmpty)
        let update = bench.wait(1)
        #expect(update.map(\.kind) == [.updated])
        #expect(update.first?.alarm.detail == "30: water hydrant-pressure-low 30")
        #expect(bench.wait(60).isEmpty)
        // Some end before the flood does, and are never told.
        for device in 20..<40 { bench.read("h-\(device)", "hydrant", "pressure", .number(0.3)) }
        #expect(bench.wait(479).isEmpty)
        let end = bench.wait(1)
        #expect(end.first?.kind == .cleared)
        #expect(end.first?.alarm.rule == "alarm-flood")
        #expect(end.dropFirst().map(\.alarm.device.id).sorted() == (10..<20).map { "h-\($0)" })
        #expect(end.dropFirst().allSatisfy { $0.kind == .updated && $0.alarm.suppressed.isEmpty })
        #expect(raise(bench, 50..<51).first?.alarm.suppressed == [])
    }

    /// It goes on while no fewer than five come within the window.
    @Test func floodGoesOnWhileTheyCome() {
        let bench = RuleBench(Self.rules())
        bench.steady = 0
        _ = raise(bench, 0..<11)
        bench.wait(300)
        _ = raise(bench, 11..<16)
        bench.wait(599)
        #expect(bench.engine.annunciation.state.flood.isActive)
        bench.wait(1)
        #expect(!bench.engine.annunciation.state.flood.isActive)
    }

    @Test func fireIsToldInAFlood() {
        let bench = RuleBench(Self.rules())
        _ = raise(bench, 0..<20)
        for index in 0..<20 {
            let changes = bench.event("s-\(index)", "fire", kind: "smoke")
            #expect(changes.map(\.kind) == [.raised])
            #expect(changes.first?.alarm.suppressed == [])
        }
    }

    /// Twenty fires are no flood: what comes beside them is told.
    @Test func firesMakeNoFlood() {
        let bench = RuleBench(Self.rules())
        for index in 0..<20 { bench.event("s-\(index)", "fire", kind: "smoke") }
        #expect(raise(bench, 0..<10).allSatisfy { $0.alarm.suppressed.isEmpty })
    }

    @Test(arguments: [(AlarmSeverity.critical, AlarmCategory.gas), (.major, .preAlarm)])
    func whatCannotWaitIsTold(_ severity: AlarmSeverity, _ category: AlarmCategory) {
        let bench = RuleBench(Self.rules(severity, category))
        #expect(
            raise(bench, 0..<30).filter { $0.alarm.category == category }.allSatisfy { $0.alarm.suppressed.isEmpty })
    }

    @Test func limitsAreTheConfigured() {
        let bench = RuleBench(Self.rules())
        bench.engine.adopt(FloodLimits(moreThan: 2, within: .seconds(60), endBelow: 1))
        #expect(raise(bench, 0..<3).map(\.alarm.suppressed) == [[], [], ["grouped"], []])
        bench.wait(60)
        #expect(!bench.engine.annunciation.state.flood.isActive)
        bench.engine.adopt(FloodLimits(moreThan: 0))
        #expect(raise(bench, 10..<100).allSatisfy { $0.alarm.suppressed.isEmpty })
    }

    @Test func switchingItOffTellsWhatWasGrouped() {
        let bench = RuleBench(Self.rules())
        _ = raise(bench, 0..<12)
        bench.engine.adopt(FloodLimits(moreThan: 0))
        let told = bench.wait(1)
        #expect(told.filter { $0.kind == .updated }.count == 2)
        #expect(told.contains { $0.kind == .cleared && $0.alarm.rule == "alarm-flood" })
    }

    // MARK: - Chattering

    private func blink(_ bench: RuleBench, _ seconds: Double) -> Alarm? {
        let raised = bench.read("h-1", "hydrant", "pressure", .number(0.05)).first
        bench.wait(seconds / 2)
        bench.read("h-1", "hydrant", "pressure", .number(0.3))
        bench.wait(seconds / 2)
        return raised?.alarm
    }

    @Test func threeInAMinuteIsChattering() {
        let bench = RuleBench(Self.rules())
        bench.steady = 0
        for _ in 0..<3 { #expect(blink(bench, 20)?.suppressed == []) }
        #expect(blink(bench, 20)?.suppressed == ["chattering"])
        // Quiet for five minutes, and it is an alarm like any other.
        bench.wait(300)
        #expect(blink(bench, 20)?.suppressed == [])
    }

    @Test func sixInFiveMinutesIsChattering() {
        let bench = RuleBench(Self.rules())
        for _ in 0..<6 { #expect(blink(bench, 40)?.suppressed == []) }
        #expect(blink(bench, 40)?.suppressed == ["chattering"])
    }

    @Test func slowOnesAreNot() {
        let bench = RuleBench(Self.rules())
        for _ in 0..<20 { #expect(blink(bench, 70)?.suppressed == []) }
    }

    @Test func whatStaysIsTold() {
        let bench = RuleBench(Self.rules())
        for _ in 0..<3 { _ = blink(bench, 10) }
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.05)).first?.alarm.suppressed == ["chattering"])
        #expect(bench.wait(299).isEmpty)
        let told = bench.wait(1)
        #expect(told.map(\.kind) == [.updated])
        #expect(told.first?.alarm.suppressed == [])
    }

    @Test func fireDoesNotChatter() throws {
        let bench = RuleBench()
        for _ in 0..<20 {
            let fire = try #require(bench.event("p-1", "fire").first?.alarm)
            #expect(fire.suppressed.isEmpty)
            _ = try bench.act(.reset(force: true), on: fire)
            bench.event("p-1", "fire", active: false)
            bench.wait(10)
        }
    }
}

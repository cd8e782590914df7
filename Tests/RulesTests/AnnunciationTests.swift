import FireModel
import Testing

@testable import FireRules

/// Silences, drills and alarms that hold others back (contract 5 and 6).
struct AnnunciationTests {
    private func silence(
        _ bench: RuleBench, _ seconds: Double, _ change: (inout Silence) -> Void
    ) throws -> [AlarmChange] {
        var silence = Silence(
            id: "s", createdAt: bench.now, until: bench.now + Int64(seconds * 1000), by: "duty", reason: "work")
        change(&silence)
        return try bench.act(.silence(silence))
    }

    @Test func silenceHoldsBackUntilItsEnd() throws {
        let bench = RuleBench([.lowPressure(for: .zero)])
        let before = try #require(bench.read("h-1", "hydrant", "pressure", .number(0.05), at: 0).first?.alarm)
        #expect(before.suppressed.isEmpty)
        // What is active already is marked, too.
        let marked = try silence(bench, 3600) { $0.devices = ["h-1", "h-2"] }
        #expect(marked.map(\.kind) == [.updated])
        #expect(marked.first?.alarm.suppressed == ["shelved"])
        #expect(bench.engine.silenceCount == 1)
        let raised = try #require(bench.read("h-2", "hydrant", "pressure", .number(0.05), at: 0).first)
        #expect(raised.kind == .raised)
        #expect(raised.alarm.isHeldBack)
        // Another device is none of it.
        #expect(bench.read("h-3", "hydrant", "pressure", .number(0.05), at: 0).first?.alarm.suppressed == [])
        #expect(bench.wait(3599).isEmpty)
        let told = bench.wait(1)
        #expect(told.map(\.kind) == [.updated, .updated])
        #expect(Set(told.map(\.alarm.device.id)) == ["h-1", "h-2"])
        #expect(told.allSatisfy { $0.alarm.suppressed.isEmpty && $0.alarm.state == .active })
        #expect(bench.engine.silenceCount == 0)
    }

    @Test func silenceEndsByHandAndWhatIsOverStaysUntold() throws {
        let bench = RuleBench([.lowPressure(for: .zero, clearFor: .zero)])
        _ = try silence(bench, 3600) {
            $0.kinds = ["hydrant"]; $0.kind = .outOfService
        }
        for device in ["h-1", "h-2"] { bench.read(device, "hydrant", "pressure", .number(0.05), at: 0) }
        let cleared = bench.read("h-1", "hydrant", "pressure", .number(0.3), at: 1)
        #expect(cleared.map(\.kind) == [.cleared])
        #expect(cleared.first?.alarm.suppressed == ["out_of_service"])
        #expect(try bench.act(.endSilence("s", by: "duty")).map(\.alarm.device.id) == ["h-2"])
        #expect(throws: AnnunciationError.unknown) { try bench.act(.endSilence("s", by: "duty")) }
    }

    /// Whatever is silenced, fire is told: by category never even matched.
    @Test func fireIsNeverSilenced() throws {
        let bench = RuleBench()
        _ = try silence(bench, 3600) { $0.devices = ["p-1"] }
        let fire = try #require(bench.event("p-1", "fire", at: 0).first?.alarm)
        #expect(fire.suppressed.isEmpty)
        #expect(!fire.isHeldBack)
        #expect(bench.wait(3600).isEmpty)
        // Not even if somebody had written it there.
        var forged = fire
        forged.suppressed = ["shelved"]
        #expect(!forged.isHeldBack)
    }

    @Test func eachMatcherNarrows() {
        var alarm = Alarm(
            id: "a", gateway: "g", rule: "r-1", category: .water, severity: .major, latched: false,
            device: AlarmDevice(id: "d-1", kind: "hydrant", area: "320102"), component: "c-1", metric: nil,
            title: Title(zh: "", en: ""), raisedAt: RuleBench.start, receivedAt: RuleBench.start)
        let time = RuleBench.start
        func silence(_ change: (inout Silence) -> Void) -> Bool {
            var its = Silence(
                id: "s", devices: ["d-1"], areas: ["320102"], kinds: ["hydrant"], rules: ["r-1"],
                categories: [.water], components: ["c-1"], createdAt: time, until: time, by: "", reason: "")
            change(&its)
            return its.holdsBack(alarm)
        }
        #expect(silence { _ in })
        #expect(!silence { $0.devices = ["d-2"] })
        #expect(!silence { $0.areas = ["d-2"] })
        #expect(!silence { $0.kinds = ["smoke"] })
        #expect(!silence { $0.rules = ["r-2"] })
        #expect(!silence { $0.categories = [.gas] })
        #expect(!silence { $0.components = ["c-2"] })
        #expect(!Silence(id: "s", createdAt: time, until: time, by: "", reason: "").holdsBack(alarm))
        // Of an alarm across devices all must be meant.
        alarm.device.id = "_"
        alarm.devices = ["d-1", "d-2"]
        #expect(!silence { _ in })
        #expect(silence { $0.devices = ["d-1", "d-2"] })
    }

    @Test func drillMarksAndEnds() throws {
        let bench = RuleBench()
        let before = try #require(bench.event("p-1", "fire", at: 0, component: "c-0").first?.alarm)
        let drill = Drill(
            id: "d", devices: ["p-1"], createdAt: bench.now, until: bench.now + 3_600_000, by: "duty", reason: "drill")
        #expect(try bench.act(.drill(drill)).isEmpty)
        let marked = try #require(bench.event("p-1", "fire", at: 1, component: "c-1").first)
        #expect(marked.kind == .raised)
        #expect(marked.alarm.drill)
        #expect(!marked.alarm.isHeldBack)
        #expect(!before.drill)
        #expect(bench.event("p-2", "fire", at: 1).first?.alarm.drill == false)
        // Told again within the drill it is only counted.
        #expect(bench.event("p-1", "fire", at: 2, component: "c-1").map(\.kind) == [.occurrence])
        bench.wait(3600)
        // What goes on reporting behind the end of the drill is a fire.
        let real = bench.event("p-1", "fire", at: 3601, component: "c-1")
        #expect(real.map(\.kind) == [.updated])
        #expect(real.first?.alarm.drill == false)
    }

    /// What a device says of itself is no drill and no silence.
    @Test func testBitSuppressesNothing() throws {
        let bench = RuleBench()
        bench.event("p-1", "test", at: 0)
        let fire = try #require(bench.event("p-1", "fire", at: 1).first?.alarm)
        #expect(fire.flags == ["test"])
        #expect(!fire.drill)
        #expect(fire.suppressed.isEmpty)
    }

    // MARK: - Inhibition

    private static func rule(
        _ id: String, _ metric: String, _ category: AlarmCategory = .fault, inhibits: [Inhibition] = [],
        severity: AlarmSeverity = .minor
    ) -> RuleDefinition {
        RuleDefinition(
            id: id, kinds: [], category: category, severity: severity, title: Title(zh: "自", en: "Own"),
            when: Condition(subject: .metrics([metric]), test: .equals(.boolean(true))), inhibits: inhibits)
    }

    private func set(_ bench: RuleBench, _ metric: String, _ value: Bool, component: String? = nil) -> [AlarmChange] {
        bench.wait(1)
        return bench.read("p-1", "panel", metric, .boolean(value), component: component)
    }

    @Test func causeHoldsBackItsConsequences() throws {
        let bench = RuleBench([
            Self.rule("mains", "mains_fault", inhibits: [Inhibition(rules: ["part"])]),
            Self.rule("part", "power_fault"),
        ])
        // What came before is told already; from now on its changes are held back.
        #expect(set(bench, "power_fault", true, component: "c-1").first?.alarm.suppressed == [])
        let cause = set(bench, "mains_fault", true)
        #expect(cause.map(\.kind) == [.raised, .updated])
        #expect(cause.map(\.alarm.suppressed) == [[], ["inhibited"]])
        #expect(set(bench, "power_fault", true, component: "c-2").first?.alarm.suppressed == ["inhibited"])
        let fire = try #require(set(bench, "fire", true, component: "c-3").first?.alarm)
        #expect(fire.category == .fire)
        #expect(fire.suppressed.isEmpty)
        let end = set(bench, "mains_fault", false)
        #expect(end.map(\.kind) == [.cleared, .updated, .updated])
        #expect(end.dropFirst().allSatisfy { $0.alarm.suppressed.isEmpty })
    }

    @Test func componentScopeKeepsToIt() {
        let bench = RuleBench([
            Self.rule("dead", "disabled", inhibits: [Inhibition(scope: .component)]), Self.rule("part", "power_fault"),
        ])
        _ = set(bench, "disabled", true, component: "c-1")
        #expect(set(bench, "power_fault", true, component: "c-1").first?.alarm.suppressed == ["inhibited"])
        #expect(set(bench, "power_fault", true, component: "c-2").first?.alarm.suppressed == [])
    }

    /// Two that hold each other back would both be silent for ever.
    @Test func circleIsToldOnce() {
        let bench = RuleBench([
            Self.rule("a", "mains_fault", inhibits: [Inhibition(rules: ["b"])]),
            Self.rule("b", "power_fault", inhibits: [Inhibition(rules: ["c"])]),
            Self.rule("c", "line_fault", inhibits: [Inhibition(rules: ["a"])]),
        ])
        let first = set(bench, "mains_fault", true)
        #expect(first.first?.alarm.suppressed == [])
        #expect(set(bench, "power_fault", true).first?.alarm.suppressed == ["inhibited"])
        let last = set(bench, "line_fault", true)
        #expect(last.map(\.alarm.suppressed) == [["inhibited"]])
        #expect(bench.engine.activeAlarm(first.first?.alarm.id ?? "")?.suppressed == [])
    }

    @Test func offlineDeviceHasNothingMoreToSay() {
        let bench = RuleBench([Self.rule("off", "link_fault", .offline), Self.rule("part", "power_fault", .tamper)])
        _ = set(bench, "link_fault", true)
        #expect(set(bench, "power_fault", true).first?.alarm.suppressed == ["inhibited"])
        #expect(set(bench, "fire", true).first?.alarm.suppressed == [])
        #expect(bench.read("p-2", "panel", "power_fault", .boolean(true)).first?.alarm.suppressed == [])
    }

    @Test func reloadLooksThroughWhatIsActive() {
        let rules = [Self.rule("mains", "mains_fault"), Self.rule("part", "power_fault")]
        let bench = RuleBench(rules)
        _ = set(bench, "mains_fault", true)
        _ = set(bench, "power_fault", true)
        var changed = rules
        changed[0].inhibits = [Inhibition(rules: ["part"])]
        bench.engine.adopt(changed)
        #expect(bench.wait(1).map(\.alarm.suppressed) == [["inhibited"]])
        bench.engine.adopt(rules)
        #expect(bench.wait(1).map(\.alarm.suppressed) == [[]])
    }

    // MARK: - Restart

    @Test func checkpointOfVersionOneIsStillRead() throws {
        let bench = RuleBench([.lowPressure(for: .zero)])
        bench.read("h-1", "hydrant", "pressure", .number(0.05), at: 0)
        var section = CheckpointWriter()
        bench.engine.writeConditions(to: &section)
        bench.engine.writeAnnunciation(to: &section)
        let bytes = bench.engine.checkpoint { _ in nil }
        var old = CheckpointWriter()
        for byte in [1] + bytes[1..<(bytes.count - 8 - section.bytes.count)] { old.byte(byte) }
        old.seal()
        let after = RuleBench([.lowPressure(for: .zero)], fleetFrom: bench)
        try after.engine.restore(checkpoint: old.bytes, live: bench.live) { _ in nil }
        #expect(after.engine.activeAlarms.count == 1)
    }

    @Test func silencesComeFromTheStoreWithoutACheckpoint() throws {
        let bench = RuleBench([.lowPressure(for: .zero)])
        _ = try silence(bench, 3600) { $0.devices = ["h-1"] }
        let alarm = try #require(bench.read("h-1", "hydrant", "pressure", .number(0.05), at: 0).first?.alarm)
        let after = RuleBench([.lowPressure(for: .zero)], restoring: [(alarm, 0)], fleetFrom: bench)
        let stored = try #require(bench.engine.annunciation.state.silences.values.first)
        after.engine.restore(silences: [stored], drills: [])
        #expect(after.wait(1).isEmpty)
        #expect(after.wait(3600).map(\.alarm.suppressed) == [[]])
        // Without it, what was held back is told at once.
        let forgotten = RuleBench([.lowPressure(for: .zero)], restoring: [(alarm, 0)], fleetFrom: bench)
        #expect(forgotten.wait(1).map(\.alarm.suppressed) == [[]])
    }
}

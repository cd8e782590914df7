import ArgumentParser
import FireModel
import FireRules
import FireSettings
import Glibc

/// What rules cost: time per reading, memory per state, and a tick. Ratios of one run count; the machine is noisy.
@main
struct RuleBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rule-bench", abstract: "The figures of the rule engine.")

    @Option(help: "Devices of the fleet.") var devices = 100_000
    @Option(help: "Rules, the shipped ones and others like them.") var rules = 200
    @Option(help: "Rounds over all series.") var rounds = 8
    @Option(help: "Silence timers.") var timers = 300_000
    @Option(
        help:
            "Only readings of this kind, for a count of instructions; 'none' or 'other': rules of another kind or none."
    )
    var only = ""

    private static let start = Timestamp(milliseconds: 1_795_429_200_000)
    private static let gateway = AlarmDevice(id: "box", kind: "gateway", area: "_")
    private static let kinds: [(kind: String, metrics: [(name: String, value: Double)])] = [
        ("hydrant", [("pressure", 0.3), ("flow", 0), ("battery", 80)]),
        ("electrical", [("residual_current", 120), ("temperature_1", 40), ("voltage_a", 221)]),
        ("charger", [("power", 300), ("temperature", 35), ("current", 1.4)]),
        ("smoke", [("battery", 90), ("temperature", 22)]),
        ("hydrant", [("pressure", 0.25), ("battery", 60)]),
    ]

    func run() throws {
        if !only.isEmpty { return instructions() }
        try readings()
        memory()
        tick()
    }

    // MARK: - Parts

    private func readings() throws {
        let some = definitions()
        print("\(devices) devices, \(some.count) rules; nanoseconds of CPU per reading")
        var best = [Double](repeating: .infinity, count: 2)
        // Alternating, so that what disturbs one disturbs the other.
        let (plainFleet, series) = fleet()
        let plain = RuleEngine(gateway: Self.gateway, fleet: plainFleet, rules: [])
        let (ruledFleet, _) = fleet()
        let ruled = RuleEngine(gateway: Self.gateway, fleet: ruledFleet, rules: some)
        for round in 0..<rounds {
            for (index, engine) in [plain, ruled].enumerated() {
                best[index] = min(best[index], pass(engine, series, round))
            }
        }
        print("  without \(best[0].rounded()), with \(best[1].rounded()), the rules \((best[1] - best[0]).rounded())")
    }

    /// A round of all series in the order of devices, as messages bring them.
    private func pass(_ engine: RuleEngine, _ series: [(index: Int32, value: Double)], _ round: Int) -> Double {
        let live = Int64(round) * 60_000
        let at = Self.start + live
        let began = clock()
        for (place, its) in series.enumerated() {
            engine.apply(
                Reading(
                    series: its.index, at: at, receivedAt: at,
                    value: .number(its.value * (1 + Double(place & 7) / 1000)), quality: [], backlog: false),
                live: live, steady: live)
        }
        let used = clock() - began
        precondition(!engine.hasChanges, "the fleet is to be well")
        return Double(used) * 1e9 / Double(CLOCKS_PER_SEC) / Double(series.count)
    }

    private func memory() {
        let (fleet, series) = fleet()
        var rule = definitions()[0]
        rule.kinds = []
        rule.id = "waits"
        rule.holdFor = .seconds(3600)
        rule.when = Condition(subject: .metrics(["battery", "pressure"]), test: .atLeast(0))
        rule.clear = nil
        let engine = RuleEngine(gateway: Self.gateway, fleet: fleet, rules: [rule])
        _ = pass(RuleEngine(gateway: Self.gateway, fleet: fleet, rules: []), series, 0)
        for its in series { engine.apply(reading(its.index, -1), live: 0, steady: 0) }
        let before = resident()
        var count = 0
        for its in series where its.value > 50 || its.value < 1 {
            engine.apply(reading(its.index, 1), live: 0, steady: 0)
            count += 1
        }
        let after = resident()
        print("\(count) keys that wait for their time: \((after - before) / max(count, 1)) bytes each")
    }

    private func tick() {
        let fleet = Fleet(catalogue: Defaults.catalogue)
        let kind = fleet.kind("hydrant")
        let area = fleet.area("320102")
        let metric = fleet.metric("pressure")
        var rule = definitions()[0]
        rule.id = "silent"
        rule.clear = nil
        rule.when = .silent(.duration(.seconds(3600)))
        let engine = RuleEngine(gateway: Self.gateway, fleet: fleet, rules: [rule])
        var all: [Int32] = []
        for index in 0..<timers {
            let device = fleet.addDevice(id: "h-\(index)", kind: kind, area: area, at: Self.start)
            all.append(fleet.addSeries(device: device, component: -1, metric: metric))
        }
        // Heard one after the other over an hour, so that each second has its share.
        for (index, series) in all.enumerated() {
            engine.apply(reading(series, 0.3), live: Int64(index) * 3_600_000 / Int64(timers), steady: 0)
        }
        var worst = 0.0
        var total = 0.0
        let ticks = 1000
        for second in 0..<ticks {
            let live = 3_600_000 + Int64(second) * 1000 - 1_000_000
            let began = clock()
            engine.advance(live: live, now: Self.start + live)
            let used = Double(clock() - began) * 1000 / Double(CLOCKS_PER_SEC)
            worst = max(worst, used)
            total += used
        }
        print("a tick over \(timers) silence timers, nobody due: mean \(total / Double(ticks)) ms, longest \(worst) ms")
        var due = 0.0
        for second in 0..<10 {
            let live = 3_600_000 + Int64(second) * 1000
            let began = clock()
            engine.advance(live: live, now: Self.start + live)
            due += Double(clock() - began) * 1000 / Double(CLOCKS_PER_SEC)
            _ = engine.takeChanges()
        }
        print("  and with \(timers / 3600) devices falling silent in it: \(due / 10) ms")
    }

    /// For callgrind: the readings of smoke alarms, with no rule, or with 200 of hydrants.
    private func instructions() {
        let fleet = Fleet(catalogue: Defaults.catalogue)
        let device = fleet.addDevice(
            id: "s-1", kind: fleet.kind("smoke"), area: fleet.area("320102"), at: Self.start)
        let series = fleet.addSeries(device: device, component: -1, metric: fleet.metric("temperature"))
        // Read in both cases: that costs more than all the readings.
        let hydrants = definitions().filter { $0.kinds == ["hydrant"] }
        let its = only == "none" ? [] : hydrants
        let engine = RuleEngine(gateway: Self.gateway, fleet: fleet, rules: its)
        for index in 0..<1_000_000 {
            engine.apply(reading(series, 20, at: Int64(index)), live: Int64(index), steady: Int64(index))
        }
        print("\(its.count) rules of hydrants, a million readings of a smoke alarm")
    }

    // MARK: - Fleet and rules

    private func reading(_ series: Int32, _ value: Double, at: Int64 = 0) -> Reading {
        Reading(
            series: series, at: Self.start + at, receivedAt: Self.start + at, value: .number(value), quality: [],
            backlog: false)
    }

    private func fleet() -> (Fleet, [(index: Int32, value: Double)]) {
        let fleet = Fleet(catalogue: Defaults.catalogue)
        let area = fleet.area("320102")
        var series: [(index: Int32, value: Double)] = []
        for index in 0..<devices {
            let its = Self.kinds[index % Self.kinds.count]
            let device = fleet.addDevice(
                id: "\(its.kind)-\(index)", kind: fleet.kind(its.kind), area: area, at: Self.start)
            for (metric, value) in its.metrics {
                series.append(
                    (fleet.addSeries(device: device, component: -1, metric: fleet.metric(metric)), value))
            }
        }
        return (fleet, series)
    }

    private func definitions() -> [RuleDefinition] {
        let shipped = Defaults.rules(for: Defaults.catalogue).rules
        var all = shipped
        let numeric = Self.kinds.flatMap { its in its.metrics.map { (its.kind, $0.name, $0.value) } }
        while all.count < rules {
            let (kind, metric, value) = numeric[all.count % numeric.count]
            all.append(
                RuleDefinition(
                    id: "own-\(all.count)", kinds: [kind], category: .fault, severity: .minor,
                    title: Title(zh: "自", en: "Own"),
                    when: Condition(
                        subject: .metrics([metric]), test: .above(value + 1000 + Double(all.count))),
                    holdFor: .seconds(60)))
        }
        return all
    }

    private func resident() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, 128, file) != nil else { return 0 }
        let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            .split(separator: " ")
        return (words.count > 1 ? Int(words[1]) ?? 0 : 0) * 4096
    }
}

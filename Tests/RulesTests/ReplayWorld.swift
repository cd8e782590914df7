import FireModel
import FireSettings
import Foundation

@testable import FireRules

/// An input of the engine as a store keeps it: what was shown, with the clocks as they were.
enum ReplayedInput {
    case reading(Reading, live: Int64, steady: Int64?, isRetry: Bool)
    case time(live: Int64, steady: Int64?, now: Timestamp)
    case announce(AnnunciationAct, steady: Int64?, now: Timestamp)
    case act(OperatorAct, on: Alarm, now: Timestamp)
    case rules([RuleDefinition])
    /// The daemon has been started again, and its steady clock with it.
    case newRun
}

extension RuleEngine {
    /// - Returns: what it changed; `nil`: an act that was refused, or no time for anything.
    func take(_ input: ReplayedInput) -> [AlarmChange]? {
        switch input {
        case .reading(let reading, let live, let steady, let isRetry):
            apply(reading, live: live, steady: steady, isRetry: isRetry)
        case .time(let live, let steady, let now):
            guard advance(live: live, steady: steady, now: now) else { return nil }
        case .announce(let act, let steady, let now):
            do { try self.act(act, steady: steady, now: now) } catch { return nil }
        case .act(let act, let alarm, let now):
            do { _ = try self.act(act, on: alarm, now: now) } catch { return nil }
        case .rules(let rules): adopt(rules)
        case .newRun: steadyClockBeganAnew()
        }
        return takeChanges()
    }
}

extension RuleEngine {
    /// An alarm that is on two keys, or on one that nobody finds it by.
    fileprivate var alarmTwice: String? {
        let ids = states.compactMap { $0.alarm?.id }
        guard ids.count != Set(ids).count || Set(ids) != Set(stateOfAlarm.keys) else { return nil }
        let wrong = Set(ids).symmetricDifference(stateOfAlarm.keys).union(
            ids.filter { id in ids.count { $0 == id } > 1 })
        return states.indices.filter { wrong.contains(states[$0].alarm?.id ?? "") }.map {
            "state \($0) of \(order(of: states[$0].series, rule: states[$0].rule)) \(states[$0].alarm?.rule ?? "") \(states[$0].alarm?.id ?? "")"
        }.joined(separator: "\n") + stateOfAlarm.filter { wrong.contains($0.key) }.map { "listed \($0)" }.joined()
    }

    /// All that it knows, for people to compare.
    fileprivate var inWords: [String] {
        func name(_ rule: Int32) -> String { rule < 0 ? "-" : rules[Int(rule)].definition.id }
        return states.filter { $0.rule >= 0 || $0.hasAlarm }.map {
            "state \(name($0.rule)) \(order(of: $0.series, rule: 0)) \($0.machine) \($0.alarm?.json ?? "") \($0.lastValue.map { "\($0)" } ?? "")"
        }
            + memories.filter { $0.rule >= 0 }.map {
                "memory \(name($0.rule)) \($0.slot) \(order(of: $0.place, rule: 0)) \($0.content) \($0.at) \($0.live)"
            }
            + crowds.map {
                "crowd \(name($0.rule)) \(order(of: $0.place, rule: 0)) \($1.at) \($1.live) \($1.crowd.members.sorted { $0.key < $1.key })"
            }
            + heard.lastHeard.enumerated().map { "heard \($0) \($1)" }
            + heard.calledUntil.map { "called \(name($0)) \($1)" }
            + places.indices.map { "place \(order(of: $0, rule: 0)) \(places[$0].newest)" }
            + ["turn \(nextTurn.map { "\($0)" } ?? "")", "live \(live)"]
    }
}

/// A few devices that behave as badly as they can, an engine, and what a store keeps of both.
final class ReplayWorld {
    private var fleet: Fleet
    private(set) var engine: RuleEngine
    /// Of the engine beside, which meets the same new devices.
    private var otherFleet: Fleet?
    private(set) var live: Int64 = 0
    /// `nil`: the engine is not told of one.
    private var steady: Int64?
    private(set) var now = RuleBench.start
    var random: SplitMix64

    // What the store keeps.
    private var lastSeen: [Int32: Timestamp] = [:]
    private var lastTold: [Int32: Timestamp] = [:]
    private var rules: [RuleDefinition]
    private var alarms: [Alarm] = []
    private var changes: [AlarmChange] = []
    private var systemAlarms: [String: Alarm] = [:]
    private var announced = 0
    /// What comes next, the last first.
    private var script: [() -> ReplayedInput] = []
    private var checkpoint: (bytes: [UInt8], live: Int64, lastSeen: [Int32: Timestamp], rules: [RuleDefinition])?
    private var journal: [ReplayedInput] = []

    /// How much of what matters the inputs brought about, so that a test knows it has not tested silence.
    private(set) var tally: [String: Int] = [:]

    static let gateway = AlarmDevice(id: "box-1", kind: "gateway", area: "_")

    init(seed: UInt64) {
        random = SplitMix64(state: seed)
        steady = seed % 5 == 0 ? nil : 0
        rules = RuleSets.all[0]
        fleet = Fleet(catalogue: Defaults.catalogue)
        engine = RuleEngine(gateway: Self.gateway, fleet: fleet, rules: rules)
    }

    /// What of the checkpoint cannot be read.
    var damage: String? {
        do { _ = try restarted() } catch {
            let its = engine.states.filter { $0.rule >= 0 || $0.hasAlarm }.map {
                let rule = $0.rule < 0 ? "-" : engine.rules[Int($0.rule)].definition.id
                return "\(rule) \($0.series) \($0.machine.phase) \($0.alarm?.rule ?? "-") \($0.alarm?.id ?? "-")"
            }
            return "\(error):\n\(its.sorted().joined(separator: "\n"))"
        }
        return nil
    }

    /// The first input after which an alarm was not on one key.
    private var twice: String?

    /// Everything is compared after each input: slow, and tells where two have parted.
    static let isThorough = ProcessInfo.processInfo.environment["FIRESENSE_SEED"] != nil

    // MARK: - The store

    func takeCheckpoint() {
        // Retention may have deleted all there was of a series.
        for series in lastSeen.keys.sorted() where chance(2) { lastSeen[series] = nil }
        let bytes = engine.checkpoint { lastSeen[$0] }
        checkpoint = (bytes, live, lastSeen, rules)
        journal = []
    }

    /// The power has failed: all there is, is what the store kept.
    func restarted() throws -> RuleEngine? {
        guard let checkpoint else { return nil }
        let fleet = loadedFleet()
        otherFleet = fleet
        let other = RuleEngine(gateway: Self.gateway, fleet: fleet, rules: checkpoint.rules)
        try other.restore(checkpoint: checkpoint.bytes, live: checkpoint.live) { checkpoint.lastSeen[$0] }
        for input in journal { _ = other.take(input) }
        // The gateway's own come from the table of alarms.
        other.forgetSystemAlarms()
        for alarm in systemAlarms.values where alarm.state == .active { other.restore(alarm, ordinal: 0, live: live) }
        return other
    }

    private func loadedFleet() -> Fleet {
        let other = Fleet(catalogue: Defaults.catalogue)
        for device in fleet.devices {
            _ = other.addDevice(
                id: device.id, kind: other.kind(fleet.kinds[device.kind]), area: other.area(fleet.areas[device.area]),
                at: device.firstSeen)
        }
        for series in fleet.series {
            _ = other.addSeries(
                device: series.device, component: series.component < 0 ? -1 : other.component(name(series.component)),
                metric: other.metric(fleet.metrics[series.metric]), inactive: series.inactive)
        }
        return other
    }

    private func name(_ component: Int32) -> String { fleet.components[component] }

    /// The engine as it is now, told as a store would keep it.
    func written(_ engine: RuleEngine) -> [UInt8] {
        engine.checkpoint { lastSeen[$0] }
    }

    /// Starts as a daemon does that has no checkpoint, with what was decided while its store was away.
    func startFromAlarms() {
        otherFleet = nil
        fleet = loadedFleet()
        engine = RuleEngine(gateway: Self.gateway, fleet: fleet, rules: rules)
        for change in changes.suffix(40) {
            engine.restore(
                change.alarm, ordinal: change.ordinal, live: live, heldInput: chance(70) ? change.inputAt : nil)
        }
        _ = engine.takeChanges()
    }

    // MARK: - Inputs

    /// Shows the engine one more input, and `other` the same.
    /// - Returns: in which way the two differ.
    func step(beside other: RuleEngine? = nil) -> String? {
        let input = nextInput()
        let changes = engine.take(input)
        if twice == nil, let its = engine.alarmTwice { twice = "\(input)\n\(its)" }
        if let other {
            let others = other.take(input)
            guard changes == others else {
                return "\(input)\n brought \(changes.map { "\($0)" } ?? "-")\n beside \(others.map { "\($0)" } ?? "-")"
            }
            if let difference = difference(to: other) { return "after \(input): \(difference)" }
        }
        // Of an act that was refused, and of time in which nothing was due, the store keeps nothing.
        guard let changes else { return nil }
        journal.append(input)
        note(changes)
        return nil
    }

    /// One restart after the other takes up where the one before it ended.
    func go(on engine: RuleEngine) {
        guard let otherFleet else { return }
        self.engine = engine
        fleet = otherFleet
        self.otherFleet = nil
    }

    func difference(to other: RuleEngine) -> String? {
        if let twice { return "an alarm on two keys after \(twice)" }
        guard engine.nextDeadline == other.nextDeadline else {
            return "deadline \(engine.nextDeadline ?? -1) beside \(other.nextDeadline ?? -1)\n" + inWords(beside: other)
        }
        guard engine.activeCounts() == other.activeCounts() else {
            return "\(engine.activeCounts()) beside \(other.activeCounts())\n" + inWords(beside: other)
        }
        if ReplayWorld.isThorough, !inWords(beside: other).isEmpty { return inWords(beside: other) }
        return nil
    }

    /// What one of the two knows and the other does not.
    func inWords(beside other: RuleEngine) -> String {
        let (mine, others) = (Set(engine.inWords), Set(other.inWords))
        return
            (mine.subtracting(others).sorted().map { "- \($0)" } + others.subtracting(mine).sorted().map { "+ \($0)" })
            .joined(separator: "\n")
    }

    private func note(_ changes: [AlarmChange]) {
        self.changes += changes
        for state in engine.states {
            if state.machine.heldBack != nil { tally["held back", default: 0] += 1 }
            if state.restored?.held != nil { tally["decided in memory", default: 0] += 1 }
            if state.machine.isWaiting, state.lastDetail != nil { tally["to show", default: 0] += 1 }
        }
        for change in changes {
            tally[change.kind.rawValue, default: 0] += 1
            if change.alarm.late { tally["late", default: 0] += 1 }
            if change.ordinal > 0 { tally["second raise of a time", default: 0] += 1 }
            if change.alarm.rule == BuiltInRules.implausibleValue { tally["implausible", default: 0] += 1 }
            if change.cause.hasPrefix("panel_reset") { tally["panel reset", default: 0] += 1 }
            if change.alarm.reraised { tally["reraised", default: 0] += 1 }
            if !change.alarm.flags.isEmpty { tally["flags", default: 0] += 1 }
            for word in change.alarm.suppressed { tally[word, default: 0] += 1 }
            if change.alarm.drill { tally["drill", default: 0] += 1 }
            if change.alarm.category == .system {
                systemAlarms[change.alarm.id] = change.alarm
                tally["system \(change.kind.rawValue)", default: 0] += 1
                continue
            }
            alarms.removeAll { $0.id == change.alarm.id }
            alarms.append(change.alarm)
        }
        if alarms.count > 12 { alarms.removeFirst(alarms.count - 12) }
    }

    private func nextInput() -> ReplayedInput {
        if let next = script.popLast() { return next() }
        switch random.next(below: 100) {
        case 0..<3: return blink()
        case 3..<62: return reading()
        case 62..<82: return time()
        case 82..<88: return act()
        case 88..<90: return announce()
        case 90: return quarrel()
        case 91: return newRun()
        case 92..<94:
            rules = pick(RuleSets.all)
            return .rules(rules)
        default: return event()
        }
    }

    private func time() -> ReplayedInput {
        let seconds = pick([1, 5, 10, 60, 300] as [Int64])
        // Down, disconnected, or a step of the clock: then only the wall clock moves.
        if chance(15) {
            let missed = pick([-60, -5, 30, 900] as [Int64]) * 1000
            now = now + missed
            if missed > 0, chance(50) { steady = steady.map { $0 + missed } }
        } else {
            live += seconds * 1000
            steady = steady.map { $0 + seconds * 1000 }
            now = now + seconds * 1000
        }
        return .time(live: live, steady: steady, now: now)
    }

    /// An operator ends an alarm against its cause, and the device insists.
    private func quarrel() -> ReplayedInput {
        let (id, kind, metric) = pick([
            ("s-1", "smoke", "smoke"), ("h-1", "hydrant", "tilt"), ("p-1", "panel", "fault"),
            ("p-1", "panel", "event.fire"),
        ])
        for _ in 0..<3 {
            script.append { [unowned self] in show(id, kind, metric, .boolean(true), component: false) }
            script.append { [unowned self] in
                guard let alarm = alarms.last(where: { $0.state == .active && $0.device.id == id && $0.latched }) else {
                    return time()
                }
                return .act(OperatorAct(deed: .reset(force: true), by: "duty", note: nil), on: alarm, now: now)
            }
            if chance(40) { script.append { [unowned self] in time() } }
        }
        return show(id, kind, metric, .boolean(true), component: false)
    }

    private func newRun() -> ReplayedInput {
        steady = steady.map { _ in Int64(random.next(below: 100_000)) }
        now = now + pick([0, 20, 900] as [Int64]) * 1000
        return .newRun
    }

    private func act() -> ReplayedInput {
        guard !alarms.isEmpty else { return time() }
        let deed: OperatorAct.Deed =
            switch random.next(below: 4) {
            case 0: .acknowledge
            case 1: .verdict(pick(Verdict.allCases), cause: nil, force: chance(70))
            default: .reset(force: chance(70))
            }
        let active = alarms.filter { $0.state == .active }
        let alarm = pick(active.isEmpty || chance(30) ? alarms : active)
        return .act(OperatorAct(deed: deed, by: "duty", note: nil), on: alarm, now: now)
    }

    /// An alarm that comes and goes.
    private func blink() -> ReplayedInput {
        for index in 0..<10 {
            script.append { [unowned self] in
                show("s-1", "smoke", "muted", .boolean(index % 2 == 1), component: false)
            }
        }
        return show("s-1", "smoke", "muted", .boolean(false), component: false)
    }

    /// Silences and drills begin and end.
    private func announce() -> ReplayedInput {
        let until = now + pick([5, 60, 300, 3600] as [Int64]) * 1000
        let id = "\(announced)"
        if chance(30), announced > 0 {
            let known = "\(random.next(below: announced))"
            let end = chance(50) ? AnnunciationAct.endSilence(known, by: "duty") : .endDrill(known, by: "duty")
            return .announce(end, steady: steady, now: now)
        }
        announced += 1
        if chance(50) {
            let drill = Drill(
                id: id, devices: [pick(["s-1", "p-1", "h-1"])], createdAt: now, until: until, by: "duty", reason: "")
            return .announce(.drill(drill), steady: steady, now: now)
        }
        var silence = Silence(
            id: id, kind: pick(Silence.Kind.allCases), createdAt: now, until: until, by: "duty", reason: "")
        if chance(50) {
            silence.devices = [pick(["h-1", "h-2", "e-1", "s-1", "p-1"])]
        } else {
            silence.areas = ["320102"]
        }
        return .announce(.silence(silence), steady: steady, now: now)
    }

    private func reading() -> ReplayedInput {
        let kind = pick(Self.devices)
        let (metric, values) = pick(kind.metrics)
        return show(pick(kind.ids), kind.kind, metric, pick(values), component: kind.kind == "panel")
    }

    private func event() -> ReplayedInput {
        let name = pick(["fire", "fault", "restored", "reset", "reset", "started", "stopped", "surge", "test"])
        return show(
            "p-1", "panel", "event.\(name)", .boolean(name == "reset" || chance(70)), component: true)
    }

    private func show(_ id: String, _ kind: String, _ metric: String, _ value: Value, component: Bool) -> ReplayedInput
    {
        // Each time beside which another may fall.
        let grid = pick([-20, -10, -5, 0, 0, 0, 5, 10] as [Int64]) * 1000
        var quality: Quality = []
        var at = now + grid
        var receivedAt = now
        let isRetry = chance(4)
        switch random.next(below: 20) {
        case 0, 1: quality = .receiptTime
        case 2: quality = .clock
        case 3: at = now + -pick([60, 600, 3600, 200_000] as [Int64]) * 1000
        case 4 where chance(30): at = now + pick([590, 900, 100_000] as [Int64]) * 1000
        default: break
        }
        if isRetry { receivedAt = now + -pick([10, 600] as [Int64]) * 1000 }
        if !quality.isEmpty { at = receivedAt }
        if case .number(let x) = value, x.magnitude > 1e5 {
            quality.insert(x > 0 ? .implausiblyHigh : .implausiblyLow)
        }
        if chance(3) { quality.insert(.retained) }
        let isEnd = metric.hasPrefix(EventName.metricPrefix) && value == .boolean(false)
        let part = component && chance(60) ? pick(["c-1", "c-2"]) : nil
        let series = add(id, kind, part, metric, isEnd, to: fleet)
        if let otherFleet { _ = add(id, kind, part, metric, isEnd, to: otherFleet) }
        // The same time again, as when the broker sends again what was told from memory.
        if chance(15), let told = lastTold[series] { at = told }
        lastTold[series] = at
        lastSeen[series] = max(lastSeen[series] ?? at, at)
        return .reading(
            Reading(
                series: series, at: at, receivedAt: receivedAt, value: value, quality: quality, backlog: chance(10),
                detail: chance(10) ? "zone \"3\"\n\u{7}区" : nil),
            live: live, steady: steady, isRetry: isRetry)
    }

    private func add(
        _ id: String, _ kind: String, _ component: String?, _ metric: String, _ isEnd: Bool, to fleet: Fleet
    ) -> Int32 {
        let device =
            fleet.device(id) ?? fleet.addDevice(id: id, kind: fleet.kind(kind), area: fleet.area("320102"), at: now)
        return fleet.addSeries(
            device: device, component: component.map(fleet.component) ?? -1, metric: fleet.metric(metric),
            inactive: isEnd)
    }

    private typealias Kind = (kind: String, ids: [String], metrics: [(String, [Value])])
    private static let switches: [Value] = [.boolean(false), .boolean(true)]
    private static let devices: [Kind] = [
        (
            "hydrant", ["h-1", "h-2"],
            [
                ("pressure", [0.01, 0.05, 0.09, 0.105, 0.12, 0.3, 3e6].map { .number($0) }),
                ("pressure", [0.09, 0.3].map { .number($0) }), ("tilt", switches),
                ("battery", [5, 17, 80, -3e6].map { .number($0) }),
            ]
        ),
        (
            "electrical", ["e-1"],
            [
                ("residual_current", [100, 280, 350, 600].map { .number($0) }),
                ("temperature_1", [20, 67, 75, 95].map { .number($0) }),
                ("voltage_a", [3e6, 3e6, 3e6, 3e6, 230].map { .number($0) }),
                ("voltage_a", [3e6, 3e6, 3e6, 3e6, 180].map { .number($0) }),
            ]
        ),
        ("smoke", ["s-1"], [("smoke", switches), ("smoke", switches), ("muted", switches), ("tamper", switches)]),
        ("panel", ["p-1"], [("fire", switches), ("fault", switches), ("disabled", switches), ("delayed", switches)]),
    ]

    private func chance(_ percent: Int) -> Bool { random.next(below: 100) < percent }
    private func pick<T>(_ list: [T]) -> T { list[random.next(below: list.count)] }
}

/// The shipped rules with a few of our own, and what reloads make of them.
private enum RuleSets {
    static let all: [[RuleDefinition]] = {
        let shipped = Defaults.rules(for: Defaults.catalogue).rules
        let none = shipped.filter { $0.id != "hydrant-pressure-reduced" && $0.id != "event-fault" }
        let hurried = (shipped + own).map { rule in
            var rule = rule
            if rule.holdFor > .seconds(20) { rule.holdFor = .seconds(20) }
            return rule
        }
        return [
            shipped + own + looking, (shipped + own + looking).reversed(), none + own + looking.map(later), hurried,
            shipped, looking + own, looking,
        ].map { $0.map(annunciated) }
    }()

    /// Some hold others back, and most escalate.
    private static func annunciated(_ rule: RuleDefinition) -> RuleDefinition {
        var rule = rule
        switch rule.id.utf8.count % 4 {
        case 0: rule.inhibits = [Inhibition(categories: [.supervisory, .water])]
        case 1: rule.escalation = [EscalationStep(after: .seconds(60), webhooks: ["chief"])]
        case 2:
            rule.escalation = [
                EscalationStep(after: .seconds(20), severity: .major, every: .seconds(90)),
                EscalationStep(after: .seconds(300), severity: .critical, webhooks: ["chief"], every: .seconds(60)),
            ]
        default: break
        }
        return rule
    }

    /// Rules that look further than at one reading.
    private static let looking: [RuleDefinition] = {
        func term(_ metric: String, _ measure: Condition.Measure, _ test: Condition.Test) -> Condition {
            Condition(subject: .metrics([metric]), measure: measure, test: test)
        }
        func event(_ name: String) -> Condition { Condition(subject: .events([name]), test: .reported) }
        let low = term("pressure", .value, .below(0.1))
        let tilted = term("tilt", .value, .equals(.boolean(true)))
        let night = RuleSchedule(
            active: [Period(from: 600, to: 605), Period(from: 610, to: 640)],
            severities: [ScheduledSeverity(period: Period(from: 600, to: 620), severity: .critical)],
            zone: "Asia/Shanghai")
        var rules = [
            looking("see-change", term("battery", .value, .changed)),
            looking("see-fall", term("pressure", .fall(over: .seconds(60)), .above(0.1))),
            looking("see-mean", term("pressure", .statistic(.avg, over: .seconds(300)), .below(0.1)), holdFor: 20),
            looking("see-count", term("pressure", .statistic(.count, over: .seconds(60)), .atLeast(3))),
            looking("see-flaps", term("tilt", .flaps(over: .seconds(120)), .atLeast(2))),
            looking("see-odd", term("residual_current", .deviation(learned: .seconds(600)), .outside(-3...3))),
            looking("see-both", .all([low, tilted]), holdFor: 10, clearFor: 10),
            looking(
                "see-none",
                .any([.not(low), .all([tilted, term("battery", .flaps(over: .seconds(300)), .atLeast(1))])])),
            looking("see-panel", .all([event("fault"), term("disabled", .value, .equals(.boolean(true)))])),
            looking("see-silent", .silent(.duration(.seconds(300))), clearFor: 5),
            looking("see-silent-x", .silent(.intervals(0.05))),
            looking(
                "see-two", .coincidence(.init(devices: 2, place: .area, within: .seconds(120), of: low))),
            looking(
                "see-two-odd",
                .coincidence(
                    .init(
                        devices: 2, place: .groups([DeviceGroup(name: "ours", devices: ["h-1", "h-2", "p-1"])]),
                        within: .seconds(300), of: .any([tilted, event("fault")])))),
            looking("see-night", low), looking("see-repeats", low), looking("see-other", low),
        ]
        rules[rules.count - 3].schedule = night
        rules[rules.count - 2].repeats = Repeats(count: 2, of: 3)
        rules[rules.count - 1].selector = DeviceSelector(areas: ["320102"])
        rules[rules.count - 1].overrides = [
            RuleOverride(
                selector: DeviceSelector(devices: ["h-2"]), severity: .info, when: term("pressure", .value, .below(0.2))
            )
        ]
        var fire = looking(
            "see-fires", .coincidence(.init(devices: 2, place: .area, within: .seconds(600), of: event("fire"))))
        fire.category = .fire
        fire.latch = true
        return rules + [fire]
    }()

    private static func later(_ rule: RuleDefinition) -> RuleDefinition {
        var rule = rule
        if rule.id.hasSuffix("t") { rule.holdFor = .seconds(30) }
        if rule.id == "see-fall" {
            rule.when = Condition(
                subject: .metrics(["pressure"]), measure: .fall(over: .seconds(600)), test: .above(0.1))
        }
        return rule
    }

    private static func looking(_ id: String, _ when: Condition, holdFor: Int = 0, clearFor: Int = 0) -> RuleDefinition
    {
        RuleDefinition(
            id: id, kinds: [], category: .supervisory, severity: .minor, title: Title(zh: "看", en: "Look"),
            when: when, holdFor: .seconds(holdFor), clearFor: .seconds(clearFor))
    }

    private static let own = [
        rule("own-late", ["pressure"], .below(0.1), holdFor: 30, clearFor: 10),
        rule("own-patient", ["pressure", "battery"], .below(0.1), holdFor: 0, clearFor: 300),
        rule("own-blink", ["muted"], .equals(.boolean(true))),
        rule("own-latch", ["tilt"], .equals(.boolean(true)), latch: true),
        rule("own-a-latch", ["fault"], .equals(.boolean(true)), latch: true),
        rule("own-panel-latch", ["fault", "delayed"], .equals(.boolean(true)), holdFor: 5, latch: true),
        RuleDefinition(
            id: "own-started", kinds: ["panel"], category: .linkage, severity: .info, title: Title(zh: "启", en: "S"),
            when: Condition(subject: .events(["started"]), test: .reported),
            clear: Condition(subject: .events(["stopped"]), test: .reported), holdFor: .seconds(60),
            clearFor: .seconds(30)),
    ]

    private static func rule(
        _ id: String, _ metrics: [String], _ test: Condition.Test, holdFor: Int = 0, clearFor: Int = 0,
        latch: Bool = false
    ) -> RuleDefinition {
        RuleDefinition(
            id: id, kinds: [], category: .supervisory, severity: .minor, title: Title(zh: "自", en: "Own"),
            when: Condition(subject: .metrics(metrics), test: test), holdFor: .seconds(holdFor),
            clearFor: .seconds(clearFor), latch: latch)
    }
}

/// The same numbers in each run, so that what a seed has found can be looked at.
struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    mutating func next(below limit: Int) -> Int { Int(next() % UInt64(limit)) }
}

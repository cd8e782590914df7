import FireModel
import FireSettings
import Foundation
import Testing

@testable import FireRules

/// Random rules over random inputs, with restarts at any point, beside the evaluator that is too simple to be wrong.
struct NaiveModelTests {
    private static let worlds =
        ProcessInfo.processInfo.environment["FIRESENSE_RULE_WORLDS"].flatMap { Int($0) } ?? 8

    @Test(arguments: 0..<4) func engineFollowsTheModel(_ part: Int) throws {
        var episodes: [String: Int] = [:]
        for seed in stride(from: part, to: Self.worlds, by: 4) {
            var world = World(seed: UInt64(seed))
            try world.run()
            for (rule, count) in world.found { episodes[rule, default: 0] += count }
            guard world.differences.isEmpty else {
                Issue.record("seed \(seed): \(world.differences.joined(separator: "\n"))")
                return
            }
        }
        // Each form of rule has raised something, or nothing was compared.
        for form in World.forms { #expect(episodes[form] ?? 0 > 0, "\(form) of \(episodes)") }
    }

    private struct World {
        var random: SplitMix64
        var rules: [RuleDefinition] = []
        var found: [String: Int] = [:]
        var differences: [String] = []

        static let forms = [
            "below", "outside", "changed", "rise", "fall", "avg", "count", "flaps", "deviation", "all", "any", "silent",
            "coincidence", "schedule", "repeats",
        ]
        private static let start = RuleBench.start.milliseconds / 60_000 * 60_000
        private static let seconds: Int64 = 900

        init(seed: UInt64) {
            random = SplitMix64(state: seed)
            rules = Self.forms.map { rule($0) }
        }

        private mutating func chance(_ percent: Int) -> Bool { random.next(below: 100) < percent }
        private mutating func pick<T>(_ list: [T]) -> T { list[random.next(below: list.count)] }
        private mutating func term(_ metric: String, _ measure: Condition.Measure, _ test: Condition.Test) -> Condition
        {
            Condition(subject: .metrics([metric]), measure: measure, test: test)
        }

        private mutating func simple() -> Condition {
            switch random.next(below: 4) {
            case 0: term("pressure", .value, .below(pick([0.1, 0.2, 0.3])))
            case 1: term("flow", .value, .atLeast(pick([2, 5, 8])))
            case 2: term("tilt", .value, .equals(.boolean(true)))
            default: term("tilt", .flaps(over: .seconds(pick([30, 90]))), .atLeast(pick([1, 2])))
            }
        }

        private mutating func rule(_ form: String) -> RuleDefinition {
            let over = Duration.seconds(pick([20, 60, 200]))
            var its = RuleDefinition(
                id: form, kinds: [], category: .water, severity: .minor, title: Title(zh: "", en: form),
                when: term("pressure", .value, .below(pick([0.1, 0.2, 0.3]))),
                holdFor: .seconds(pick([0, 0, 5, 40])), clearFor: .seconds(pick([0, 0, 7, 30])))
            switch form {
            case "below": its.clear = term("pressure", .value, .atLeast(0.4))
            case "outside": its.when = term("flow", .value, .outside(2...7))
            case "changed": its.when = term("tilt", .value, .changed)
            case "rise": its.when = term("flow", .rise(over: over), .above(pick([3, 6])))
            case "fall": its.when = term("pressure", .fall(over: over), .above(pick([0.2, 0.35])))
            case "avg":
                its.when = term("flow", .statistic(pick([.avg, .min, .max, .sum]), over: over), .above(pick([4, 6])))
            case "count": its.when = term("flow", .statistic(.count, over: over), pick([.atLeast(2), .below(2)]))
            case "flaps": its.when = term("tilt", .flaps(over: over), .atLeast(pick([1, 2, 3])))
            case "deviation":
                its.when = term("flow", .deviation(learned: .seconds(60)), .outside(-1.5...1.5))
            case "all": its.when = .all([simple(), chance(50) ? simple() : .not(simple())])
            case "any": its.when = .any([.all([simple(), simple()]), .not(simple())])
            case "silent":
                its.when = .silent(.duration(.seconds(pick([60, 120]))))
                its.holdFor = .zero
            case "coincidence":
                its.when = .coincidence(
                    .init(
                        devices: 2, place: .area, within: over,
                        of: chance(50)
                            ? term("tilt", .value, .equals(.boolean(true)))
                            : .all([
                                term("tilt", .value, .equals(.boolean(true))),
                                term("pressure", .value, .below(0.3)),
                            ])))
            case "schedule":
                let minute = Int((Self.start / 60_000 + 8 * 60) % 1440)
                its.schedule = RuleSchedule(
                    active: [
                        Period(from: minute + 2, to: minute + 2 + pick([1, 3])),
                        Period(from: minute + 8, to: minute + 11),
                    ], zone: "Asia/Shanghai")
            default: its.repeats = Repeats(count: 2, of: pick([2, 3, 5]))
            }
            return its
        }

        mutating func run() throws {
            var naive = NaiveRules()
            var fleet = Fleet(catalogue: Defaults.catalogue)
            let gateway = AlarmDevice(id: "box-1", kind: "gateway", area: "_")
            var engine = RuleEngine(gateway: gateway, fleet: fleet, rules: rules)
            var open: [String: NaiveRules.Episode] = [:]
            var done: [NaiveRules.Episode] = []
            var moments: [Int64] = []
            func take(_ changes: [AlarmChange]) {
                for change in changes where rules.contains(where: { $0.id == change.alarm.rule }) {
                    let alarm = change.alarm
                    switch change.kind {
                    case .raised:
                        open[alarm.id] = NaiveRules.Episode(
                            key: NaiveRules.Key(
                                rule: alarm.rule,
                                device: alarm.device.kind == "gateway" ? alarm.component ?? "" : alarm.device.id,
                                metric: alarm.metric), raised: alarm.raisedAt.milliseconds)
                    case .cleared:
                        guard var episode = open.removeValue(forKey: alarm.id) else { continue }
                        episode.cleared = alarm.clearedAt?.milliseconds
                        done.append(episode)
                    default: break
                    }
                }
            }
            for second in 0..<Self.seconds {
                for extra in [0, 1] as [Int64] {
                    let live = second * 1000 + extra
                    let now = Timestamp(milliseconds: Self.start + live)
                    moments.append(now.milliseconds)
                    engine.advance(live: live, now: now)
                    take(engine.takeChanges())
                    guard extra == 0 else { continue }
                    for device in ["h-1", "h-2", "h-3"] where chance(second > 500 && device == "h-3" ? 1 : 8) {
                        let (metric, value): (String, Value) =
                            switch random.next(below: 3) {
                            case 0: ("pressure", .number(Double(random.next(below: 6)) / 10))
                            case 1: ("flow", .number(Double(random.next(below: 10))))
                            default: ("tilt", .boolean(chance(50)))
                            }
                        naive.add(device, metric, value, at: now.milliseconds)
                        let index =
                            fleet.device(device)
                            ?? fleet.addDevice(
                                id: device, kind: fleet.kind("hydrant"), area: fleet.area("320102"), at: now)
                        let series = fleet.addSeries(device: index, component: -1, metric: fleet.metric(metric))
                        engine.apply(
                            Reading(
                                series: series, at: now, receivedAt: now, value: value, quality: [], backlog: false),
                            live: live, steady: live)
                        take(engine.takeChanges())
                    }
                }
                if chance(2) {
                    (fleet, engine) = try restarted(fleet, engine, live: second * 1000 + 1, gateway)
                }
            }
            let end = Self.start + (Self.seconds - 1) * 1000 + 1
            let engines = (done + open.values).sorted()
            let naives = rules.flatMap { naive.episodes(of: $0, until: end, moments: moments) }.sorted()
            for episode in engines { found[episode.key.rule, default: 0] += 1 }
            let (mine, others) = (Set(engines), Set(naives))
            guard let first = mine.symmetricDifference(others).min()?.key else { return }
            let rule = rules.filter { $0.id == first.rule }.map { "\($0.when) for \($0.holdFor) \($0.clearFor)" }
            differences =
                rule + mine.subtracting(others).filter { $0.key == first }.sorted().map { "engine only: \($0)" }
                + others.subtracting(mine).filter { $0.key == first }.sorted().map { "model only: \($0)" }
                + (naive.history[first.device] ?? [:]).map { "\($0): \($1.map { "\($0.at) \($0.value)" })" }
        }

        private func restarted(
            _ fleet: Fleet, _ engine: RuleEngine, live: Int64, _ gateway: AlarmDevice
        ) throws -> (Fleet, RuleEngine) {
            let after = Fleet(catalogue: Defaults.catalogue)
            for device in fleet.devices {
                _ = after.addDevice(
                    id: device.id, kind: after.kind(fleet.kinds[device.kind]),
                    area: after.area(fleet.areas[device.area]),
                    at: device.firstSeen)
            }
            for series in fleet.series {
                _ = after.addSeries(
                    device: series.device, component: -1, metric: after.metric(fleet.metrics[series.metric]))
            }
            let other = RuleEngine(gateway: gateway, fleet: after, rules: rules)
            try other.restore(checkpoint: engine.checkpoint { _ in nil }, live: live) { _ in nil }
            return (after, other)
        }
    }
}

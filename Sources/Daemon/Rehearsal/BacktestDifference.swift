import FireModel

/// What one set of rules would have raised, held against what another would or what people judged.
///
/// An alarm is the same as another if rule, device, component and metric are, and their times overlap. A rule that
/// stands in for a shipped one counts as that.
public struct BacktestDifference: Sendable {
    /// Only by the new rules.
    public var added: [BacktestAlarm] = []
    /// Only by the old ones.
    public var removed: [BacktestAlarm] = []
    /// The new side of those in both.
    public var kept: [BacktestAlarm] = []

    public init(
        new: BacktestOutcome, old: BacktestOutcome, newRules: [RuleDefinition] = [], oldRules: [RuleDefinition] = []
    ) {
        let news = AlarmTimes(new.alarms, rules: newRules)
        let olds = AlarmTimes(old.alarms, rules: oldRules)
        let (newNames, oldNames) = (RuleNames(newRules), RuleNames(oldRules))
        for alarm in new.alarms {
            if olds.meets(alarm, named: newNames) { kept.append(alarm) } else { added.append(alarm) }
        }
        removed = old.alarms.filter { !news.meets($0, named: oldNames) }
    }
}

/// Of the alarms that people judged, how many some rules would still raise.
public struct JudgedAlarms: Sendable, Equatable {
    public var trueRaised = 0
    public var trueLost = 0
    public var falseRaised = 0
    public var falseAvoided = 0
    public var isEmpty: Bool { self == JudgedAlarms() }

    /// - Parameters:
    ///   - judged: stored alarms.
    ///   - storedRules: those under which they were raised, for what stands in for what.
    public init(
        _ judged: [Alarm], by outcome: BacktestOutcome, rules: [RuleDefinition] = [],
        storedRules: [RuleDefinition] = []
    ) {
        let times = AlarmTimes(outcome.alarms, rules: rules)
        let names = RuleNames(storedRules)
        for alarm in judged where alarm.raisedAt >= outcome.from && alarm.raisedAt < outcome.to {
            guard let isTrue = alarm.verdict?.isTrue else { continue }
            switch (isTrue, times.meets(BacktestAlarm(alarm), named: names)) {
            case (true, true): trueRaised += 1
            case (true, false): trueLost += 1
            case (false, true): falseRaised += 1
            case (false, false): falseAvoided += 1
            }
        }
    }
}

extension JudgedAlarms { fileprivate init() { self.init([], by: BacktestOutcome(from: .zero, to: .zero)) } }
extension Timestamp { fileprivate static let zero = Timestamp(milliseconds: 0) }

/// A rule that stands in for another by the name of that.
struct RuleNames {
    private let stands: [String: String]
    init(_ rules: [RuleDefinition]) {
        stands = Dictionary(rules.compactMap { rule in rule.replaces.map { (rule.id, $0) } }) { first, _ in first }
    }
    subscript(rule: String) -> String { stands[rule] ?? rule }
}

/// When alarms were active, by key.
struct AlarmTimes {
    private struct Key: Hashable {
        var rule: String
        var device: String
        var component: String?
        var metric: String?
    }
    private var times: [Key: [ClosedRange<Int64>]] = [:]

    init(_ alarms: [BacktestAlarm], rules: [RuleDefinition]) {
        let names = RuleNames(rules)
        for alarm in alarms { times[Self.key(alarm, names), default: []].append(Self.range(alarm)) }
        // One key is active once at a time, so its times do not overlap.
        for key in times.keys { times[key]?.sort { $0.lowerBound < $1.lowerBound } }
    }

    func meets(_ alarm: BacktestAlarm, named names: RuleNames) -> Bool {
        guard let its = times[Self.key(alarm, names)] else { return false }
        let range = Self.range(alarm)
        var (low, high) = (0, its.count)
        while low < high {
            let middle = (low + high) / 2
            if its[middle].upperBound < range.lowerBound { low = middle + 1 } else { high = middle }
        }
        return low < its.count && its[low].lowerBound <= range.upperBound
    }

    private static func key(_ alarm: BacktestAlarm, _ names: RuleNames) -> Key {
        Key(rule: names[alarm.rule], device: alarm.device, component: alarm.component, metric: alarm.metric)
    }

    private static func range(_ alarm: BacktestAlarm) -> ClosedRange<Int64> {
        let start = alarm.raisedAt.milliseconds
        return start...max(start, alarm.clearedAt?.milliseconds ?? .max)
    }
}

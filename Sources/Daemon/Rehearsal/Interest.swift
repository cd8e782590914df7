import FireModel

/// Which stored readings some rules look at; the others need not be read at all.
///
/// Taken from what rules say, not from how they are evaluated. Of what is built in there are fires and events; that
/// values are implausible is only found where a rule looks anyway.
public struct Interest: Sendable {
    private struct Watch: Sendable {
        /// Empty: all.
        var kinds: [String]
        /// `nil`: all, as silence is about whatever a device may say.
        var metrics: Set<String>?
    }
    private var watches: [Watch] = []

    public init(_ rules: [RuleDefinition]) { for rule in rules { add(rule) } }

    private mutating func add(_ rule: RuleDefinition) {
        var metrics: Set<String>? = []
        let conditions =
            [rule.when, rule.clear].compactMap(\.self)
            + rule.overrides.flatMap { [$0.when, $0.clear] }
            .compactMap(\.self)
        for condition in conditions { condition.collect(into: &metrics) }
        watches.append(Watch(kinds: rule.kinds, metrics: metrics))
    }

    public func includes(kind: String, metric: String) -> Bool {
        if metric == "smoke" || metric == "fire" || metric.hasPrefix(EventName.metricPrefix) { return true }
        return watches.contains { watch in
            (watch.kinds.isEmpty || watch.kinds.contains(kind)) && watch.metrics?.contains(metric) ?? true
        }
    }
}

extension Condition {
    /// `nil`: all of them.
    fileprivate func collect(into metrics: inout Set<String>?) {
        switch self {
        case .term(let term):
            switch term.subject {
            case .metrics(let names): metrics?.formUnion(names)
            case .events(let names): metrics?.formUnion(names.map { EventName.metricPrefix + $0 })
            }
        case .all(let parts), .any(let parts): for part in parts { part.collect(into: &metrics) }
        case .not(let part): part.collect(into: &metrics)
        case .coincidence(let it): it.of.collect(into: &metrics)
        case .silent: metrics = nil
        }
    }
}

extension RuleDefinition {
    /// How long before a moment a rule must have been running to know what it would have known: its longest window,
    /// together with how long its condition must hold, and so many reports as its silence or its repeats are about;
    /// at least an hour, in which most devices have reported.
    public func warmUp(_ catalogue: Catalogue) -> Duration {
        let window = durations.max() ?? .zero
        let reports = max(Double(repeats?.of ?? 0), when.silentIntervals ?? 0)
        let interval = catalogue.kinds.filter { kinds.isEmpty || kinds.contains($0.name) }.map(\.expectedInterval).max()
        return max(.seconds(3600), window + max(holdFor, clearFor) + (interval ?? .zero) * (reports + 2))
    }
}

extension Condition {
    fileprivate var silentIntervals: Double? {
        if case .silent(.intervals(let count)) = self { count } else { nil }
    }
}

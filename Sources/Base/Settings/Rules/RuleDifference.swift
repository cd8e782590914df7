import FireModel

/// What is different between two sets of rules, and what a reload from one to the other does to what is under way.
public struct RuleDifference: Sendable, Equatable {
    /// A rule that is in both, and not the same.
    public struct Change: Sendable, Equatable {
        public struct Key: Sendable, Equatable {
            /// As in a rules file.
            public var name: String
            /// `nil`: it is not said.
            public var old: String?
            public var new: String?
        }
        public var id: String
        public var keys: [Key]
        /// It looks at some of the metrics or events it looked at; of others the alarms are left standing as if the
        /// rule were gone.
        public var keepsAlarms: Bool
        /// Of what is under way windows, counts and coincidences begin anew: it looks at something else.
        public var beginsAnew: Bool
    }

    /// Ids, in the order of the new rules.
    public var added: [String] = []
    /// Their active alarms stand until an operator ends them.
    public var removed: [String] = []
    public var changed: [Change] = []
    /// They keep timers, windows and alarms.
    public var unchanged: [String] = []

    /// - Parameters:
    ///   - old: the rules in force.
    ///   - new: those that are to be.
    public init(from old: [RuleDefinition], to new: [RuleDefinition]) {
        let before = Dictionary(old.map { ($0.id, $0) }) { first, _ in first }
        for rule in new {
            guard let known = before[rule.id] else {
                added.append(rule.id)
                continue
            }
            if known == rule { unchanged.append(rule.id) } else { changed.append(Change(from: known, to: rule)) }
        }
        let ids = Set(new.map(\.id))
        removed = old.map(\.id).filter { !ids.contains($0) }
    }

    public var isEmpty: Bool { added.isEmpty && removed.isEmpty && changed.isEmpty }

    /// `2 new, 1 gone, 3 changed, 40 unchanged`
    public var summary: String {
        "\(added.count) new, \(removed.count) gone, \(changed.count) changed, \(unchanged.count) unchanged"
    }
}

extension RuleDifference.Change {
    fileprivate init(from old: RuleDefinition, to new: RuleDefinition) {
        id = new.id
        let (before, after) = (old.words, new.words)
        keys = before.compactMap { key, value in
            let now = after.first { $0.key == key }?.value
            return now == value ? nil : Key(name: key, old: value, new: now)
        }
        keys += after.filter { word in !before.contains { $0.key == word.key } }.map {
            Key(name: $0.key, old: nil, new: $0.value)
        }
        // A condition without a metric, such as silence, has one key per device.
        let (looked, looks) = (old.when.subjects, new.when.subjects)
        keepsAlarms = looked == looks || !looked.isDisjoint(with: looks)
        beginsAnew =
            old.when != new.when && (old.when.remembers || new.when.remembers) || old.repeats != new.repeats
            || old.overrides.map(\.when) != new.overrides.map(\.when)
                && (old.overrides + new.overrides).contains { $0.when?.remembers ?? false }
    }
}

extension Condition {
    /// It looks back: at a window, at other devices, at when something came last.
    fileprivate var remembers: Bool {
        switch self {
        case .coincidence, .silent: true
        default: terms.contains { $0.measure != .value || $0.test == .changed }
        }
    }
}

/// A rule as written in a rules file (contract 6), checked but not yet compiled. Groups and holidays are resolved: it
/// says all by itself, so that what is recorded of it decides the same later.
public struct RuleDefinition: Sendable, Equatable {
    public var id: String
    /// Kinds it applies to; empty: all.
    public var kinds: [String]
    /// Where it is in force.
    public var selector: DeviceSelector
    public var category: AlarmCategory
    public var severity: AlarmSeverity
    public var title: Title
    public var when: Condition
    /// Absent: the opposite of `when`.
    public var clear: Condition?
    /// Of the last so many samples of a key, how many must fulfil `when`.
    public var repeats: Repeats?
    /// How long `when` must hold before the alarm is raised.
    public var holdFor: Duration
    /// How long `clear` must hold before the alarm is cleared.
    public var clearFor: Duration
    /// A latched alarm ends by a reset or a verdict only, never by its condition.
    public var latch: Bool
    /// When it is in force, and how severe it is then.
    public var schedule: RuleSchedule?
    /// For some devices it is another; the first that matches counts.
    public var overrides: [RuleOverride]
    /// While its alarm is active, what it holds back on the same device or component. Never fire.
    public var inhibits: [Inhibition]
    /// Ascending by `after`.
    public var escalation: [EscalationStep]
    /// The shipped rule this one stands in for.
    public var replaces: String?

    public init(
        id: String, kinds: [String], selector: DeviceSelector = .everywhere, category: AlarmCategory,
        severity: AlarmSeverity, title: Title, when: Condition, clear: Condition? = nil, repeats: Repeats? = nil,
        holdFor: Duration = .zero, clearFor: Duration = .zero, latch: Bool = false, schedule: RuleSchedule? = nil,
        overrides: [RuleOverride] = [], inhibits: [Inhibition] = [], escalation: [EscalationStep] = [],
        replaces: String? = nil
    ) {
        self.id = id
        self.kinds = kinds
        self.selector = selector
        self.category = category
        self.severity = severity
        self.title = title
        self.when = when
        self.clear = clear
        self.repeats = repeats
        self.holdFor = holdFor
        self.clearFor = clearFor
        self.latch = latch
        self.schedule = schedule
        self.overrides = overrides
        self.inhibits = inhibits
        self.escalation = escalation
        self.replaces = replaces
    }
}

extension RuleDefinition {
    /// All that it says, for a check of their bounds.
    public var durations: [Duration] {
        [holdFor, clearFor] + when.durations + (clear?.durations ?? [])
            + overrides.flatMap { its in
                [its.holdFor, its.clearFor].compactMap(\.self) + (its.when?.durations ?? [])
                    + (its.clear?.durations ?? [])
            } + escalation.flatMap { [$0.after, $0.every ?? .zero] }
    }
}

extension Condition {
    fileprivate var durations: [Duration] {
        switch self {
        case .term(let term): [term.measure.window]
        case .all(let parts), .any(let parts): parts.flatMap(\.durations)
        case .not(let part): part.durations
        case .coincidence(let it): [it.within] + it.of.durations
        case .silent(.duration(let duration)): [duration]
        case .silent(.intervals): []
        }
    }
}

/// `repeats: 3 of 5`.
public struct Repeats: Sendable, Equatable, Codable {
    public var count: Int
    /// At most 64.
    public var of: Int

    public init(count: Int, of: Int) {
        self.count = count
        self.of = of
    }
}

/// What is different of a rule for some devices. What is `nil` is as it is in the rule.
public struct RuleOverride: Sendable, Equatable, Codable {
    public var selector: DeviceSelector
    public var isEnabled: Bool
    public var severity: AlarmSeverity?
    public var when: Condition?
    /// With a `when` of its own and without this: the opposite of that.
    public var clear: Condition?
    public var holdFor: Duration?
    public var clearFor: Duration?

    public init(
        selector: DeviceSelector, isEnabled: Bool = true, severity: AlarmSeverity? = nil, when: Condition? = nil,
        clear: Condition? = nil, holdFor: Duration? = nil, clearFor: Duration? = nil
    ) {
        self.selector = selector
        self.isEnabled = isEnabled
        self.severity = severity
        self.when = when
        self.clear = clear
        self.holdFor = holdFor
        self.clearFor = clearFor
    }
}

/// An active alarm says more than those it brings about: a panel's mains fault holds back the faults of its
/// components, a device that is offline everything behind it. Held back is the notification, not the alarm; what is
/// still active when the cause has ended is pushed then.
public struct Inhibition: Sendable, Equatable, Codable {
    public enum Scope: String, Sendable, CaseIterable, Codable { case device, component }

    /// Ids; empty: all.
    public var rules: [String]
    /// Empty: all but fire and system, which are never held back.
    public var categories: [AlarmCategory]
    public var scope: Scope

    public init(rules: [String] = [], categories: [AlarmCategory] = [], scope: Scope = .device) {
        self.rules = rules
        self.categories = categories
        self.scope = scope
    }
}

/// What happens to an alarm that nobody has acknowledged.
public struct EscalationStep: Sendable, Equatable, Codable {
    /// Since it was received, or raised again.
    public var after: Duration
    /// More severe than before; `nil`: as it is.
    public var severity: AlarmSeverity?
    /// Endpoints that are told beside those that match; names.
    public var webhooks: [String]
    /// Told again so often until somebody acknowledges it; `nil`: once.
    public var every: Duration?

    public init(after: Duration, severity: AlarmSeverity? = nil, webhooks: [String] = [], every: Duration? = nil) {
        self.after = after
        self.severity = severity
        self.webhooks = webhooks
        self.every = every
    }
}

extension RuleDefinition: Codable {
    /// The words of a rules file.
    private enum CodingKeys: String, CodingKey {
        case id, kinds, selector, category, severity, title, when, clear, repeats
        case holdFor = "for"
        case clearFor = "clear_for"
        case latch, schedule, overrides, inhibits, escalation, replaces
    }

    /// What an earlier version did not know may be missing.
    public init(from decoder: any Decoder) throws {
        let it = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            id: try it.decode(String.self, forKey: .id), kinds: try it.decode([String].self, forKey: .kinds),
            selector: try it.decodeIfPresent(DeviceSelector.self, forKey: .selector) ?? .everywhere,
            category: try it.decode(AlarmCategory.self, forKey: .category),
            severity: try it.decode(AlarmSeverity.self, forKey: .severity),
            title: try it.decode(Title.self, forKey: .title), when: try it.decode(Condition.self, forKey: .when),
            clear: try it.decodeIfPresent(Condition.self, forKey: .clear),
            repeats: try it.decodeIfPresent(Repeats.self, forKey: .repeats),
            holdFor: try it.decode(Duration.self, forKey: .holdFor),
            clearFor: try it.decode(Duration.self, forKey: .clearFor), latch: try it.decode(Bool.self, forKey: .latch),
            schedule: try it.decodeIfPresent(RuleSchedule.self, forKey: .schedule),
            overrides: try it.decodeIfPresent([RuleOverride].self, forKey: .overrides) ?? [],
            inhibits: try it.decodeIfPresent([Inhibition].self, forKey: .inhibits) ?? [],
            escalation: try it.decodeIfPresent([EscalationStep].self, forKey: .escalation) ?? [],
            replaces: try it.decodeIfPresent(String.self, forKey: .replaces))
    }
}

/// A rule as written in a rules file (contract 6), checked but not yet compiled.
public struct RuleDefinition: Sendable, Equatable, Codable {
    public var id: String
    /// Kinds it applies to; empty: all.
    public var kinds: [String]
    public var category: AlarmCategory
    public var severity: AlarmSeverity
    public var title: Title
    public var when: Condition
    /// Absent: the opposite of `when`.
    public var clear: Condition?
    /// How long `when` must hold before the alarm is raised.
    public var holdFor: Duration
    /// How long `clear` must hold before the alarm is cleared.
    public var clearFor: Duration
    /// A latched alarm ends by a reset or a verdict only, never by its condition.
    public var latch: Bool
    /// The shipped rule this one stands in for.
    public var replaces: String?

    public init(
        id: String, kinds: [String], category: AlarmCategory, severity: AlarmSeverity, title: Title,
        when: Condition, clear: Condition? = nil, holdFor: Duration = .zero, clearFor: Duration = .zero,
        latch: Bool = false, replaces: String? = nil
    ) {
        self.id = id
        self.kinds = kinds
        self.category = category
        self.severity = severity
        self.title = title
        self.when = when
        self.clear = clear
        self.holdFor = holdFor
        self.clearFor = clearFor
        self.latch = latch
        self.replaces = replaces
    }

    /// The words of a rules file.
    private enum CodingKeys: String, CodingKey {
        case id, kinds, category, severity, title, when, clear
        case holdFor = "for"
        case clearFor = "clear_for"
        case latch, replaces
    }
}

/// What a rule looks at: `{ metric: pressure, below: 0.10 }` or `{ event: fault }`.
public struct Condition: Sendable, Equatable {
    public enum Subject: Sendable, Equatable {
        /// Each metric alarms on its own.
        case metrics([String])
        /// Event names as stored, without the prefix; each alarms on its own.
        case events([String])
    }

    public enum Test: Sendable, Equatable {
        case above(Double)
        case below(Double)
        case atLeast(Double)
        case atMost(Double)
        case between(ClosedRange<Double>)
        case outside(ClosedRange<Double>)
        case equals(Value)
        case oneOf([Value])
        /// The event was reported with `active` true.
        case reported
    }

    public var subject: Subject
    public var test: Test

    public init(subject: Subject, test: Test) {
        self.subject = subject
        self.test = test
    }
}

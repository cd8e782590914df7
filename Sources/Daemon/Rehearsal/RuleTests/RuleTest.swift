import FireModel

/// A file of tests of rules, read and checked.
public struct RuleTestFile: Sendable {
    /// As people call it.
    public var name: String
    public var catalogue: Catalogue
    public var rules: [RuleDefinition]
    public var tests: [RuleTest]
}

/// What comes in, and which alarms and notifications are to come of it.
public struct RuleTest: Sendable {
    public var name: String
    /// Its line in the file.
    public var line: Int?
    public var start: Timestamp
    /// IANA name, for the times of a report.
    public var timeZone: String
    var steps: [Step]

    /// Something at a moment.
    struct Step: Sendable {
        /// Since the start, in milliseconds.
        var at: Int64
        var deed: Deed
        var line: Int?
    }

    enum Deed: Sendable {
        case input(Input)
        case act(Act)
        case expect(Expectation)

        /// What is of one moment comes in this order.
        var rank: Int {
            switch self {
            case .input: 0
            case .act: 1
            case .expect: 2
            }
        }
    }

    /// A reading or an event.
    struct Input: Sendable {
        var device: String
        var kind: String
        var area: String
        var component: String?
        /// Of an event with its prefix.
        var metric: String
        var value: Value
        var detail: String?
        var quality: Quality = []
    }

    /// What happens to the gateway, or what an operator does.
    enum Act: Sendable {
        case restart
        case disconnect(Duration)
        case operate(OperatorAct, on: AlarmReference)
        case silence(Silence)
    }

    /// An active alarm.
    struct AlarmReference: Sendable {
        var rule: String
        var device: String
        var component: String?
        var metric: String?
    }

    /// A maintenance silence (contract 5).
    struct Silence: Sendable {
        var devices: [String] = []
        var areas: [String] = []
        var kinds: [String] = []
        var rules: [String] = []
        var length: Duration
    }

    struct Expectation: Sendable {
        enum Subject: Sendable {
            /// The active alarms of a rule.
            case alarms(rule: String)
            /// What was told since, of one rule or all.
            case notifications(from: Int64, rule: String?)
        }
        var subject: Subject
        var expected: [Expected]
        /// `alarm_rule_test[0]`
        var path: String
    }

    /// One alarm or notification: what is not said of it may be anything.
    struct Expected: Sendable {
        var values: [AlarmKey: String?]
        var line: Int?
    }
}

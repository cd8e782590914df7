/// Contract 6. The raw values are the words of the API.
public enum AlarmCategory: String, Sendable, CaseIterable, Codable {
    case fire
    case preAlarm = "pre_alarm"
    case fault, supervisory, disabled, linkage, overload, electrical, gas, water, tamper, battery, offline, duty, system
}

/// Ordered from the most to the least severe.
public enum AlarmSeverity: String, Sendable, CaseIterable, Codable {
    case critical, major, minor, warning, info
}

public enum AlarmState: String, Sendable, CaseIterable, Codable { case active, cleared }

public enum ClearedReason: String, Sendable, Codable {
    case condition
    case panelReset = "panel_reset"
    case operatorReset = "operator_reset"
    case verdict
}

public enum Verdict: String, Sendable, CaseIterable, Codable {
    case trueFire = "true_fire"
    case trueAlarm = "true_alarm"
    case falseAlarm = "false_alarm"
    case test, drill, fault, unknown

    /// The alarm was not real: a latched alarm ends with it. The others never clear (contract 6, latch).
    public var clears: Bool { self == .falseAlarm || self == .test || self == .drill }
}

/// The device as an alarm shows it. Everything but the first three comes from the registry.
public struct AlarmDevice: Sendable, Hashable, Codable {
    public var id: String
    public var kind: String
    public var area: String
    public var name: String?
    public var site: String?
    public var address: String?
    public var owner: String?
    public var latitude: Double?
    public var longitude: Double?

    public init(id: String, kind: String, area: String) {
        self.id = id
        self.kind = kind
        self.area = area
    }
}

/// One alarm from raise to clear, exactly the object of contract 6.
public struct Alarm: Sendable, Hashable, Codable {
    public var id: String
    public var gateway: String
    /// Orders the changes of one alarm, from 1.
    public var revision: Int = 1
    public var rule: String
    public var category: AlarmCategory
    public var severity: AlarmSeverity
    public var state: AlarmState = .active
    public var acknowledged = false
    public var latched: Bool
    public var drill = false
    /// An input older than what was known raised it.
    public var late = false
    public var reraised = false
    /// What the device says about itself (`test`, `muted`, …); never suppresses.
    public var flags: [String] = []
    /// Words of `Suppression`, in their order: why nobody is told of it. Of one that has ended, as it was then.
    public var suppressed: [String] = []
    /// The step of its rule's escalation that was reached, from 1; 0: none.
    public var escalation = 0
    public var device: AlarmDevice
    /// Of an alarm across devices, those that have brought it about; else empty.
    public var devices: [String] = []
    public var component: String?
    public var componentName: String?
    public var componentType: String?
    public var detail: String?
    public var metric: String?
    public var value: Value?
    public var unit: String?
    public var limit: Double?
    public var title: Title
    public var occurrences = 1
    public var raisedAt: Timestamp
    public var receivedAt: Timestamp
    public var lastOccurrenceAt: Timestamp
    public var clearedAt: Timestamp?
    public var clearedReason: ClearedReason?
    public var clearedBy: String?
    public var acknowledgedAt: Timestamp?
    public var acknowledgedBy: String?
    public var acknowledgedNote: String?
    public var verdict: Verdict?
    public var verdictBy: String?
    public var verdictAt: Timestamp?
    public var verdictCause: String?
    public var verdictNote: String?

    public init(
        id: String, gateway: String, rule: String, category: AlarmCategory, severity: AlarmSeverity, latched: Bool,
        device: AlarmDevice, component: String?, metric: String?, title: Title, raisedAt: Timestamp,
        receivedAt: Timestamp
    ) {
        self.id = id
        self.gateway = gateway
        self.rule = rule
        self.category = category
        self.severity = severity
        self.latched = latched
        self.device = device
        self.component = component
        self.metric = metric
        self.title = title
        self.raisedAt = raisedAt
        self.receivedAt = receivedAt
        lastOccurrenceAt = raisedAt
    }
}

/// A step in an alarm's life, with the alarm as it was then.
public struct AlarmChange: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        case raised, updated, escalated, acknowledged, cleared, verdict
        /// Counted on the alarm, neither pushed nor kept in the history.
        case occurrence

        public var isPushed: Bool { self != .occurrence }
        /// CloudEvents `type` (contract 7).
        public var eventType: String { "firesense.alarm.\(rawValue)" }
    }

    public var kind: Kind
    public var alarm: Alarm
    public var at: Timestamp
    /// What brought it about: the reading's identity, an operator's act, a timer. Part of the webhook id,
    /// so that the same change told twice is the same delivery.
    public var cause: String
    /// How-manieth raise of this key at this `raisedAt`, from 0. Kept when the alarm is first stored; what later
    /// changes say is not looked at.
    public var ordinal: Int
    /// The device's time of the input that brought it about, or what time alone has reached; `nil`: the input had no
    /// time of its own, or it was no device's. Up to then its key has seen what the device had to say.
    public var inputAt: Timestamp?
    /// Endpoints that are told beside those that match, by name.
    public var webhooks: [String]

    public init(
        kind: Kind, alarm: Alarm, at: Timestamp, cause: String, ordinal: Int, inputAt: Timestamp? = nil,
        webhooks: [String] = []
    ) {
        self.inputAt = inputAt
        self.webhooks = webhooks
        self.kind = kind
        self.alarm = alarm
        self.at = at
        self.cause = cause
        self.ordinal = ordinal
    }
}

/// What an operator does to an alarm (contract 5).
public struct OperatorAct: Sendable, Equatable, Codable {
    public enum Deed: Sendable, Equatable, Codable {
        case acknowledge
        /// `force`: a clearing verdict although the cause is still reported.
        case verdict(Verdict, cause: String?, force: Bool)
        case reset(force: Bool)
    }
    public var deed: Deed
    public var by: String
    public var note: String?

    public init(deed: Deed, by: String, note: String?) {
        self.deed = deed
        self.by = by
        self.note = note
    }
}

/// Why an operator's act was refused; the texts say what to do instead.
public enum OperatorActError: Error, Equatable, Sendable {
    case unknownAlarm
    /// 409: the cause is still reported and `force` was not given.
    case causeStillReported
    /// 409: a cleared alarm cannot be reset.
    case alreadyCleared
    /// 503: the store cannot be written, so no act can be kept.
    case storeNotWritable
}

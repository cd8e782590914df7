/// What a report counts of an alarm.
public struct AlarmRow: Sendable, Equatable {
    public var rule: String
    public var severity: AlarmSeverity
    public var device: String
    public var component: String?
    public var metric: String?
    public var verdict: Verdict?
    public var isDrill: Bool
    public var raisedAt: Timestamp
    public var receivedAt: Timestamp
    public var acknowledgedAt: Timestamp?
    public var clearedAt: Timestamp?

    public init(
        rule: String, severity: AlarmSeverity = .major, device: String, component: String? = nil,
        metric: String? = nil, verdict: Verdict? = nil, isDrill: Bool = false, raisedAt: Timestamp,
        receivedAt: Timestamp, acknowledgedAt: Timestamp? = nil, clearedAt: Timestamp? = nil
    ) {
        self.rule = rule
        self.severity = severity
        self.device = device
        self.component = component
        self.metric = metric
        self.verdict = verdict
        self.isDrill = isDrill
        self.raisedAt = raisedAt
        self.receivedAt = receivedAt
        self.acknowledgedAt = acknowledgedAt
        self.clearedAt = clearedAt
    }

    public init(_ alarm: Alarm) {
        self.init(
            rule: alarm.rule, severity: alarm.severity, device: alarm.device.id, component: alarm.component,
            metric: alarm.metric, verdict: alarm.verdict, isDrill: alarm.drill, raisedAt: alarm.raisedAt,
            receivedAt: alarm.receivedAt, acknowledgedAt: alarm.acknowledgedAt, clearedAt: alarm.clearedAt)
    }

    struct Key: Hashable {
        var rule: String
        var device: String
        var component: String?
        var metric: String?
    }

    var key: Key { Key(rule: rule, device: device, component: component, metric: metric) }
}

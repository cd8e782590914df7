import FireModel

/// A trouble of the gateway itself (category `system`).
public struct SystemCondition: Sendable, Hashable {
    public var rule: String
    /// What it concerns: an endpoint, a device.
    public var component: String?
    public var severity: AlarmSeverity
    public var title: Title
    /// Ends by itself this long after it was last reported, in milliseconds; `nil`: when told.
    public var expiresAfter: Int64?

    public init(
        rule: String, component: String? = nil, severity: AlarmSeverity, title: Title, expiresAfter: Int64? = nil
    ) {
        self.rule = rule
        self.component = component
        self.severity = severity
        self.title = title
        self.expiresAfter = expiresAfter
    }
}

struct SystemKey: Hashable {
    var rule: String
    var component: String?

    init(_ condition: SystemCondition) {
        rule = condition.rule
        component = condition.component
    }

    init(_ alarm: Alarm) {
        rule = alarm.rule
        component = alarm.component
    }
}

struct SystemAlarm {
    var alarm: Alarm
    var expiresAfter: Int64?
    /// Receipt time of the last report.
    var reportedAt: Timestamp
}

extension RuleEngine {
    /// The condition was met; told again, it is counted on the same alarm.
    public func systemReported(_ condition: SystemCondition, detail: String?, now: Timestamp) {
        let key = SystemKey(condition)
        if var known = systemAlarms[key] {
            known.alarm.occurrences += 1
            known.alarm.lastOccurrenceAt = now
            known.alarm.detail = detail ?? known.alarm.detail
            known.reportedAt = now
            known.expiresAfter = condition.expiresAfter
            systemAlarms[key] = known
            changes.append(
                AlarmChange(
                    kind: .occurrence, alarm: known.alarm, at: now, cause: "occurrence@\(now.milliseconds)", ordinal: 0)
            )
            return
        }
        // Some come, go and come again within a millisecond, and each time is an alarm of its own.
        if systemRaises.at != now { systemRaises = (now, [:]) }
        let ordinal = systemRaises.count[key, default: 0]
        systemRaises.count[key] = ordinal + 1
        var alarm = Alarm(
            id: AlarmIdentity.id(
                gateway: gateway.id, rule: condition.rule, device: gateway.id, component: condition.component,
                metric: nil, raisedAt: now, ordinal: ordinal),
            gateway: gateway.id, rule: condition.rule, category: .system, severity: condition.severity, latched: false,
            device: gateway, component: condition.component, metric: nil, title: condition.title, raisedAt: now,
            receivedAt: now)
        alarm.detail = detail
        systemAlarms[key] = SystemAlarm(alarm: alarm, expiresAfter: condition.expiresAfter, reportedAt: now)
        changes.append(
            AlarmChange(
                kind: .raised, alarm: alarm, at: now, cause: "raised@\(now.milliseconds)#\(ordinal)", ordinal: ordinal))
    }

    /// The condition is over. Nothing happens when it was not known.
    public func systemCeased(rule: String, component: String? = nil, now: Timestamp) {
        let probe = SystemCondition(rule: rule, component: component, severity: .info, title: Title(zh: "", en: ""))
        guard var known = systemAlarms.removeValue(forKey: SystemKey(probe)) else { return }
        Self.clear(&known.alarm, at: now, reason: .condition, by: nil)
        changes.append(
            AlarmChange(kind: .cleared, alarm: known.alarm, at: now, cause: "condition@\(now.milliseconds)", ordinal: 0)
        )
    }

    public func isSystemActive(rule: String) -> Bool { systemAlarms.keys.contains { $0.rule == rule } }

    /// How many of its components have an active alarm.
    public func systemCount(rule: String) -> Int { systemAlarms.keys.count { $0.rule == rule } }

    func expireSystemAlarms(now: Timestamp) {
        let due = systemAlarms.filter { now - $0.value.reportedAt >= $0.value.expiresAfter ?? .max }.keys
        // A dictionary's order is another one in each process.
        for key in due.sorted(by: { ($0.rule, $0.component ?? "") < ($1.rule, $1.component ?? "") }) {
            systemCeased(rule: key.rule, component: key.component, now: now)
        }
    }
}

import FireModel
import Testing

@testable import FireDispatch

let secret = Secret(Array(repeating: 7, count: 32))

func makeAlarm(
    _ id: String = "019aa600-0000-7000-8000-000000000001", category: AlarmCategory = .water,
    severity: AlarmSeverity = .major, rule: String = "hydrant-pressure-low", component: String? = nil,
    kind: String = "hydrant"
) -> Alarm {
    Alarm(
        id: id, gateway: "gw-1", rule: rule, category: category, severity: severity, latched: false,
        device: AlarmDevice(id: "hydrant-000007", kind: kind, area: "320102"), component: component,
        metric: "pressure", title: Title(zh: "消火栓压力低", en: "Hydrant pressure low"),
        raisedAt: Timestamp(milliseconds: 1_795_458_000_123), receivedAt: Timestamp(milliseconds: 1_795_458_000_200))
}

func makeChange(_ alarm: Alarm, _ kind: AlarmChange.Kind = .raised, at offset: Int64 = 0) -> AlarmChange {
    var alarm = alarm
    if kind == .cleared {
        alarm.state = .cleared
        alarm.clearedAt = alarm.raisedAt + offset
        alarm.clearedReason = .condition
    }
    return AlarmChange(kind: kind, alarm: alarm, at: alarm.raisedAt + offset, cause: "\(kind)@\(offset)", ordinal: 0)
}

/// A delivery to `duty-room`; `number` makes its alarm and id its own, `step` orders the changes of one alarm.
func makeDelivery(
    _ number: Int, step: Int = 0, fire: Bool = false, active: Bool = true, to endpoint: String = "duty-room",
    sequence: Int64 = 0, receivedAt: Timestamp = .wallClock
) -> Delivery {
    var alarm = makeAlarm("alarm-\(number)", category: fire ? .fire : .water)
    alarm.revision = step + 1
    var delivery = Delivery(
        id: "\(endpoint)-\(number)-\(step)", endpoint: endpoint, alarm: alarm.id, revision: alarm.revision,
        type: step == 0 ? "firesense.alarm.raised" : "firesense.alarm.updated", device: alarm.device.id,
        time: alarm.raisedAt, receivedAt: receivedAt, isFire: fire, isActive: active, createdAt: receivedAt,
        dueAt: receivedAt, snapshot: alarm.json)
    delivery.sequence = sequence
    return delivery
}

func makeEndpoint(_ url: String, name: String = "duty-room") -> Endpoint {
    var endpoint = Endpoint(name: name, url: url, secrets: [secret])
    endpoint.heartbeat = .zero
    return endpoint
}

extension RetrySchedule {
    /// The schedule of the contract, a hundred times as fast.
    static var quick: RetrySchedule {
        var schedule = RetrySchedule()
        schedule.offsets = schedule.offsets.map { $0 / 100 }
        schedule.steady = schedule.steady / 100
        schedule.fireCeiling = schedule.fireCeiling / 100
        schedule.downPace = schedule.downPace / 100
        return schedule
    }
}

/// Waits for a condition, at most as long as a hanging test may take.
func eventually(
    _ what: Comment, within limit: Duration = .seconds(20), sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: @Sendable () -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while !condition() {
        guard ContinuousClock.now < deadline else {
            Issue.record("not in time: \(what)", sourceLocation: sourceLocation)
            throw CancellationError()
        }
        try await Task.sleep(for: .milliseconds(2))
    }
}

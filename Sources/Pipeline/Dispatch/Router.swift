import FireModel

/// Which endpoints an alarm change goes to (contract 7).
///
/// Pure and synchronous: the worker thread owns it and writes what it returns in the transaction of the
/// change itself, so that no stored alarm is without its deliveries.
public struct Router: Sendable {
    private struct Match {
        var endpoints: Set<String>
        var isCleared = false
    }

    private var endpoints: [Endpoint]
    /// By alarm id: who has been told of it. Once matched, all its changes are sent.
    private var matches: [String: Match]
    /// Cleared alarms in the order they were, the oldest first from `forgotten` on; verdicts still come for them.
    private var cleared: [String] = []
    private var forgotten = 0

    /// How many cleared alarms are remembered, the newest. A change of an older one goes by the
    /// selection of the endpoint alone.
    static let rememberedCleared = 10_000

    /// - Parameters:
    ///   - gatewayID: The gateway's id, as in the alarms.
    ///   - matched: By alarm id, the names of the endpoints that have been told of it, from the outbox:
    ///     at least for every active alarm.
    public init(gatewayID: String, endpoints: [Endpoint], matched: [String: Set<String>]) {
        self.endpoints = endpoints
        matches = matched.mapValues { Match(endpoints: $0) }
    }

    /// After a reload. An endpoint is its name: a removed name is forgotten, and should it come back it is a new one.
    public mutating func adopt(endpoints: [Endpoint]) {
        self.endpoints = endpoints
        let names = Set(endpoints.map(\.name))
        for alarm in matches.keys { matches[alarm]?.endpoints.formIntersection(names) }
    }

    /// The deliveries of a change, to be stored with it. Their `sequence` is still 0.
    /// - Parameter now: Wall clock.
    public mutating func deliveries(for change: AlarmChange, now: Timestamp) -> [Delivery] {
        let alarm = change.alarm
        guard change.kind.isPushed else { return [] }
        let snapshot = alarm.json
        var told = matches[alarm.id]?.endpoints ?? []
        var deliveries: [Delivery] = []
        for endpoint in endpoints where !isAboutItself(alarm, endpoint) {
            let knows = told.contains(endpoint.name)
            guard knows || endpoint.takes(alarm) || change.webhooks.contains(endpoint.name),
                !isHeldBack(change, knows: knows)
            else { continue }
            for kind in kinds(for: change, knows: knows) {
                deliveries.append(delivery(kind, change, endpoint, snapshot, now))
            }
            told.insert(endpoint.name)
        }
        remember(alarm, told)
        return deliveries
    }

    /// What comes to match an endpoint later is first sent to it as raised. Its end is told after that, lest
    /// the alarm stands there for ever; and a verdict on what was over before raises nothing.
    private func kinds(for change: AlarmChange, knows: Bool) -> [AlarmChange.Kind] {
        if knows || change.kind == .raised { return [change.kind] }
        if change.kind == .cleared { return [.raised, .cleared] }
        return change.alarm.state == .active ? [.raised] : [change.kind]
    }

    /// Whoever knows of it is told how it ends and who sees to it, or it would stand there for ever. What is still
    /// active when nothing holds it back any more comes as an update, and so as raised to whom it is news.
    private func isHeldBack(_ change: AlarmChange, knows: Bool) -> Bool {
        guard change.alarm.isHeldBack else { return false }
        switch change.kind {
        case .acknowledged, .verdict, .cleared: return !knows
        case .raised, .updated, .escalated, .occurrence: return true
        }
    }

    /// Nobody is told through a broken line that it is broken.
    private func isAboutItself(_ alarm: Alarm, _ endpoint: Endpoint) -> Bool {
        alarm.category == .system && alarm.component == endpoint.name && EndpointTrouble.Kind.rules.contains(alarm.rule)
    }

    private func delivery(
        _ kind: AlarmChange.Kind, _ change: AlarmChange, _ endpoint: Endpoint, _ snapshot: String, _ now: Timestamp
    ) -> Delivery {
        let alarm = change.alarm
        return Delivery(
            id: WebhookID.id(
                alarm: alarm.id, type: kind.eventType, at: change.at, cause: change.cause, endpoint: endpoint.name),
            endpoint: endpoint.name, alarm: alarm.id, revision: alarm.revision, type: kind.eventType,
            device: alarm.device.id, time: change.at, receivedAt: change.kind == .raised ? alarm.receivedAt : now,
            isFire: alarm.category == .fire, isActive: alarm.state == .active, createdAt: now, dueAt: now,
            snapshot: snapshot)
    }

    private mutating func remember(_ alarm: Alarm, _ told: Set<String>) {
        guard !told.isEmpty else { return }
        let wasCleared = matches[alarm.id]?.isCleared ?? false
        matches[alarm.id] = Match(endpoints: told, isCleared: alarm.state == .cleared)
        guard alarm.state == .cleared, !wasCleared else { return }
        cleared.append(alarm.id)
        guard cleared.count - forgotten > Self.rememberedCleared else { return }
        matches[cleared[forgotten]] = nil
        forgotten += 1
        guard forgotten >= Self.rememberedCleared else { return }
        cleared.removeFirst(forgotten)
        forgotten = 0
    }
}

extension Endpoint {
    /// Fire goes to every endpoint unless it says otherwise; for the rest the lists AND each other, and an
    /// empty one lets everything through.
    func takes(_ alarm: Alarm) -> Bool {
        if alarm.category == .fire { return !excludeFire }
        return select.severities.lets(alarm.severity) && select.categories.lets(alarm.category)
            && select.kinds.lets(alarm.device.kind) && select.areas.lets(alarm.device.area)
    }
}

extension Array where Element: Equatable {
    fileprivate func lets(_ element: Element) -> Bool { isEmpty || contains(element) }
}

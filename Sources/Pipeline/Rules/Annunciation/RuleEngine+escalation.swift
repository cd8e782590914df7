import FireModel

extension RuleEngine {
    /// The time of its steps begins now, or with its receipt.
    func beginEscalation(_ alarm: Alarm, receivedAt: Timestamp? = nil) {
        annunciation.state.escalations[alarm.id] = nil
        guard !alarm.acknowledged, !alarm.isHeldBack, !annunciation.steps(of: alarm).isEmpty else { return }
        let now = annunciation.state.clock.elapsed
        annunciation.state.escalations[alarm.id] = Escalation(since: now, toldAt: now, receivedAt: receivedAt)
        scheduleEscalation(alarm.id)
    }

    var nextEscalation: (due: Int64, name: String)? {
        // Out of its place, as what is asked meanwhile looks into what it lies in.
        var list = DueList()
        swap(&list, &annunciation.escalationsDue)
        defer { annunciation.escalationsDue = list }
        return list.first { escalationDue($0) }
    }

    func escalationDue(_ id: String) -> Int64? {
        guard let its = annunciation.state.escalations[id], let alarm = activeAlarm(id) else { return nil }
        return its.due(annunciation.steps(of: alarm), reached: alarm.escalation)
    }

    private func scheduleEscalation(_ id: String) {
        if let due = escalationDue(id) {
            annunciation.escalationsDue.insert(id, at: due)
        } else {
            annunciation.state.escalations[id] = nil
        }
    }

    /// Takes the next step, or tells the last one again.
    func escalate(_ id: String, _ now: Timestamp) {
        guard var its = annunciation.state.escalations[id], var alarm = activeAlarm(id) else { return }
        let time = annunciation.state.clock.elapsed
        let steps = annunciation.steps(of: alarm)
        if let receivedAt = its.receivedAt {
            its = Escalation(since: time - min(max(0, now - receivedAt), AnnunciationState.furthest), toldAt: time)
            annunciation.state.escalations[id] = its
            return scheduleEscalation(id)
        }
        if steps.indices.contains(alarm.escalation),
            its.since + steps[alarm.escalation].after.wholeMilliseconds <= time
        {
            alarm.escalation += 1
            if let severity = steps[alarm.escalation - 1].severity, severity.isAbove(alarm.severity) {
                alarm.severity = severity
            }
        }
        guard steps.indices.contains(alarm.escalation - 1) else { return }
        its.toldAt = time
        annunciation.state.escalations[id] = its
        alarm.revision += 1
        keepActive(alarm)
        changes.append(
            AlarmChange(
                kind: .escalated, alarm: alarm, at: now, cause: "escalated \(alarm.escalation)@\(now.milliseconds)",
                ordinal: 0, webhooks: steps[alarm.escalation - 1].webhooks))
        scheduleEscalation(id)
    }
}

extension AlarmSeverity {
    fileprivate func isAbove(_ other: AlarmSeverity) -> Bool {
        let order = Self.allCases
        guard let own = order.firstIndex(of: self), let its = order.firstIndex(of: other) else { return false }
        return own < its
    }
}

import FireModel

extension RuleEngine {
    /// An operator's act (contract 5 and 6): decided here, effective once its changes are committed.
    ///
    /// - Parameter stored: the alarm as the store has it; the engine's own copy wins while it is active.
    /// - Returns: the alarm after the act. An acknowledgement of what is acknowledged changes nothing.
    public func act(_ act: OperatorAct, on stored: Alarm, now: Timestamp) throws(OperatorActError) -> Alarm {
        settle()
        let alarm = current(stored)
        // The asker saw it active, and it has ended meanwhile: what he saw must not come back to life.
        guard alarm.state == .cleared || isLive(alarm) else { throw .alreadyCleared }
        switch act.deed {
        case .acknowledge: return acknowledge(alarm, act, now)
        case .verdict(let verdict, let cause, let force):
            return try give(verdict, cause, force: force, alarm, act, now)
        case .reset(let force): return try reset(alarm, act, force: force, now)
        }
    }

    private func acknowledge(_ alarm: Alarm, _ act: OperatorAct, _ now: Timestamp) -> Alarm {
        guard !alarm.acknowledged else { return alarm }
        var alarm = alarm
        alarm.acknowledged = true
        alarm.acknowledgedAt = now
        alarm.acknowledgedBy = act.by
        alarm.acknowledgedNote = act.note
        alarm.revision += 1
        keep(alarm)
        wasAcknowledged(alarm)
        report(.acknowledged, alarm, now, "acknowledge by \(act.by)@\(now.milliseconds)")
        return alarm
    }

    private func give(
        _ verdict: Verdict, _ cause: String?, force: Bool, _ alarm: Alarm, _ act: OperatorAct, _ now: Timestamp
    ) throws(OperatorActError) -> Alarm {
        let ends = verdict.clears && alarm.latched && alarm.state == .active
        if ends, !force, isCauseReported(alarm) { throw .causeStillReported }
        var alarm = alarm
        alarm.verdict = verdict
        alarm.verdictBy = act.by
        alarm.verdictAt = now
        alarm.verdictCause = cause
        alarm.verdictNote = act.note
        alarm.revision += 1
        keep(alarm)
        report(.verdict, alarm, now, "verdict \(verdict.rawValue) by \(act.by)@\(now.milliseconds)")
        return ends ? end(alarm, .verdict, act, now) : alarm
    }

    private func reset(
        _ alarm: Alarm, _ act: OperatorAct, force: Bool, _ now: Timestamp
    ) throws(OperatorActError) -> Alarm {
        guard alarm.state == .active else { throw .alreadyCleared }
        if !force, isCauseReported(alarm) { throw .causeStillReported }
        return end(alarm, .operatorReset, act, now)
    }

    private func end(
        _ alarm: Alarm, _ reason: ClearedReason, _ act: OperatorAct, _ now: Timestamp
    ) -> Alarm {
        var alarm = alarm
        Self.clear(&alarm, at: now, reason: reason, by: act.by)
        if let state = delist(alarm.id) {
            states[Int(state)].machine.operatorReset()
            states[Int(state)].alarm = nil
            releaseIfIdle(state)
        } else {
            systemAlarms[SystemKey(alarm)] = nil
        }
        report(.cleared, alarm, now, "\(reason.rawValue) by \(act.by)@\(now.milliseconds)")
        wasEnded(alarm, now: now)
        return alarm
    }

    private func current(_ stored: Alarm) -> Alarm {
        if let state = stateOfAlarm[stored.id], let alarm = states[Int(state)].alarm { return alarm }
        if let system = systemAlarms[SystemKey(stored)], system.alarm.id == stored.id { return system.alarm }
        return stored
    }

    private func isLive(_ alarm: Alarm) -> Bool {
        stateOfAlarm[alarm.id] != nil || systemAlarms[SystemKey(alarm)]?.alarm.id == alarm.id
    }

    private func keep(_ alarm: Alarm) {
        if let state = stateOfAlarm[alarm.id] {
            states[Int(state)].alarm = alarm
        } else if systemAlarms[SystemKey(alarm)]?.alarm.id == alarm.id {
            systemAlarms[SystemKey(alarm)]?.alarm = alarm
        }
    }

    private func isCauseReported(_ alarm: Alarm) -> Bool {
        guard let state = stateOfAlarm[alarm.id], states[Int(state)].rule >= 0 else { return false }
        return states[Int(state)].machine.causePresent
    }

    private func report(_ kind: AlarmChange.Kind, _ alarm: Alarm, _ at: Timestamp, _ cause: String) {
        changes.append(AlarmChange(kind: kind, alarm: alarm, at: at, cause: cause, ordinal: 0))
    }
}

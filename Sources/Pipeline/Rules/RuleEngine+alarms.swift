import FireModel

/// What brought a change about.
struct Occasion {
    var reading: Reading?
    var receivedAt: Timestamp
    var isLate = false
}

extension RuleEngine {
    /// Turns the machine's order into a change of the alarm.
    func obey(_ order: AlarmMachine.Order, _ state: Int32, _ occasion: Occasion, isEdge: Bool = false) {
        switch order {
        case .nothing: break
        case .raise(let time): raise(state, at: time, occasion)
        case .clear(let time):
            clear(state, at: time, reason: .condition, by: nil, cause: "condition@\(time.milliseconds)")
        case .occurrence(let again): occur(state, occasion, isEdge: isEdge, again: again)
        }
    }

    private func raise(_ state: Int32, at time: Timestamp, _ occasion: Occasion) {
        let index = Int(state)
        let key = states[index]
        guard key.rule >= 0 else { return }
        let rule = rules[Int(key.rule)]
        let series = fleet.series[Int(key.series)]
        let device = fleet.devices[Int(series.device)]
        let metric = fleet.metrics[series.metric]
        let component = series.component >= 0 ? fleet.components[series.component] : nil
        func identity(_ ordinal: Int) -> String {
            AlarmIdentity.id(
                gateway: gateway.id, rule: rule.definition.id, device: device.id, component: component, metric: metric,
                raisedAt: time, ordinal: ordinal)
        }
        var ordinal = key.lastRaisedAt == time ? key.ordinal + 1 : 0
        var id = identity(ordinal)
        // One may stand from before a reload that dropped the rule and another that brought it back.
        while stateOfAlarm[id] != nil {
            ordinal += 1
            id = identity(ordinal)
        }
        var alarm = Alarm(
            id: id, gateway: gateway.id, rule: rule.definition.id, category: rule.definition.category,
            severity: rule.definition.severity, latched: rule.timing.isLatched,
            device: AlarmDevice(id: device.id, kind: fleet.kinds[device.kind], area: fleet.areas[device.area]),
            component: component, metric: metric, title: rule.definition.title, raisedAt: time,
            receivedAt: occasion.receivedAt)
        alarm.late = occasion.isLate
        alarm.flags = flagWords(series).filter { $0 != metric && "event.\($0)" != metric }
        if occasion.reading?.quality.contains(.retained) == true { alarm.flags.append("retained") }
        if occasion.reading?.quality.contains(.clock) == true { alarm.flags.append("clock") }
        alarm.detail = occasion.reading?.detail
        alarm.value = key.lastValue
        alarm.unit = fleet.definition(kind: device.kind, metric: series.metric)?.unit
        alarm.limit = key.lastValue.flatMap(rule.limit)
        states[index].alarm = alarm
        states[index].lastRaisedAt = time
        states[index].ordinal = ordinal
        stateOfAlarm[alarm.id] = state
        changes.append(
            AlarmChange(
                kind: .raised, alarm: alarm, at: time, cause: "raised@\(time.milliseconds)#\(ordinal)", ordinal: ordinal
            ))
    }

    private func occur(_ state: Int32, _ occasion: Occasion, isEdge: Bool, again: Bool) {
        guard var alarm = states[Int(state)].alarm, let reading = occasion.reading else { return }
        alarm.occurrences += 1
        alarm.lastOccurrenceAt = max(alarm.lastOccurrenceAt, reading.at)
        alarm.value = reading.value
        if let detail = reading.detail { alarm.detail = detail }
        // Re-raise 再次报警: begun anew after it had ended, or after somebody had acknowledged it.
        let isReraise = again || (isEdge && alarm.acknowledged)
        if isReraise {
            alarm.acknowledged = false
            alarm.reraised = true
            alarm.revision += 1
        }
        states[Int(state)].alarm = alarm
        changes.append(
            AlarmChange(
                kind: isReraise ? .updated : .occurrence, alarm: alarm, at: reading.at,
                cause: "occurrence@\(reading.at.milliseconds)", ordinal: states[Int(state)].ordinal))
    }

    func clear(_ state: Int32, at time: Timestamp, reason: ClearedReason, by: String?, cause: String) {
        guard var alarm = states[Int(state)].alarm else { return }
        Self.clear(&alarm, at: time, reason: reason, by: by)
        states[Int(state)].alarm = nil
        stateOfAlarm[alarm.id] = nil
        changes.append(
            AlarmChange(kind: .cleared, alarm: alarm, at: time, cause: cause, ordinal: states[Int(state)].ordinal))
    }

    static func clear(_ alarm: inout Alarm, at time: Timestamp, reason: ClearedReason, by: String?) {
        alarm.state = .cleared
        alarm.revision += 1
        alarm.clearedAt = time
        alarm.clearedReason = reason
        alarm.clearedBy = by
    }
}

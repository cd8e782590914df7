import FireModel

/// What brought a change about.
struct Occasion {
    var reading: Reading?
    var receivedAt: Timestamp
    var isLate = false

    /// The device's time of the input; of what time alone has brought about, `time`.
    func inputAt(otherwise time: Timestamp) -> Timestamp? {
        guard let reading else { return time }
        return reading.quality.hasDeviceTime ? reading.at : nil
    }
}

extension Quality {
    /// Shown among the flags of an alarm.
    static let flagWords = ["retained", "clock"]

    var flagWords: [String] {
        Self.flagWords.filter { contains($0 == "retained" ? .retained : .clock) }
    }
}

extension RuleEngine {
    /// Turns the machine's order into a change of the alarm.
    func obey(_ order: AlarmMachine.Order, _ state: Int32, _ occasion: Occasion, isEdge: Bool = false) {
        switch order {
        case .nothing: break
        case .raise(let time): raise(state, at: time, occasion)
        case .clear(let time):
            clear(
                state, at: time, reason: .condition, by: nil, cause: "condition@\(time.milliseconds)",
                inputAt: occasion.inputAt(otherwise: time))
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
        alarm.flags = flagsToShow(series) + (occasion.reading?.quality ?? key.lastQuality).flagWords
        alarm.detail = occasion.reading?.detail ?? key.lastDetail
        alarm.value = key.lastValue
        alarm.unit = fleet.definition(kind: device.kind, metric: series.metric)?.unit
        alarm.limit = key.lastValue.flatMap(rule.limit)
        prepareRaise(&alarm)
        states[index].alarm = alarm
        states[index].lastRaisedAt = time
        states[index].ordinal = ordinal
        enlist(alarm.id, state)
        changes.append(
            AlarmChange(
                kind: .raised, alarm: alarm, at: time, cause: "raised@\(time.milliseconds)#\(ordinal)",
                ordinal: ordinal,
                inputAt: occasion.inputAt(otherwise: time)))
        wasRaised(alarm, now: occasion.receivedAt)
    }

    // MARK: - Active alarms

    /// The alarm is active on this key, which has it.
    func enlist(_ id: String, _ state: Int32) {
        if let alarm = states[Int(state)].alarm { annunciation.track(alarm) }
        guard stateOfAlarm.updateValue(state, forKey: id) == nil, states[Int(state)].series >= 0 else { return }
        activeOn[flagKey(states[Int(state)].series), default: []].append(state)
    }

    /// To be called while the key has it yet.
    /// - Returns: the key it was active on.
    @discardableResult
    func delist(_ id: String) -> Int32? {
        guard let state = stateOfAlarm.removeValue(forKey: id) else { return nil }
        if let alarm = states[Int(state)].alarm { annunciation.untrack(alarm) }
        guard states[Int(state)].series >= 0 else { return state }
        let place = flagKey(states[Int(state)].series)
        activeOn[place]?.removeAll { $0 == state }
        if activeOn[place]?.isEmpty == true { activeOn[place] = nil }
        return state
    }

    // MARK: - Flags

    /// Without the metric that raised the alarm itself.
    private func flagsToShow(_ series: Fleet.Series) -> [String] {
        let metric = fleet.metrics[series.metric]
        return flagWords(series).filter { $0 != metric && "event.\($0)" != metric }
    }

    /// What the device says about itself has changed: seen on the alarm, but nothing to push.
    func showFlags(_ reading: Reading, on state: Int32) {
        guard var alarm = states[Int(state)].alarm else { return }
        let flags =
            flagsToShow(fleet.series[Int(states[Int(state)].series)])
            + Quality.flagWords.filter { alarm.flags.contains($0) }
        guard flags != alarm.flags else { return }
        alarm.flags = flags
        states[Int(state)].alarm = alarm
        changes.append(
            AlarmChange(
                kind: .occurrence, alarm: alarm, at: reading.at, cause: "flags@\(reading.at.milliseconds)",
                ordinal: states[Int(state)].ordinal))
    }

    private func occur(_ state: Int32, _ occasion: Occasion, isEdge: Bool, again: Bool) {
        guard var alarm = states[Int(state)].alarm, let reading = occasion.reading else { return }
        alarm.occurrences += 1
        alarm.lastOccurrenceAt = max(alarm.lastOccurrenceAt, reading.at)
        alarm.value = reading.value
        if let detail = reading.detail { alarm.detail = detail }
        alarm.flags = flagsToShow(fleet.series[Int(states[Int(state)].series)]) + reading.quality.flagWords
        // Re-raise 再次报警: begun anew after it had ended, or after somebody had acknowledged it.
        let isReraise = again || (isEdge && alarm.acknowledged)
        if isReraise {
            alarm.acknowledged = false
            alarm.reraised = true
        }
        let isTold = prepareOccurrence(&alarm, isReraise: isReraise)
        if isTold { alarm.revision += 1 }
        states[Int(state)].alarm = alarm
        changes.append(
            AlarmChange(
                kind: isTold ? .updated : .occurrence, alarm: alarm, at: reading.at,
                cause: "occurrence@\(reading.at.milliseconds)", ordinal: states[Int(state)].ordinal,
                inputAt: occasion.inputAt(otherwise: reading.at)))
        if isReraise { wasReraised(alarm) }
    }

    /// - Parameter inputAt: see `AlarmChange.inputAt`.
    func clear(
        _ state: Int32, at time: Timestamp, reason: ClearedReason, by: String?, cause: String, inputAt: Timestamp?
    ) {
        guard var alarm = states[Int(state)].alarm else { return }
        Self.clear(&alarm, at: time, reason: reason, by: by)
        delist(alarm.id)
        states[Int(state)].alarm = nil
        // Nothing tells whether what ended it was the end that had been seen: what is told from now on counts.
        if inputAt == nil { states[Int(state)].restored = nil }
        changes.append(
            AlarmChange(
                kind: .cleared, alarm: alarm, at: time, cause: cause, ordinal: states[Int(state)].ordinal,
                inputAt: inputAt))
        // The device's clock tells nothing of when others are told.
        wasEnded(alarm, now: annunciation.state.clock.wall.map(Timestamp.init(milliseconds:)) ?? time)
    }

    static func clear(_ alarm: inout Alarm, at time: Timestamp, reason: ClearedReason, by: String?) {
        alarm.state = .cleared
        alarm.revision += 1
        alarm.clearedAt = time
        alarm.clearedReason = reason
        alarm.clearedBy = by
    }
}

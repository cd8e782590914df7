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
        let its = subject(of: key.series)
        func identity(_ ordinal: Int) -> String {
            AlarmIdentity.id(
                gateway: gateway.id, rule: rule.definition.id, device: its.device.id, component: its.component,
                metric: its.metric, raisedAt: time, ordinal: ordinal)
        }
        var ordinal = key.lastRaisedAt == time ? key.ordinal + 1 : 0
        var id = identity(ordinal)
        // One may stand from before a reload that dropped the rule and another that brought it back.
        while stateOfAlarm[id] != nil {
            ordinal += 1
            id = identity(ordinal)
        }
        let severity = rule.schedule?.severity(at: time) ?? rule.definition.severity
        var alarm = Alarm(
            id: id, gateway: gateway.id, rule: rule.definition.id, category: rule.definition.category,
            severity: severity, latched: rule.timing.isLatched, device: its.device, component: its.component,
            metric: its.metric, title: rule.definition.title, raisedAt: time, receivedAt: occasion.receivedAt)
        alarm.late = occasion.isLate
        alarm.flags = flagsToShow(key.series) + (occasion.reading?.quality ?? key.lastQuality).flagWords
        alarm.detail = occasion.reading?.detail ?? key.lastDetail
        alarm.value = key.lastValue
        alarm.unit = unit(of: rule, key.series)
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

    /// Whom and what an alarm of a key shows.
    private func subject(of key: Int32) -> (device: AlarmDevice, component: String?, metric: String?) {
        if key <= -2, let group = places[key].group {
            var device = gateway
            if fleet.areas.find(group) != nil { device.area = group }
            return (device, group, nil)
        }
        let its = fleet.devices[Int(device(of: key))]
        let component = component(of: key)
        return (
            AlarmDevice(id: its.id, kind: fleet.kinds[its.kind], area: fleet.areas[its.area]),
            component >= 0 ? fleet.components[component] : nil,
            key >= 0 ? fleet.metrics[fleet.series[Int(key)].metric] : nil
        )
    }

    /// Of the value the alarm shows.
    private func unit(of rule: CompiledRule, _ key: Int32) -> String? {
        switch rule.form {
        case .silent: return "s"
        case .crowd, .tree: return nil
        case .term(let term, _, _):
            guard key >= 0 else { return nil }
            switch term.measure {
            case .flaps, .deviation, .statistic(.count, _): return nil
            case .value, .rise, .fall, .statistic:
                let series = fleet.series[Int(key)]
                return fleet.definition(kind: fleet.devices[Int(series.device)].kind, metric: series.metric)?.unit
            }
        }
    }

    // MARK: - Active alarms

    /// The alarm is active on this key, which has it.
    func enlist(_ id: String, _ state: Int32) {
        if let alarm = states[Int(state)].alarm { annunciation.track(alarm) }
        guard stateOfAlarm.updateValue(state, forKey: id) == nil, device(of: states[Int(state)].series) >= 0 else {
            return
        }
        activeOn[flagKey(states[Int(state)].series), default: []].append(state)
    }

    /// To be called while the key has it yet.
    /// - Returns: the key it was active on.
    @discardableResult
    func delist(_ id: String) -> Int32? {
        guard let state = stateOfAlarm.removeValue(forKey: id) else { return nil }
        if let alarm = states[Int(state)].alarm { annunciation.untrack(alarm) }
        guard device(of: states[Int(state)].series) >= 0 else { return state }
        let place = flagKey(states[Int(state)].series)
        activeOn[place]?.removeAll { $0 == state }
        if activeOn[place]?.isEmpty == true { activeOn[place] = nil }
        return state
    }

    // MARK: - Flags

    /// Without the metric that raised the alarm itself.
    private func flagsToShow(_ key: Int32) -> [String] {
        guard device(of: key) >= 0 else { return [] }
        let metric = key >= 0 ? fleet.metrics[fleet.series[Int(key)].metric] : ""
        return flagWords(key).filter { $0 != metric && "event.\($0)" != metric }
    }

    /// What the device says about itself has changed: seen on the alarm, but nothing to push.
    func showFlags(_ reading: Reading, on state: Int32) {
        guard var alarm = states[Int(state)].alarm else { return }
        let flags =
            flagsToShow(states[Int(state)].series)
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
        guard var alarm = states[Int(state)].alarm else { return }
        let at = occasion.reading?.at ?? occasion.receivedAt
        alarm.occurrences += 1
        alarm.lastOccurrenceAt = max(alarm.lastOccurrenceAt, at)
        alarm.value = states[Int(state)].lastValue
        if let detail = occasion.reading?.detail { alarm.detail = detail }
        alarm.flags = flagsToShow(states[Int(state)].series) + (occasion.reading?.quality.flagWords ?? [])
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
                kind: isTold ? .updated : .occurrence, alarm: alarm, at: at,
                cause: "occurrence@\(at.milliseconds)", ordinal: states[Int(state)].ordinal,
                inputAt: occasion.inputAt(otherwise: at)))
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

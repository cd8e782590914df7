import FireModel

extension RuleEngine {
    /// Takes up an alarm as stored: for every key its newest, active or cleared. Call before
    /// `seed(_:…)`; a key or rule that is no longer known leaves an active alarm standing until an
    /// operator ends it.
    /// - Parameters:
    ///   - expiresAfter: for an alarm of the gateway itself, when its condition ends by itself.
    ///   - heldInput: `AlarmChange.inputAt` of a change that was decided in memory while the store was away. The
    ///     broker delivers the same messages again, and the store does not know them; they have had their effect.
    public func restore(
        _ alarm: Alarm, ordinal: Int, live: Int64, expiresAfter: Int64? = nil, heldInput: Timestamp? = nil
    ) {
        grow()
        if alarm.category == .system, alarm.device.kind == gateway.kind, alarm.device.id == gateway.id {
            restoreSystem(alarm, expiresAfter: expiresAfter)
            return
        }
        annunciation.state.isStale = true
        // Ended since it was taken up as active: by what went on in memory while the store was away.
        if alarm.state == .cleared {
            if let known = delist(alarm.id) {
                states[Int(known)].alarm = nil
                states[Int(known)].machine = AlarmMachine()
                releaseIfIdle(known)
            }
            changes.removeAll { $0.kind == .cleared && $0.alarm.id == alarm.id }
        }
        guard let series = key(of: alarm) else {
            if alarm.state == .active { addOrphan(alarm, series: -1) }
            return
        }
        guard let rule = rule(alarm.rule, watching: series) else {
            if alarm.state == .active { addOrphan(alarm, series: series) }
            return
        }
        let state = findState(series, rule) ?? addState(series, rule)
        if case .silent = rules[Int(rule)].form { silentDevices.insert(device(of: series)) }
        let index = Int(state)
        if let heldInput, series >= 0 { noteHeld(series, at: heldInput) }
        let held = Restored.joined(states[index].restored?.held, heldInput)
        if let first = states[index].alarm, first.id != alarm.id {
            states[index].restored?.held = held
            if alarm.state == .active { fold(alarm, into: index, ordinal) }
            return
        }
        if alarm.state == .active {
            states[index].alarm = alarm
            states[index].machine = AlarmMachine(
                activeWithCause: true, statedAt: alarm.lastOccurrenceAt, live: live)
            enlist(alarm.id, state)
            if alarm.rule == BuiltInRules.implausibleValue { takeUpImplausible(series) }
        }
        states[index].lastRaisedAt = alarm.raisedAt
        states[index].ordinal = ordinal
        states[index].lastValue = alarm.value
        states[index].restored = Restored(
            decidedAt: max(alarm.lastOccurrenceAt, alarm.clearedAt ?? alarm.lastOccurrenceAt),
            wasForced: alarm.clearedReason == .operatorReset || alarm.clearedReason == .verdict,
            raisedAt: alarm.raisedAt, lastOccurrenceAt: alarm.lastOccurrenceAt, held: held)
    }

    /// A key has one alarm. A second was raised by a gateway that did not know the first, from memory while the
    /// store was away: it is counted on the first and ended, as nobody could end it otherwise.
    private func fold(_ second: Alarm, into index: Int, _ ordinal: Int) {
        guard var first = states[index].alarm else { return }
        first.occurrences += second.occurrences
        first.lastOccurrenceAt = max(first.lastOccurrenceAt, second.lastOccurrenceAt)
        first.value = second.value ?? first.value
        states[index].alarm = first
        states[index].lastValue = first.value
        changes.append(
            AlarmChange(
                kind: .occurrence, alarm: first, at: second.raisedAt, cause: "folded \(second.id)",
                ordinal: states[index].ordinal))
        var second = second
        Self.clear(&second, at: second.lastOccurrenceAt, reason: .condition, by: nil)
        second.detail = "counted on \(first.id)"
        changes.append(
            AlarmChange(
                kind: .cleared, alarm: second, at: second.lastOccurrenceAt, cause: "folded into \(first.id)",
                ordinal: ordinal))
    }

    /// Shows a series' last stored value, so that what was pending, or what a rule changed since would
    /// raise, is not lost by the restart. What the stored alarms have already decided is not decided again.
    public func seed(_ reading: Reading, live: Int64) {
        grow()
        let anchor = fleet.series[Int(reading.series)].anchor
        let program = program(at: anchor)
        noteSeeded(anchor, reading)
        // Nobody knows how long ago: it has its whole interval to be heard again.
        self.live = max(self.live, live)
        hear(fleet.series[Int(anchor)].device, live: live)
        for place in program.plain {
            let rule = plainUses[place].rule
            let compiled = rules[Int(rule)]
            let holds = compiled.holds(reading.value)
            let known = findState(anchor, rule)
            if let known, states[Int(known)].alarm != nil {
                // Active and its cause gone: a latched alarm remembers that; others have a clear pending.
                if !program.isEvent || reading.at >= (states[Int(known)].machine.statedAt ?? reading.at) {
                    showStored(known, reading, holds, compiled, live)
                }
                continue
            }
            guard holds, !program.isEvent else { continue }
            if let known, let restored = states[Int(known)].restored, restored.decidedAt >= reading.at {
                if restored.wasForced {
                    states[Int(known)].machine = AlarmMachine(forcedAt: reading.at, live: live)
                }
                continue
            }
            showStored(known ?? addState(anchor, rule), reading, holds, compiled, live)
        }
        remember(reading, anchor, program, Clocks(live: live, steady: nil))
        if let flag = program.flag, reading.value == .boolean(true) { noteFlag(flag, anchor) }
    }

    private func showStored(_ state: Int32, _ reading: Reading, _ holds: Bool, _ rule: CompiledRule, _ live: Int64) {
        step(
            state, reading, reading.value,
            input(
                reading, holds: holds, clears: !holds && rule.clears(reading.value, reading.quality), isEdge: false,
                Clocks(live: live, steady: nil)))
    }

    /// What the alarm is of, as a key; `nil`: nothing that is known.
    private func key(of alarm: Alarm) -> Int32? {
        if alarm.device.kind == gateway.kind, alarm.device.id == gateway.id {
            return alarm.component.map { places.place(group: $0) }
        }
        guard let device = fleet.device(alarm.device.id) else { return nil }
        var component: Int32 = -1
        if let wanted = alarm.component {
            guard let found = fleet.components.find(wanted) else { return nil }
            component = found
        }
        guard let name = alarm.metric else { return places.place(device: device, component: component) }
        return fleet.metrics.find(name).flatMap {
            fleet.findSeries(device: device, component: component, metric: $0)
        }
    }

    private func restoreSystem(_ alarm: Alarm, expiresAfter: Int64?) {
        let key = SystemKey(alarm)
        if alarm.state == .active {
            systemAlarms[key] = SystemAlarm(
                alarm: alarm, expiresAfter: expiresAfter, reportedAt: alarm.lastOccurrenceAt)
        } else if systemAlarms[key]?.alarm.id == alarm.id {
            systemAlarms[key] = nil
        }
    }
}

/// What a stored alarm says about a key at start.
struct Restored: Equatable {
    /// Inputs up to this time have had their effect.
    var decidedAt: Timestamp
    /// An operator ended it, perhaps against its cause.
    var wasForced: Bool
    /// By the device's clock, or by that of receipt where it gave no time.
    var raisedAt: Timestamp
    var lastOccurrenceAt: Timestamp
    /// Device times of the inputs that were decided in memory while the store was away.
    var held: ClosedRange<Timestamp>?

    /// The message that raised it, once more: the store keeps no reading that it refused.
    ///
    /// Of a fire, what memory may have seen lies between its first and its last input; what is older or newer still
    /// raises. Other inputs up to the last are late anyway.
    func hasSeen(_ reading: Reading, isFire: Bool) -> Bool {
        guard reading.quality.hasDeviceTime else { return false }
        if reading.at == raisedAt || reading.at == lastOccurrenceAt { return true }
        return isFire && held?.contains(reading.at) == true
    }

    static func joined(_ range: ClosedRange<Timestamp>?, _ time: Timestamp?) -> ClosedRange<Timestamp>? {
        guard let time else { return range }
        return min(range?.lowerBound ?? time, time)...max(range?.upperBound ?? time, time)
    }
}

import FireModel

extension RuleEngine {
    func findState(_ series: Int32, _ rule: Int32) -> Int32? {
        var it = firstState(of: series)
        while it >= 0 {
            if states[Int(it)].rule == rule { return it }
            it = states[Int(it)].next
        }
        return nil
    }

    /// The states of a series lie in the order of their rules, not in that of their making: a panel's reset ends
    /// alarms in this order, and a restart must not change it.
    func addState(_ series: Int32, _ rule: Int32) -> Int32 {
        let index = place(KeyState(rule: rule, series: series, next: -1))
        link(index)
        return index
    }

    /// One that no reading finds: its rule or its series is gone, and its alarm stands until an operator ends it.
    func addOrphan(_ alarm: Alarm, series: Int32) {
        if let known = stateOfAlarm[alarm.id] {
            states[Int(known)].alarm = alarm
            return
        }
        var state = KeyState(rule: -1, series: series, next: -1)
        state.alarm = alarm
        enlist(alarm.id, place(state))
    }

    func place(_ state: KeyState) -> Int32 {
        guard let index = vacant.popLast() else {
            states.append(state)
            return Int32(states.count - 1)
        }
        // The timer is that of the place: left in the heap, it is put right when its time comes.
        let timerAt = states[Int(index)].timerAt
        states[Int(index)] = state
        states[Int(index)].timerAt = timerAt
        return index
    }

    func link(_ state: Int32) {
        let key = states[Int(state)].series
        var before: Int32 = -1
        var after = firstState(of: key)
        while after >= 0, states[Int(after)].rule < states[Int(state)].rule {
            before = after
            after = states[Int(after)].next
        }
        states[Int(state)].next = after
        if before >= 0 { states[Int(before)].next = state } else { setFirstState(state, of: key) }
    }

    func unlink(_ state: Int32) {
        let key = states[Int(state)].series
        let after = states[Int(state)].next
        var it = firstState(of: key)
        if it == state { return setFirstState(after, of: key) }
        while it >= 0 {
            if states[Int(it)].next == state {
                states[Int(it)].next = after
                return
            }
            it = states[Int(it)].next
        }
    }

    /// Lets go of a state that says no more than none would.
    func releaseIfIdle(_ state: Int32) {
        guard isIdle(state) else { return }
        if states[Int(state)].rule >= 0 { unlink(state) }
        let timerAt = states[Int(state)].timerAt
        states[Int(state)] = KeyState(rule: -1, series: -1, next: -1)
        states[Int(state)].timerAt = timerAt
        vacant.append(state)
    }

    private func isIdle(_ state: Int32) -> Bool {
        let index = Int(state)
        guard !states[index].hasAlarm else { return false }
        guard states[index].rule >= 0 else { return true }
        guard states[index].machine.isIdle, states[index].restored == nil else { return false }
        guard let raisedAt = states[index].lastRaisedAt else { return true }
        // A second raise of this time would need an input of this time. That is late by now, unless clocks have gone
        // back since; further than a day they do not go to the millisecond. Late or not, a fire always raises.
        return newest(of: states[index].series) > (raisedAt + Self.raiseIsKnownFor).milliseconds
            && !rules[Int(states[index].rule)].isFire
    }

    static let raiseIsKnownFor: Int64 = 24 * 3_600_000

    private func newest(of key: Int32) -> Int64 { key >= 0 ? newest[Int(key)] : places[key].newest }

    func forEachState(of device: Int32, _ body: (Int32) -> Void) {
        var series = fleet.devices[Int(device)].firstSeries
        while series >= 0 {
            if Int(series) < firstState.count { forEachState(from: firstState[Int(series)], body) }
            series = fleet.series[Int(series)].next
        }
        guard let others = places.ofDevice[device] else { return }
        for key in others.sorted(by: { order(of: $0, rule: 0) < order(of: $1, rule: 0) }) {
            forEachState(from: places[key].firstState, body)
        }
    }

    private func forEachState(from first: Int32, _ body: (Int32) -> Void) {
        var state = first
        while state >= 0 {
            let next = states[Int(state)].next
            body(state)
            state = next
        }
    }

    func noteSeeded(_ series: Int32, _ reading: Reading) {
        newest[Int(series)] = max(newest[Int(series)], reading.at.milliseconds)
        received[Int(series)] = max(received[Int(series)], reading.receivedAt.milliseconds)
    }

    func noteHeld(_ series: Int32, at time: Timestamp) {
        newest[Int(series)] = max(newest[Int(series)], time.milliseconds)
    }

    /// New series since the last look.
    func grow() {
        heard.grow(to: fleet.devices.count)
        let count = fleet.series.count
        guard programOf.count < count else { return }
        let missing = count - programOf.count
        programOf.append(contentsOf: repeatElement(-1, count: missing))
        firstState.append(contentsOf: repeatElement(-1, count: missing))
        newest.append(contentsOf: repeatElement(.min, count: missing))
        received.append(contentsOf: repeatElement(.min, count: missing))
        if !firstMemory.isEmpty { firstMemory.append(contentsOf: repeatElement(-1, count: missing)) }
    }
}

import FireModel

extension RuleEngine {
    /// Raises and clears what only time has brought about, in the order in which it came about: not in the order
    /// in which timers happen to lie, which a restart does not bring back.
    /// - Parameter steady: see `AlarmMachine.Input.steady`.
    /// - Returns: whether it was time for anything. A state may have gone on without an alarm that changed, and an
    ///   engine that is brought back from a checkpoint must be shown this moment.
    @discardableResult
    public func advance(live: Int64, steady: Int64? = nil, now: Timestamp) -> Bool {
        settle()
        grow()
        let isTelling = isAnnunciationDue(steady: steady, now: now)
        if isTelling || isDue(live: live, now: now) { annunciation.state.clock.observe(steady, now) }
        let silent = heard.takeDue(live: live)
        for due in silent { fellSilent(due, live: live, now: now) }
        let isExpired = expireMemories(live: live, now: now)
        let due = takeDue(live)
        for state in due {
            guard let timing = timing(of: states[Int(state)]) else { continue }
            let order = states[Int(state)].machine.timePassed(live: live, timing)
            obey(order, state, Occasion(reading: nil, receivedAt: now))
            schedule(state)
            releaseIfIdle(state)
        }
        let hasTurned = turnSchedules(live: live, now: now)
        if isTelling { annunciate(now: now) }
        expireSystemAlarms(now: now)
        let wasDue = isTelling || !due.isEmpty || !silent.isEmpty || isExpired || hasTurned
        // What was not due is not told again after a restart.
        if wasDue { self.live = live }
        return wasDue
    }

    /// The daemon has been started again, and `steady` counts from elsewhere: to be called behind the last input of an
    /// earlier run that is told again, before the first of the next. Over a restart the wall clock says how long it was.
    public func steadyClockBeganAnew() {
        for index in states.indices { states[index].machine.forgetSteady() }
        annunciation.state.clock.began()
    }

    /// On the counting clock, when `advance` has something to do.
    public var nextDeadline: Int64? {
        var soonest = heard.deadline()
        if let expiry = nextExpiry { soonest = min(soonest ?? .max, expiry) }
        while let timer = timers.min {
            if deadline(of: timer.state) == timer.deadline { return min(soonest ?? .max, timer.deadline) }
            takeTimer(timer)
            schedule(timer.state)
        }
        return soonest
    }

    /// Whether `advance` has something to do, by the counting clock or by that of the wall.
    public func isDue(live: Int64, now: Timestamp) -> Bool {
        if isTurnDue(now) { return true }
        return nextDeadline.map { $0 <= live } ?? false
    }

    private func takeDue(_ live: Int64) -> [Int32] {
        var due: [(deadline: Int64, key: KeyOrder, state: Int32)] = []
        while let timer = timers.min, timer.deadline <= live {
            takeTimer(timer)
            guard let deadline = deadline(of: timer.state) else { continue }
            if deadline <= live {
                due.append((deadline, order(of: timer.state), timer.state))
            } else {
                schedule(timer.state)
            }
        }
        return due.sorted { ($0.deadline, $0.key) < ($1.deadline, $1.key) }.map(\.state)
    }

    private func takeTimer(_ timer: Timer) {
        timers.removeMin()
        if states[Int(timer.state)].timerAt == timer.deadline { states[Int(timer.state)].timerAt = nil }
    }

    private func deadline(of state: Int32) -> Int64? {
        timing(of: states[Int(state)]).flatMap { states[Int(state)].machine.deadline($0) }
    }

    func schedule(_ state: Int32) {
        // A later timer that is set already wakes for nothing and is put right then; an earlier one must be set.
        guard let deadline = deadline(of: state), deadline < states[Int(state)].timerAt ?? .max else { return }
        states[Int(state)].timerAt = deadline
        timers.insert(Timer(deadline: deadline, state: state))
    }

    /// `nil`: the rule is no longer there; its alarm stands until an operator ends it.
    func timing(of state: KeyState) -> AlarmMachine.Timing? {
        state.rule >= 0 ? rules[Int(state.rule)].timing : nil
    }
}

import FireModel

/// Rules that a schedule switches on and off.
extension RuleEngine {
    /// Rules that a schedule switches on or off by now: what waits outside of its hours begins, what was waited for
    /// ends.
    func turnSchedules(live: Int64, now: Timestamp) -> Bool {
        guard isTurnDue(now) else { return false }
        let scheduled = rules.indices.filter { rules[$0].schedule?.schedule.active.isEmpty == false }
        nextTurn = scheduled.compactMap { rules[$0].schedule?.nextTurn(after: now) }.min()
        for rule in scheduled {
            guard let schedule = rules[rule].schedule else { continue }
            if schedule.isActive(at: now) {
                begin(Int32(rule), live: live, now: now)
            } else {
                cease(Int32(rule), live: live, now: now)
            }
        }
        return true
    }

    /// Also when it is further away than any turn can be: the wall clock has been set back since.
    func isTurnDue(_ now: Timestamp) -> Bool {
        nextTurn.map { $0 <= now || $0 - now > ScheduleClock.furthestTurn } ?? false
    }

    func begin(_ rule: Int32, live: Int64, now: Timestamp) {
        let waiting = memories.indices
            .filter { memories[$0].rule == rule && memories[$0].slot == Memory.Slot.off }
            .map { (key: memories[$0].place, content: memories[$0].content) }
            .sorted { order(of: $0.key, rule: rule) < order(of: $1.key, rule: rule) }
        for (key, content) in waiting {
            guard case .off(let value) = content else { continue }
            var input = passed(at: now.milliseconds, live: live, to: live, now)
            input.holds = true
            judge(rule, key, input, value, nil, now: now)
        }
    }

    /// What was pending when its hours ended has not lasted long enough within them.
    func cease(_ rule: Int32, live: Int64, now: Timestamp) {
        let pending = states.indices
            .filter { states[$0].rule == rule && states[$0].machine.phase == .pending }
            .sorted { order(of: Int32($0)) < order(of: Int32($1)) }
        for state in pending {
            let (key, value) = (states[state].series, states[state].lastValue)
            var input = passed(at: now.milliseconds, live: live, to: live, now)
            input.clears = false
            step(Int32(state), input, Occasion(reading: nil, receivedAt: now))
            setContent(.off(value), rule, Memory.Slot.off, key)
        }
    }
}

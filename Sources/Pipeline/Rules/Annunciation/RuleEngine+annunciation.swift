import FireModel

/// Where the engine tells what becomes of alarms, and what is done about it.
extension RuleEngine {
    // MARK: - An alarm's life

    /// Before it is told: whether it is a drill, and what holds it back.
    func prepareRaise(_ alarm: inout Alarm) {
        alarm.drill = annunciation.state.drills.values.contains { $0.covers(alarm) }
        guard alarm.mayBeHeldBack else { return }
        var words = lasting(alarm)
        let isTooMany = annunciation.state.flood.raised(
            alarm, at: annunciation.state.clock.elapsed, annunciation.limits)
        // What is critical, or may be a fire to come, is told by itself however much else there is.
        if isTooMany, alarm.severity != .critical, alarm.category != .preAlarm { words.insert(.grouped) }
        if noteChattering(alarm) { words.insert(.chattering) }
        alarm.suppressed = words.inOrder
    }

    func wasRaised(_ alarm: Alarm, now: Timestamp) {
        beginEscalation(alarm)
        inhibitorChanged(alarm, now)
        tellFlood(now)
    }

    /// An input has stated the cause of an active alarm once more.
    /// - Returns: whether that is told.
    func prepareOccurrence(_ alarm: inout Alarm, isReraise: Bool) -> Bool {
        // What goes on behind the end of a drill is none.
        let isReal =
            alarm.drill && (isReraise || alarm.category == .fire)
            && !annunciation.state.drills.values.contains { $0.covers(alarm) }
        if isReal { alarm.drill = false }
        guard isReraise else { return isReal }
        alarm.escalation = 0
        if alarm.mayBeHeldBack, noteChattering(alarm) {
            alarm.suppressed = alarm.suppressions.union([.chattering]).inOrder
        }
        return true
    }

    func wasReraised(_ alarm: Alarm) { beginEscalation(alarm) }

    func wasAcknowledged(_ alarm: Alarm) { annunciation.state.escalations[alarm.id] = nil }

    func wasEnded(_ alarm: Alarm, now: Timestamp) {
        annunciation.state.escalations[alarm.id] = nil
        inhibitorChanged(alarm, now)
    }

    // MARK: - Time

    /// Whether `advance` would change what is told. An engine that is brought back must be shown this moment.
    public func isAnnunciationDue(steady: Int64?, now: Timestamp) -> Bool {
        untilAnnunciation(steady: steady, now: now) == 0
    }

    /// In milliseconds from now; `nil`: never, if nothing else comes.
    public func untilAnnunciation(steady: Int64?, now: Timestamp) -> Int64? {
        let state = annunciation.state
        if state.isStale { return 0 }
        let ends = state.silences.values.lazy.map(\.until).min()
        let drillEnds = state.drills.values.lazy.map(\.until).min()
        var waits = [ends, drillEnds].compactMap { $0.map { max(0, $0 - now) } }
        if !state.escalations.isEmpty || state.flood.isActive || !state.chattering.isEmpty {
            // By the wall clock only until the first look of a run.
            if steady != nil, state.clock.steady == nil { return 0 }
            let time = state.clock.reading(steady, now)
            let due = [state.flood.due(annunciation.limits), nextEscalation?.due, nextChattering?.due]
            waits += due.compactMap { $0.map { $0 <= time ? 0 : $0 - time } }
        }
        return waits.min()
    }

    func annunciate(now: Timestamp) {
        if annunciation.state.isStale {
            annunciation.state.isStale = false
            lookThrough(now)
        }
        endSilences(now)
        annunciation.state.drills = annunciation.state.drills.filter { $0.value.until > now }
        let time = annunciation.state.clock.elapsed
        if annunciation.state.flood.endIfOver(at: time, annunciation.limits) { floodEnded(now) }
        tellFlood(now)
        while let next = nextChattering, next.due <= time { quietened(next.name, now) }
        while let next = nextEscalation, next.due <= time { escalate(next.name, now) }
    }

    // MARK: - Alarms that did not begin here

    /// All that follows from alarms, rules, silences and floods, anew.
    private func lookThrough(_ now: Timestamp) {
        rebuildAnnunciation()
        for alarm in activeAlarms {
            var words = lasting(alarm)
            if annunciation.state.flood.isActive { words.formUnion(alarm.suppressions.intersection([.grouped])) }
            if annunciation.state.chattering[Chattering.key(of: alarm)]?.isChattering == true {
                words.formUnion(alarm.suppressions.intersection([.chattering]))
            }
            set(words, on: alarm, now)
            guard annunciation.state.escalations[alarm.id] == nil, let current = activeAlarm(alarm.id) else { continue }
            beginEscalation(current, receivedAt: current.receivedAt)
        }
        if !annunciation.state.flood.isActive { systemCeased(rule: Self.floodRule, now: now) }
    }

    /// What is looked up, from the state and the alarms.
    func rebuildAnnunciation() {
        annunciation.forgetAlarms()
        annunciation.escalationsDue.removeAll()
        annunciation.chatteringDue.removeAll()
        for alarm in activeAlarms { annunciation.track(alarm) }
        annunciation.state.escalations = annunciation.state.escalations.filter { stateOfAlarm[$0.key] != nil }
        for id in annunciation.state.escalations.keys {
            if let due = escalationDue(id) { annunciation.escalationsDue.insert(id, at: due) }
        }
        for (key, its) in annunciation.state.chattering { annunciation.chatteringDue.insert(key, at: its.due) }
    }

    /// Of devices, oldest first.
    var activeAlarms: [Alarm] {
        stateOfAlarm.values.compactMap { states[Int($0)].alarm }
            .sorted { ($0.receivedAt, $0.id) < ($1.receivedAt, $1.id) }
    }

    func activeAlarm(_ id: String) -> Alarm? { stateOfAlarm[id].flatMap { states[Int($0)].alarm } }

    func keepActive(_ alarm: Alarm) {
        if let state = stateOfAlarm[alarm.id] { states[Int(state)].alarm = alarm }
    }
}

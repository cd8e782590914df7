import FireModel

extension RuleEngine {
    static let floodRule = "alarm-flood"

    // MARK: - Operators

    /// An operator's act: decided here, effective once its changes are committed.
    public func act(_ act: AnnunciationAct, steady: Int64? = nil, now: Timestamp) throws(AnnunciationError) {
        try check(act)
        annunciation.state.clock.observe(steady, now)
        switch act {
        case .silence(let silence):
            annunciation.state.silences[silence.id] = silence
            silencesChanged(now)
        case .endSilence(let id, by: _):
            annunciation.state.silences[id] = nil
            silencesChanged(now)
        case .drill(let drill): annunciation.state.drills[drill.id] = drill
        case .endDrill(let id, by: _): annunciation.state.drills[id] = nil
        }
    }

    /// A refused act changes nothing, since it is in no journal.
    private func check(_ act: AnnunciationAct) throws(AnnunciationError) {
        let state = annunciation.state
        switch act {
        case .silence: if state.silences.count >= Annunciation.most { throw .tooMany(Annunciation.most) }
        case .drill: if state.drills.count >= Annunciation.most { throw .tooMany(Annunciation.most) }
        case .endSilence(let id, by: _): if state.silences[id] == nil { throw .unknown }
        case .endDrill(let id, by: _): if state.drills[id] == nil { throw .unknown }
        }
    }

    /// What the store has, where the state of the engine was lost.
    public func restore(silences: [Silence], drills: [Drill]) {
        for silence in silences { annunciation.state.silences[silence.id] = silence }
        for drill in drills { annunciation.state.drills[drill.id] = drill }
        annunciation.state.isStale = true
    }

    /// In force.
    public var silenceCount: Int { annunciation.state.silences.count }

    /// From how many raises on alarms are told of together.
    public func adopt(_ limits: FloodLimits) {
        guard limits != annunciation.limits else { return }
        annunciation.limits = limits
        annunciation.state.isStale = true
    }

    func endSilences(_ now: Timestamp) {
        let left = annunciation.state.silences.filter { $0.value.until > now }
        guard left.count < annunciation.state.silences.count else { return }
        annunciation.state.silences = left
        silencesChanged(now)
    }

    private func silencesChanged(_ now: Timestamp) {
        for alarm in activeAlarms { set(alarm.suppressions.temporary.union(lasting(alarm)), on: alarm, now) }
    }

    // MARK: - What holds an alarm back

    /// By operators and by other alarms, as long as those last.
    func lasting(_ alarm: Alarm) -> Set<Suppression> {
        guard alarm.mayBeHeldBack else { return [] }
        var words: Set<Suppression> = []
        for silence in annunciation.state.silences.values where silence.holdsBack(alarm) {
            words.insert(silence.kind.suppression)
        }
        if isInhibited(alarm) { words.insert(.inhibited) }
        return words
    }

    /// What was held back and is not any more is told; and begins to escalate as if it were new, since to somebody it is.
    func set(_ words: Set<Suppression>, on alarm: Alarm, _ now: Timestamp) {
        let words = words.inOrder
        guard words != alarm.suppressed, var alarm = activeAlarm(alarm.id) else { return }
        let wasHeldBack = alarm.isHeldBack
        alarm.suppressed = words
        alarm.revision += 1
        if wasHeldBack, !alarm.isHeldBack { alarm.escalation = 0 }
        keepActive(alarm)
        changes.append(
            AlarmChange(
                kind: .updated, alarm: alarm, at: now,
                cause: "suppressed \(words.isEmpty ? "no more" : words.joined(separator: "+"))@\(now.milliseconds)",
                ordinal: 0))
        if alarm.isHeldBack {
            annunciation.state.escalations[alarm.id] = nil
        } else if wasHeldBack {
            beginEscalation(alarm)
        }
    }

    // MARK: - Inhibition

    func inhibitorChanged(_ cause: Alarm, _ now: Timestamp) {
        guard !annunciation.inhibitions(by: cause).isEmpty else { return }
        let others = (annunciation.activeOf[cause.device.id] ?? []).compactMap { activeAlarm($0) }
            .sorted { ($0.receivedAt, $0.id) < ($1.receivedAt, $1.id) }
        for alarm in others where alarm.mayBeHeldBack {
            var words = alarm.suppressions
            if isInhibited(alarm) { words.insert(.inhibited) } else { words.remove(.inhibited) }
            set(words, on: alarm, now)
        }
    }

    private func isInhibited(_ alarm: Alarm) -> Bool {
        guard let causes = annunciation.inhibitorsOf[alarm.device.id] else { return false }
        let active = causes.compactMap { activeAlarm($0) }
        return active.contains { cause in
            holdsBack(cause, alarm) && (isOlder(cause, alarm) || !leads(from: alarm, to: cause, active))
        }
    }

    private func holdsBack(_ cause: Alarm, _ alarm: Alarm) -> Bool {
        annunciation.inhibitions(by: cause).contains { $0.holdsBack(alarm, cause: cause) }
    }

    private func isOlder(_ one: Alarm, _ other: Alarm) -> Bool {
        (one.receivedAt, one.id) < (other.receivedAt, other.id)
    }

    /// Alarms that hold each other back in a circle would all be silent: the oldest of them is told.
    private func leads(from alarm: Alarm, to cause: Alarm, _ active: [Alarm]) -> Bool {
        var seen: Set<String> = [alarm.id]
        var open = [alarm]
        while let one = open.popLast() {
            for next in active where !seen.contains(next.id) && holdsBack(one, next) {
                if next.id == cause.id { return true }
                seen.insert(next.id)
                open.append(next)
            }
        }
        return false
    }

    // MARK: - Floods

    /// Raised at once, updated at most once a minute.
    func tellFlood(_ now: Timestamp) {
        guard annunciation.state.flood.takeNews(at: annunciation.state.clock.elapsed) else { return }
        let detail = annunciation.state.flood.detail
        let condition = SystemCondition(
            rule: Self.floodRule, severity: .major,
            title: Title(zh: "报警泛滥，后续报警合并通知", en: "Alarm flood, further alarms are told of together"))
        let key = SystemKey(condition)
        guard var known = systemAlarms[key] else {
            return systemReported(condition, detail: detail, now: now)
        }
        known.alarm.occurrences += 1
        known.alarm.lastOccurrenceAt = now
        known.alarm.detail = detail
        known.alarm.revision += 1
        known.reportedAt = now
        systemAlarms[key] = known
        changes.append(
            AlarmChange(
                kind: .updated, alarm: known.alarm, at: now, cause: "occurrence@\(now.milliseconds)", ordinal: 0))
    }

    func floodEnded(_ now: Timestamp) {
        systemCeased(rule: Self.floodRule, now: now)
        for alarm in activeAlarms where alarm.suppressions.contains(.grouped) {
            set(alarm.suppressions.subtracting([.grouped]), on: alarm, now)
        }
    }

    /// Those of the gateway itself come from the store; a replay must not leave its own beside them.
    public func forgetSystemAlarms() { systemAlarms.removeAll() }

    // MARK: - Chattering

    /// - Returns: whether this raise is one that is not told.
    func noteChattering(_ alarm: Alarm) -> Bool {
        let key = Chattering.key(of: alarm)
        let isHeldBack = annunciation.state.chattering[key, default: Chattering()].raised(
            alarm.id, at: annunciation.state.clock.elapsed)
        if let due = annunciation.state.chattering[key]?.due { annunciation.chatteringDue.insert(key, at: due) }
        return isHeldBack
    }

    var nextChattering: (due: Int64, name: String)? {
        let chattering = annunciation.state.chattering
        return annunciation.chatteringDue.first { chattering[$0]?.due }
    }

    /// It has been quiet, or active, for long enough.
    func quietened(_ key: String, _ now: Timestamp) {
        guard let its = annunciation.state.chattering.removeValue(forKey: key), its.isChattering,
            let alarm = activeAlarm(its.alarm)
        else { return }
        set(alarm.suppressions.subtracting([.chattering]), on: alarm, now)
    }
}

extension Alarm {
    var suppressions: Set<Suppression> { Set(suppressed.compactMap(Suppression.init)) }
}

extension Set<Suppression> {
    var inOrder: [String] { Suppression.allCases.filter(contains).map(\.rawValue) }

    /// What ends by itself, whatever operators and other alarms do.
    var temporary: Set<Suppression> { intersection([.grouped, .chattering]) }
}

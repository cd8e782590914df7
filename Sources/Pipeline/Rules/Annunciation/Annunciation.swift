import FireModel

/// What decides who is told of an alarm when: all of it a function of what the engine was shown.
struct AnnunciationState: Equatable, Codable {
    var clock = ElapsedClock()
    var silences: [String: Silence] = [:]
    var drills: [String: Drill] = [:]
    /// By alarm: active, not acknowledged, told, and their rule escalates.
    var escalations: [String: Escalation] = [:]
    var flood = Flood()
    /// By `Chattering.key`.
    var chattering: [String: Chattering] = [:]
    /// The rules have changed, or alarms have come from the store: what follows from them is looked through at the
    /// next moment.
    var isStale = false

    /// Far beyond any clock, far below overflow in sums.
    static let furthest: Int64 = 1 << 53

    static func isSound(_ time: Int64?) -> Bool { time.map { (-furthest...furthest).contains($0) } ?? true }

    /// Of what is read from a checkpoint.
    var isSound: Bool {
        clock.isSound && flood.isSound && chattering.values.allSatisfy(\.isSound)
            && escalations.values.allSatisfy(\.isSound)
            && silences.allSatisfy { $0 == $1.id && $1.hasMatcher && Self.isSound($1.until.milliseconds) }
            && drills.allSatisfy { $0 == $1.id && Self.isSound($1.until.milliseconds) }
    }
}

/// The state, and what follows from it and from the alarms.
struct Annunciation {
    /// What a rule says beside its condition.
    struct Plan {
        var inhibits: [Inhibition]
        var escalation: [EscalationStep]
    }

    var state = AnnunciationState()
    var limits = FloodLimits()
    /// By rule; only of those that say something.
    var plans: [String: Plan] = [:]
    /// Active alarms by device.
    var activeOf: [String: Set<String>] = [:]
    /// Those of them that hold others back.
    var inhibitorsOf: [String: Set<String>] = [:]
    var escalationsDue = DueList()
    var chatteringDue = DueList()

    /// In force at once; more are a mistake.
    static let most = 1000

    mutating func learn(_ rules: [RuleDefinition]) {
        plans.removeAll()
        for rule in rules where !rule.inhibits.isEmpty || !rule.escalation.isEmpty {
            plans[rule.id] = Plan(inhibits: rule.inhibits, escalation: rule.escalation)
        }
        state.isStale = true
    }

    /// A device that cannot be heard has nothing more to say than that.
    func inhibitions(by alarm: Alarm) -> [Inhibition] {
        if let own = plans[alarm.rule]?.inhibits, !own.isEmpty { return own }
        return alarm.category == .offline ? [Inhibition()] : []
    }

    func steps(of alarm: Alarm) -> [EscalationStep] { plans[alarm.rule]?.escalation ?? [] }

    mutating func track(_ alarm: Alarm) {
        activeOf[alarm.device.id, default: []].insert(alarm.id)
        if !inhibitions(by: alarm).isEmpty { inhibitorsOf[alarm.device.id, default: []].insert(alarm.id) }
    }

    mutating func untrack(_ alarm: Alarm) {
        activeOf[alarm.device.id]?.remove(alarm.id)
        if activeOf[alarm.device.id]?.isEmpty == true { activeOf[alarm.device.id] = nil }
        inhibitorsOf[alarm.device.id]?.remove(alarm.id)
        if inhibitorsOf[alarm.device.id]?.isEmpty == true { inhibitorsOf[alarm.device.id] = nil }
    }

    mutating func forgetAlarms() {
        activeOf.removeAll()
        inhibitorsOf.removeAll()
    }
}

extension Inhibition {
    /// Whether `alarm` says nothing that the cause does not say.
    func holdsBack(_ alarm: Alarm, cause: Alarm) -> Bool {
        alarm.mayBeHeldBack && alarm.id != cause.id && alarm.device.id == cause.device.id
            && (scope == .device || alarm.component == cause.component)
            && (rules.isEmpty || rules.contains(alarm.rule))
            && (categories.isEmpty || categories.contains(alarm.category))
    }
}

import FireModel

/// The life of one key (rule, device, component, metric), decided purely: past-tense inputs in, an
/// order out. Live evaluation, a start from stored data, rule tests and replay all run this code.
///
///              holds, for = 0
///     ┌────────────────────────────────────────────┐
///     │                                            ▼
///   normal ──holds──▶ pending ──held `for`──▶ active ──clears──▶ clearing
///     ▲                 │                      ▲   │                │  │
///     │◀──ceased────────┘                      └───┼──not cleared───┘  │
///     │◀───────────────────────────────────────────┴──clear_for over───┘
///
/// A latched key leaves `active` by `reset` only.
struct AlarmMachine: Equatable, Sendable {
    enum Phase: Sendable { case normal, pending, active, clearing }

    /// How the rule wants it.
    struct Timing: Sendable {
        /// Milliseconds.
        var holdFor: Int64
        var clearFor: Int64
        var isLatched: Bool
    }

    /// One reading as the rule sees it.
    struct Input: Sendable {
        var holds: Bool
        var clears: Bool
        /// An event: each report is an activation of its own, not a state that goes on.
        var isEdge: Bool
        var at: Timestamp
        /// The device's clock may be used to measure how long a condition lasted.
        var isTrusted: Bool
        /// The gateway's own clock, in milliseconds, which does not count time when the daemon was
        /// down, disconnected or draining a backlog, and which no step of the wall clock moves.
        var live: Int64
    }

    enum Order: Equatable, Sendable {
        case nothing
        case raise(at: Timestamp)
        /// Counted on the alarm; `again` when it is a re-raise 再次报警.
        case occurrence(again: Bool)
        case clear(at: Timestamp)
    }

    private(set) var phase = Phase.normal
    /// The last input stated the cause.
    private(set) var causePresent = false
    /// When the last input that stated the cause was made.
    private(set) var statedAt: Timestamp?
    /// When what is being waited for began.
    private(set) var start = Timestamp(milliseconds: 0)
    /// Milliseconds of it that have passed for certain.
    private(set) var elapsed: Int64 = 0
    private(set) var lastAt = Timestamp(milliseconds: 0)
    private(set) var lastLive: Int64 = 0
    private(set) var lastTrusted = false
    /// After a forced reset the cause was still there: it raises again with the next input that states
    /// it, but at most once per five minutes (contract 6, "Latch").
    private(set) var isForced = false
    private(set) var lastForcedRaise: Int64?

    private static let forcedRaiseInterval: Int64 = 5 * 60_000

    init() {}

    /// As it stood when the daemon ended: an alarm that was active, its cause there or not.
    init(activeWithCause causePresent: Bool, statedAt: Timestamp, live: Int64) {
        phase = .active
        self.causePresent = causePresent
        self.statedAt = statedAt
        lastAt = statedAt
        lastLive = live
    }

    /// As it stood after an operator had ended an alarm whose cause went on.
    init(forcedAt time: Timestamp, live: Int64) {
        isForced = true
        statedAt = time
        lastAt = time
        lastLive = live
    }

    /// As a checkpoint tells it.
    init(
        phase: Phase, causePresent: Bool, statedAt: Timestamp?, start: Timestamp, elapsed: Int64, lastAt: Timestamp,
        lastLive: Int64, lastTrusted: Bool, isForced: Bool, lastForcedRaise: Int64?
    ) {
        self.phase = phase
        self.causePresent = causePresent
        self.statedAt = statedAt
        self.start = start
        self.elapsed = elapsed
        self.lastAt = lastAt
        self.lastLive = lastLive
        self.lastTrusted = lastTrusted
        self.isForced = isForced
        self.lastForcedRaise = lastForcedRaise
    }

    /// It will do what a new one would do, and is equal to a new one.
    var isIdle: Bool { phase == .normal && !causePresent && !isForced && lastForcedRaise == nil }

    /// What went before must not show in what comes after, or a machine that is left out of a checkpoint
    /// would not be the one that is made anew when it is needed again.
    private mutating func settle() {
        if isIdle { self = AlarmMachine() }
    }

    // MARK: - Inputs

    /// Answers an order, and whether the same input must be shown again: the time before it has raised
    /// or cleared the alarm, and the input itself may change it once more.
    mutating func observed(_ input: Input, _ timing: Timing) -> (order: Order, again: Bool) {
        // What holds nothing back any more must not keep the machine from being idle.
        if let last = lastForcedRaise, input.live - last >= Self.forcedRaiseInterval { lastForcedRaise = nil }
        defer { settle() }
        return judged(input, timing)
    }

    private mutating func judged(_ input: Input, _ timing: Timing) -> (order: Order, again: Bool) {
        let gained = sinceLast(input)
        defer {
            lastAt = input.at
            lastLive = input.live
            lastTrusted = input.isTrusted
            if input.holds { statedAt = max(statedAt ?? input.at, input.at) }
            causePresent = input.holds || (causePresent && !input.clears)
        }
        switch phase {
        case .normal: return (observedInNormal(input, timing), false)
        case .pending:
            elapsed += gained
            if elapsed >= timing.holdFor { return (raised(at: start + timing.holdFor), !input.holds) }
            if !input.holds { phase = .normal }
            return (.nothing, false)
        case .active: return (observedInActive(input, timing), false)
        case .clearing:
            elapsed += gained
            if elapsed >= timing.clearFor {
                phase = .normal
                return (.clear(at: start + timing.clearFor), input.holds)
            }
            // A dip that did not last: the alarm never ended, so nothing is raised again.
            if !input.clears { phase = .active }
            return (.nothing, false)
        }
    }

    /// The gateway's clock reached `deadline`.
    mutating func timePassed(live: Int64, _ timing: Timing) -> Order {
        guard let deadline = deadline(timing), live >= deadline else { return .nothing }
        if phase == .pending { return raised(at: start + timing.holdFor) }
        defer { settle() }
        phase = .normal
        return .clear(at: start + timing.clearFor)
    }

    /// A panel's reset: the latched state is false from that moment, so what states it afterwards is news, also
    /// where an operator had reset it against its cause before.
    mutating func panelReset() {
        phase = .normal
        causePresent = false
        isForced = false
        settle()
    }

    /// An operator's reset or a clearing verdict.
    mutating func operatorReset() {
        phase = .normal
        isForced = causePresent
        settle()
    }

    /// Something older than what is known states a fire.
    mutating func raisedLate(at time: Timestamp) -> Order {
        if phase == .active || phase == .clearing { return .occurrence(again: false) }
        phase = .active
        statedAt = max(statedAt ?? time, time)
        return .raise(at: time)
    }

    /// On the gateway's clock, when `timePassed` is due.
    func deadline(_ timing: Timing) -> Int64? {
        switch phase {
        case .pending: lastLive + timing.holdFor - elapsed
        case .clearing: lastLive + timing.clearFor - elapsed
        case .normal, .active: nil
        }
    }

    // MARK: - Phases

    private mutating func observedInNormal(_ input: Input, _ timing: Timing) -> Order {
        guard input.holds else {
            isForced = false
            return .nothing
        }
        if isForced {
            if let last = lastForcedRaise, input.live - last < Self.forcedRaiseInterval { return .nothing }
            lastForcedRaise = input.live
            isForced = false
        }
        start = input.at
        elapsed = 0
        guard timing.holdFor > 0 else { return raised(at: input.at) }
        phase = .pending
        return .nothing
    }

    private mutating func observedInActive(_ input: Input, _ timing: Timing) -> Order {
        if input.holds {
            if !causePresent { return .occurrence(again: true) }
            return input.isEdge ? .occurrence(again: false) : .nothing
        }
        guard input.clears, !timing.isLatched else { return .nothing }
        start = input.at
        elapsed = 0
        guard timing.clearFor > 0 else {
            phase = .normal
            return .clear(at: input.at)
        }
        phase = .clearing
        return .nothing
    }

    private mutating func raised(at time: Timestamp) -> Order {
        phase = .active
        return .raise(at: time)
    }

    /// Between two readings a condition lasts the difference of their `ts`; where one of them cannot be
    /// trusted, what the gateway's clock counted (contract 6, "Time").
    private func sinceLast(_ input: Input) -> Int64 {
        max(0, input.isTrusted && lastTrusted ? input.at - lastAt : input.live - lastLive)
    }
}

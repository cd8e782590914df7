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
        var receivedAt: Timestamp
        /// The device's clock may be used to measure how long a condition lasted.
        var isTrusted: Bool
        /// The gateway's own clock, in milliseconds, which does not count time when the daemon was
        /// down, disconnected or draining a backlog, and which no step of the wall clock moves.
        var live: Int64
        /// A clock of the gateway, in milliseconds, which counts all time since the daemon began. `nil`: not known.
        var steady: Int64?
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
    private(set) var lastReceivedAt = Timestamp(milliseconds: 0)
    private(set) var lastLive: Int64 = 0
    /// Of one run of the daemon; it means nothing in the next.
    private(set) var lastSteady: Int64?
    private(set) var lastTrusted = false
    /// After a forced reset the cause was still there: it raises again with the next input that states
    /// it, but at most once per five minutes (contract 6, "Latch").
    private(set) var isForced = false
    private(set) var lastForcedRaise: Int64?
    /// The first input of these five minutes that would have raised it: an event may not be told again.
    private(set) var heldBack: Timestamp?

    private static let forcedRaiseInterval: Int64 = 5 * 60_000

    init() {}

    /// As it stood when the daemon ended: an alarm that was active, its cause there or not.
    init(activeWithCause causePresent: Bool, statedAt: Timestamp, live: Int64) {
        phase = .active
        self.causePresent = causePresent
        self.statedAt = statedAt
        lastAt = statedAt
        lastReceivedAt = statedAt
        lastLive = live
    }

    /// As it stood after an operator had ended an alarm whose cause went on.
    init(forcedAt time: Timestamp, live: Int64) {
        isForced = true
        statedAt = time
        lastAt = time
        lastReceivedAt = time
        lastLive = live
    }

    /// As a checkpoint tells it.
    init(
        phase: Phase, causePresent: Bool, statedAt: Timestamp?, start: Timestamp, elapsed: Int64, lastAt: Timestamp,
        lastReceivedAt: Timestamp, lastLive: Int64, lastSteady: Int64?, lastTrusted: Bool, isForced: Bool,
        lastForcedRaise: Int64?, heldBack: Timestamp?
    ) {
        self.phase = phase
        self.causePresent = causePresent
        self.statedAt = statedAt
        self.start = start
        self.elapsed = elapsed
        self.lastAt = lastAt
        self.lastReceivedAt = lastReceivedAt
        self.lastLive = lastLive
        self.lastSteady = lastSteady
        self.lastTrusted = lastTrusted
        self.isForced = isForced
        self.lastForcedRaise = lastForcedRaise
        self.heldBack = heldBack
    }

    /// Something was stated that has not raised it yet.
    var isWaiting: Bool { phase == .pending || heldBack != nil }

    /// It will do what a new one would do, and is equal to a new one.
    var isIdle: Bool {
        phase == .normal && !causePresent && !isForced && lastForcedRaise == nil && heldBack == nil
    }

    /// What went before must not show in what comes after, or a machine that is left out of a checkpoint
    /// would not be the one that is made anew when it is needed again.
    private mutating func settle() {
        if isIdle { self = AlarmMachine() }
    }

    /// Another run of the daemon has begun, and with it another steady clock.
    mutating func forgetSteady() { lastSteady = nil }

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
            lastReceivedAt = input.receivedAt
            lastLive = input.live
            lastSteady = input.steady
            lastTrusted = input.isTrusted
            if input.holds { note(input) }
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
            guard !input.clears else { return (.nothing, false) }
            // A dip that did not last: the alarm never ended, so nothing is raised again. An event is told again.
            phase = .active
            return (input.holds && input.isEdge ? .occurrence(again: false) : .nothing, false)
        }
    }

    /// The gateway's clock reached `deadline`.
    mutating func timePassed(live: Int64, _ timing: Timing) -> Order {
        guard let deadline = deadline(timing), live >= deadline else { return .nothing }
        switch phase {
        case .pending: return raised(at: start + timing.holdFor)
        case .normal:
            guard let began = heldBack else { return .nothing }
            lastLive = live
            lastSteady = nil
            return forcedAgain(since: began, live: live, timing)
        case .clearing, .active:
            defer { settle() }
            phase = .normal
            return .clear(at: start + timing.clearFor)
        }
    }

    /// A panel's reset: the latched state is false from that moment, so what states it afterwards is news, also
    /// where an operator had reset it against its cause before.
    mutating func panelReset() {
        phase = .normal
        causePresent = false
        isForced = false
        heldBack = nil
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
        statedAt = max(statedAt ?? time, time)
        return raised(at: time)
    }

    /// On the gateway's clock, when `timePassed` is due.
    func deadline(_ timing: Timing) -> Int64? {
        switch phase {
        case .pending: lastLive + timing.holdFor - elapsed
        case .clearing: lastLive + timing.clearFor - elapsed
        case .normal: heldBack == nil ? nil : lastForcedRaise.map { $0 + Self.forcedRaiseInterval }
        case .active: nil
        }
    }

    // MARK: - Phases

    private mutating func observedInNormal(_ input: Input, _ timing: Timing) -> Order {
        guard input.holds else {
            isForced = false
            heldBack = nil
            return .nothing
        }
        guard isForced else { return began(at: input.at, timing) }
        if let last = lastForcedRaise, input.live - last < Self.forcedRaiseInterval {
            heldBack = heldBack ?? input.at
            return .nothing
        }
        return forcedAgain(since: heldBack ?? input.at, live: input.live, timing)
    }

    private mutating func forcedAgain(since time: Timestamp, live: Int64, _ timing: Timing) -> Order {
        lastForcedRaise = live
        isForced = false
        heldBack = nil
        return began(at: time, timing)
    }

    private mutating func began(at time: Timestamp, _ timing: Timing) -> Order {
        start = time
        elapsed = 0
        guard timing.holdFor > 0 else { return raised(at: time) }
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
        heldBack = nil
        return .raise(at: time)
    }

    private mutating func note(_ input: Input) {
        if let known = statedAt, known > input.at, !Self.isFarAhead(known, of: input.at, receivedAt: input.receivedAt) {
            return
        }
        statedAt = input.at
    }

    /// What is known to be dated far ahead of a later input and of its receipt was dated while a clock was wrong,
    /// the device's or ours: it puts nothing behind it, or one such date would have the last word until then.
    static func isFarAhead(_ known: Timestamp, of time: Timestamp, receivedAt: Timestamp) -> Bool {
        known - max(time, receivedAt) > Limits.maximumAhead
    }

    /// Between two readings a condition lasts the difference of their `ts`; where one of them cannot be trusted,
    /// that of their receipt (contract 6, "Time"), down time and disconnections included.
    ///
    /// A step of the wall clock must change no timer, so within a run of the daemon the steady clock says how far
    /// apart two receipts were. Where it does not, over a restart, the wall clock says it, and never less than was
    /// counted: a clock that was set back takes nothing away.
    private func sinceLast(_ input: Input) -> Int64 {
        if input.isTrusted, lastTrusted { return max(0, input.at - lastAt) }
        let counted = max(0, input.live - lastLive)
        if let steady = input.steady, let lastSteady { return max(counted, steady - lastSteady) }
        return max(counted, input.receivedAt - lastReceivedAt)
    }
}

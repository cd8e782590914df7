import FireModel

/// Decides what is sent to one endpoint and when (contract 7). Pure: facts go in, orders come out; time is
/// a parameter, and waiting is reckoned on a clock that nobody sets.
///
/// The endpoint is in one of three conditions:
///
/// ```
///   well   up to `routineSlots` deliveries at once, fires more besides; each alarm one at a time
///   down   three failures in a row: routine one attempt at a time, fires at a bounded pace, until one succeeds
///   held   it answered 410: one attempt an hour, with a fire waiting one a minute
/// ```
///
/// A receiver that takes connections and never answers keeps every attempt for its whole time-out. For fires an
/// attempt therefore counts against the slots only while it is young: the old ones hang, and neither a new fire
/// nor the next turn of a waiting one may wait for them.
///
/// What is sent once more goes behind all that: see `ReplayLane`.
struct EndpointQueue {
    typealias Instant = ContinuousClock.Instant

    enum Order: Equatable {
        /// In one request: changes of different alarms, all of one lane.
        case send([Delivery])
        case fetch(fire: Bool, after: Int64, limit: Int)
        case fetchReplays(after: Int64, limit: Int)
        /// Ask again then, or when something has happened; `nil`: only then.
        case wait(until: Instant?)
        /// Draining has come to its end.
        case finished
    }

    enum Outcome: Equatable {
        case delivered
        case failed(Failure)
        /// It could not be sent, through no fault of the endpoint's.
        case unsendable
        /// The attempt was called off; it does not count.
        case abandoned
    }

    /// What became of a delivery by an attempt.
    struct Resolution: Equatable {
        var state: Delivery.State
        /// Until the next attempt, while pending.
        var wait: Duration?
        var troubles: [EndpointTrouble.Kind] = []
    }

    struct Limits {
        /// Deliveries kept in memory in each lane.
        var capacity = 500
        var routineSlots = 4
        /// Fires always find a slot that nothing slow has taken.
        var slots = 8
        /// An attempt of a fire that is older than this hangs, and its slot is another's.
        var patience = Duration.seconds(1)
        /// Attempts at once, the hanging ones among them, and so many more for fires that were never tried. With
        /// the longest time-out, a minute, so many fires each have their turn in it.
        var hanging = 512
        var freshSlots = 32
        var failuresUntilDown = 3
        /// Deliveries in one request.
        var batch = 1
    }

    private struct Flight {
        var deliveries: [Delivery]
        var isFire: Bool
        var startedAt: Instant
    }

    private let schedule: RetrySchedule
    private var limits: Limits
    private var allowance: RateAllowance?
    private var fires: DeliveryLane
    private var routine: DeliveryLane
    private var replays: ReplayLane
    /// By the id of the first delivery in each.
    private var flights: [String: Flight] = [:]
    /// When they began, in that order.
    private var starts: [Instant] = []
    private var routineInFlight = 0
    private var failures = 0
    private var lastFailure: Instant?
    private var lastStart: Instant?
    private(set) var isHeld = false
    private var isDraining = false
    /// `failing` or `gone` was told; at the start it may have been before.
    private var isTroubleTold = true
    private var isFailingTold = false
    private var routinePause: Instant?

    init(schedule: RetrySchedule = RetrySchedule(), limits: Limits = Limits()) {
        self.schedule = schedule
        self.limits = limits
        fires = DeliveryLane(isFire: true, capacity: limits.capacity)
        routine = DeliveryLane(isFire: false, capacity: limits.capacity)
        replays = ReplayLane(schedule: schedule, capacity: limits.capacity)
    }

    var isDown: Bool { failures >= limits.failuresUntilDown }
    /// What is sent now is not likely to arrive: it is down, or has not answered for a while.
    func isDoubtful(_ now: Instant) -> Bool {
        isDown || isHeld || starts.first.map { $0 + limits.patience < now } ?? false
    }
    /// Deliveries in memory.
    var count: Int { fires.count + routine.count + replays.count }
    /// The outbox has more than memory.
    var hasMore: Bool { fires.hasMore || routine.hasMore || replays.hasMore }
    /// Of first deliveries: nobody waits for what he was told already.
    var oldest: Timestamp? { [fires.oldest, routine.oldest].compactMap(\.self).min() }

    // MARK: - What has happened

    /// Changes were committed, or must go out although they could not be.
    /// - Returns: How many were not known before and now wait; how many are lost: they are not in the outbox, and
    ///   memory is full.
    mutating func enqueued(_ deliveries: [Delivery]) -> (new: Int, lost: Int) {
        var count = (new: 0, lost: 0)
        for delivery in deliveries {
            switch self[fire: delivery.isFire].enqueued(delivery) {
            case .new: count.new += 1
            case .lost: count.lost += 1
            case .known: break
            }
        }
        return count
    }

    mutating func fetched(_ page: [Delivery], fire: Bool, limit: Int, now: Instant, wall: Timestamp) {
        self[fire: fire].fetched(page, limit: limit, now: now, wall: wall, schedule: schedule)
    }

    mutating func fetchFailed(fire: Bool, now: Instant) {
        self[fire: fire].fetchFailed(now)
    }

    /// The outbox has more to be sent once more, none of it with a lower sequence.
    mutating func replayed(from sequence: Int64) { replays.marked(from: sequence) }

    mutating func fetchedReplays(_ page: [Delivery], limit: Int, now: Instant, wall: Timestamp) {
        replays.fetched(page, limit: limit, now: now, wall: wall)
    }

    mutating func replayFetchFailed(now: Instant) { replays.fetchFailed(now) }

    /// What the endpoint takes at once, and how often.
    /// - Parameter hanging: Attempts at fires at once, where each costs more than a connection.
    mutating func adopt(batch: Int, allowance: RateAllowance?, hanging: Int? = nil) {
        limits.batch = max(1, batch)
        limits.hanging = hanging ?? Limits().hanging
        limits.freshSlots = hanging ?? Limits().freshSlots
        if allowance?.perMinute != self.allowance?.perMinute || allowance?.boundsFire != self.allowance?.boundsFire {
            self.allowance = allowance
        }
    }

    /// - Parameters:
    ///   - id: Of the first delivery in the request.
    ///   - wall: Wall clock, for the age of the delivery only.
    ///   - random: In 0…1.
    /// - Returns: What became of each delivery of the request, in their order.
    mutating func attemptEnded(_ id: String, _ outcome: Outcome, now: Instant, wall: Timestamp, random: Double)
        -> [Resolution]
    {
        guard let flight = flights.removeValue(forKey: id) else {
            return replayEnded(id, outcome, now: now, wall: wall, random: random)
        }
        if !flight.isFire { routineInFlight -= 1 }
        // Any that began at that time will do.
        if let place = starts.firstIndex(of: flight.startedAt) { starts.remove(at: place) }
        // The endpoint is told of once, however many deliveries were in the request.
        var troubles: [EndpointTrouble.Kind] = []
        var failure: Failure?
        switch outcome {
        case .delivered: troubles = answered(now)
        case .failed(let its):
            failure = its
            troubles = refused(its, startedAt: flight.startedAt, now: now)
        case .unsendable, .abandoned: break
        }
        if flight.deliveries.count > 1, outcome == .unsendable || failure?.isLasting == true {
            for delivery in flight.deliveries { self[fire: flight.isFire].separate(delivery.alarm) }
        }
        return flight.deliveries.enumerated().map { index, delivery in
            var resolution = ended(
                delivery, outcome, failure, startedAt: flight.startedAt, now: now, wall: wall, random: random)
            if index == 0 { resolution.troubles = troubles + resolution.troubles }
            return resolution
        }
    }

    private mutating func ended(
        _ delivery: Delivery, _ outcome: Outcome, _ failure: Failure?, startedAt: Instant, now: Instant,
        wall: Timestamp, random: Double
    ) -> Resolution {
        switch outcome {
        case .delivered:
            self[fire: delivery.isFire].settled(delivery.alarm)
            return Resolution(state: .delivered)
        case .failed, .unsendable:
            return retry(delivery, failure, startedAt: startedAt, now: now, wall: wall, random: random)
        case .abandoned:
            self[fire: delivery.isFire].deferred(delivery.alarm, until: now + schedule.downPace)
            return Resolution(state: .pending, wait: schedule.downPace)
        }
    }

    private mutating func replayEnded(
        _ id: String, _ outcome: Outcome, now: Instant, wall: Timestamp, random: Double
    ) -> [Resolution] {
        let resolutions = replays.attemptEnded(id, outcome, isHeld: isHeld, now: now, wall: wall, random: random)
        guard var resolutions, !resolutions.isEmpty else { return [] }
        if outcome == .delivered { resolutions[0].troubles = answered(now) }
        return resolutions
    }

    /// An address that is gone is tried at its own pace, by heartbeats too where nothing waits.
    func mayBeat(_ now: Instant) -> Bool { !isHeld || (lastStart ?? .distantPast) + schedule.heldPace <= now }

    /// A heartbeat is an attempt at the endpoint like any other, but for nothing that waits.
    mutating func heartbeatEnded(_ outcome: Outcome, startedAt: Instant, now: Instant) -> [EndpointTrouble.Kind] {
        switch outcome {
        case .delivered: return answered(now)
        case .failed(let failure):
            if failure.reason == .gone { lastStart = startedAt }
            return refused(failure, startedAt: startedAt, now: now)
        case .unsendable, .abandoned: return []
        }
    }

    /// An operator's `enable`, or a reload.
    mutating func enabled(now: Instant) {
        isHeld = false
        failures = 0
        lastFailure = nil
        routinePause = nil
        fires.released(now, unconditionally: true)
        routine.released(now, unconditionally: true)
        replays.enabled(now)
    }

    /// The daemon stops. Fires that were never tried still go out; the rest waits in the outbox.
    mutating func stopped() { isDraining = true }

    private mutating func answered(_ now: Instant) -> [EndpointTrouble.Kind] {
        isHeld = false
        failures = 0
        lastFailure = nil
        routinePause = nil
        fires.released(now, unconditionally: false)
        routine.released(now, unconditionally: false)
        replays.answered(now)
        defer {
            isTroubleTold = false
            isFailingTold = false
        }
        return isTroubleTold ? [.recovered] : []
    }

    private mutating func refused(_ failure: Failure, startedAt: Instant, now: Instant) -> [EndpointTrouble.Kind] {
        // What was under way together fails together: that is one failure, not several in a row.
        if lastFailure.map({ startedAt >= $0 }) ?? true {
            failures += 1
            lastFailure = now
        }
        if let retryAfter = failure.retryAfter {
            // Asked of the sender, not of one message. Only a fire is not kept by what another was told: it waits
            // when it was told so itself.
            routinePause = now + min(retryAfter, schedule.retryAfterCeiling)
        }
        if failure.reason == .gone {
            guard !isHeld else { return [] }
            isHeld = true
            isTroubleTold = true
            return [.gone]
        }
        guard isDown, !isHeld, !isFailingTold else { return [] }
        isFailingTold = true
        isTroubleTold = true
        return [.failing]
    }

    private mutating func retry(
        _ delivery: Delivery, _ failure: Failure?, startedAt: Instant, now: Instant, wall: Timestamp, random: Double
    ) -> Resolution {
        let attempts = self[fire: delivery.isFire].attempted(delivery.alarm)
        // What is held is not dropped, and a fire not while it burns.
        let mayDie = !isHeld && (!delivery.isFire || self[fire: delivery.isFire].isOver(delivery.alarm))
        if mayDie, schedule.isExhausted(attempts: attempts, age: .milliseconds(wall - delivery.createdAt)) {
            self[fire: delivery.isFire].settled(delivery.alarm)
            return Resolution(state: .dead, troubles: [.deadLettered])
        }
        let wait =
            isHeld
            ? heldPace(delivery.isFire)
            : schedule.wait(
                after: attempts, isFire: delivery.isFire, isLasting: failure?.isLasting ?? false,
                retryAfter: failure?.retryAfter, random: random)
        var due = now + wait
        if delivery.isFire, failure?.retryAfter == nil {
            // From start to start, however long the attempt took to fail.
            due = min(due, max(now, startedAt + schedule.fireCeiling))
        }
        self[fire: delivery.isFire].deferred(delivery.alarm, until: due)
        return Resolution(state: .pending, wait: now.duration(to: due))
    }

    /// Modified in place: a copy of a lane is a copy of all it holds.
    private subscript(fire fire: Bool) -> DeliveryLane {
        get { fire ? fires : routine }
        _modify { if fire { yield &fires } else { yield &routine } }
    }

    // MARK: - What to do

    /// The next thing to do. Ask until it says to wait.
    mutating func next(_ now: Instant) -> Order {
        fires.promote(now)
        routine.promote(now)
        var wake: Instant?
        if let order = sendOrder(fire: true, now, &wake) { return order }
        if isDraining {
            let isIdle = flights.isEmpty && !replays.isFlying && !mayStillSend(now)
            return isIdle ? .finished : .wait(until: wake)
        }
        if let order = sendOrder(fire: false, now, &wake) { return order }
        if let (after, limit) = fires.fetchOrder(now, isDown: isDown) {
            return .fetch(fire: true, after: after, limit: limit)
        }
        if !fires.isFetching, let (after, limit) = routine.fetchOrder(now, isDown: isDown) {
            return .fetch(fire: false, after: after, limit: limit)
        }
        for due in [fires.fetchDue, routine.fetchDue] { wake = earlier(wake, due) }
        return replayOrder(now, &wake) ?? .wait(until: wake)
    }

    private mutating func replayOrder(_ now: Instant, _ wake: inout Instant?) -> Order? {
        let hasWaiting = fires.outlook.hasAny || routine.outlook.hasAny
        let conditions = ReplayLane.Conditions(
            isFirstReady: fires.outlook.hasReady || routine.outlook.hasReady,
            hasFirst: hasWaiting || !flights.isEmpty, isHeld: isHeld, isDown: isDown, lastStart: lastStart,
            pause: routinePause, allowed: allowance?.replayGate)
        let (deliveries, due) = replays.take(now, conditions, batch: limits.batch)
        if !deliveries.isEmpty {
            allowance?.started(now)
            return .send(deliveries)
        }
        wake = earlier(wake, due)
        if !fires.isFetching, !routine.isFetching, let (after, limit) = replays.fetchOrder(now, isDown: isDown) {
            return .fetchReplays(after: after, limit: limit)
        }
        wake = earlier(wake, replays.fetchDue)
        return nil
    }

    private func mayStillSend(_ now: Instant) -> Bool {
        let outlook = fires.outlook
        return outlook.hasFresh && gate(fire: true, outlook).map { $0 <= now } ?? false
            && allowance?.gate(fire: true).map { $0 <= now } ?? true
    }

    private mutating func sendOrder(fire: Bool, _ now: Instant, _ wake: inout Instant?) -> Order? {
        let outlook = self[fire: fire].outlook
        guard outlook.hasAny, let gate = gate(fire: fire, outlook) else { return nil }
        var due = isHeld || outlook.hasReady ? gate : max(gate, outlook.nextDue ?? gate)
        if let allowed = allowance?.gate(fire: fire) { due = max(due, allowed) }
        guard due <= now else {
            wake = earlier(wake, due)
            return nil
        }
        if isDraining, !outlook.hasFresh { return nil }
        let deliveries = self[fire: fire].take(now, upTo: limits.batch)
        guard let first = deliveries.first else { return nil }
        flights[first.id] = Flight(deliveries: deliveries, isFire: fire, startedAt: now)
        starts.append(now)
        if !fire { routineInFlight += 1 }
        lastStart = now
        allowance?.started(now)
        return .send(deliveries)
    }

    /// From when on the endpoint may be tried; `nil`: not before something under way has ended.
    private func gate(fire: Bool, _ outlook: DeliveryLane.Outlook) -> Instant? {
        let earliest = lastStart ?? .distantPast
        if isHeld {
            guard flights.isEmpty else { return nil }
            // Nobody knows that it does not want this fire, which may be the first since it said so.
            return fire && outlook.hasFresh ? .distantPast : earliest + heldPace(fire)
        }
        guard fire else { return routineGate(earliest) }
        guard let gate = slotGate(outlook.hasFresh) else { return nil }
        guard isDown else { return gate }
        // The pace spreads attempts over the minute; it does not make one wait for longer than that.
        let turn = outlook.startedAt.map { $0 + schedule.fireCeiling } ?? .distantFuture
        return max(gate, min(earliest + downPace(true), turn))
    }

    private func routineGate(_ earliest: Instant) -> Instant? {
        guard flights.count < limits.slots, routineInFlight < limits.routineSlots else { return nil }
        let gate = routinePause ?? earliest
        guard isDown else { return gate }
        return flights.isEmpty ? max(gate, earliest + downPace(false)) : nil
    }

    /// When a fire finds a slot.
    private func slotGate(_ isFresh: Bool) -> Instant? {
        guard starts.count >= limits.slots else { return .distantPast }
        guard flights.count < limits.hanging + (isFresh ? limits.freshSlots : 0) else { return nil }
        // The youngest hold the slots; the first of them hangs from then on.
        return starts[starts.count - limits.slots] + min(limits.patience, turn * limits.slots)
    }

    /// A fire is tried at least once a minute, also where the address is said to be gone.
    private func heldPace(_ fire: Bool) -> Duration {
        fire ? min(schedule.fireCeiling / max(1, fires.alarms), schedule.heldPace) : schedule.heldPace
    }

    private func downPace(_ fire: Bool) -> Duration {
        fire ? min(schedule.downPace, turn) : schedule.downPace
    }

    /// As fast as it takes for each of many fires to have its turn in a minute.
    private var turn: Duration { schedule.fireCeiling * 0.9 / max(1, fires.alarms) }

    private func earlier(_ a: Instant?, _ b: Instant?) -> Instant? {
        guard let a, let b else { return a ?? b }
        return min(a, b)
    }
}

extension ContinuousClock.Instant {
    /// Before anything this process does.
    fileprivate static var distantPast: Self { .now - .seconds(365 * 86_400) }
    fileprivate static var distantFuture: Self { .now + .seconds(365 * 86_400) }
}

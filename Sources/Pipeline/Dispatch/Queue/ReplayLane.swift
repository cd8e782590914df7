import FireModel

/// What is sent to one endpoint once more. It has slots, failures and pauses of its own: whatever becomes of a
/// replay, a first delivery finds the endpoint as if there were none. Only a success speaks for all.
///
/// A replay is sent while nothing is ready that was never delivered, and where the endpoint is troubled only when
/// nothing else could find out that it works again.
struct ReplayLane {
    typealias Instant = ContinuousClock.Instant

    /// How the endpoint does by what its first deliveries have found out.
    struct Conditions {
        /// Something that was never delivered could be sent.
        var isFirstReady: Bool
        /// Something that was never delivered waits or is under way.
        var hasFirst: Bool
        var isHeld: Bool
        var isDown: Bool
        /// The last attempt of a first delivery.
        var lastStart: Instant?
        /// What the receiver has asked for.
        var pause: Instant?
        var allowed: Instant?
    }

    static let slots = 2
    private static let failuresUntilDown = 3

    private let schedule: RetrySchedule
    private var lane: DeliveryLane
    /// By the id of the first delivery in each.
    private var flights: [String: [Delivery]] = [:]
    private var failures = 0
    private var lastStart: Instant?
    private var pause: Instant?

    init(schedule: RetrySchedule, capacity: Int) {
        self.schedule = schedule
        lane = DeliveryLane(isFire: false, isReplay: true, capacity: capacity)
    }

    var count: Int { lane.count }
    var hasMore: Bool { lane.hasMore }
    var isFlying: Bool { !flights.isEmpty }
    private var isDown: Bool { failures >= Self.failuresUntilDown }

    // MARK: - What has happened

    /// The outbox has new ones, none with a lower sequence.
    mutating func marked(from sequence: Int64) { lane.rescan(from: sequence) }

    mutating func fetched(_ page: [Delivery], limit: Int, now: Instant, wall: Timestamp) {
        lane.fetched(page, limit: limit, now: now, wall: wall, schedule: schedule)
    }

    mutating func fetchFailed(_ now: Instant) { lane.fetchFailed(now) }

    mutating func answered(_ now: Instant) { release(now, unconditionally: false) }

    mutating func enabled(_ now: Instant) { release(now, unconditionally: true) }

    private mutating func release(_ now: Instant, unconditionally: Bool) {
        failures = 0
        pause = nil
        lane.released(now, unconditionally: unconditionally)
    }

    /// - Parameter isHeld: The endpoint is, by what a first delivery was told.
    /// - Returns: `nil`: it is no replay.
    mutating func attemptEnded(
        _ id: String, _ outcome: EndpointQueue.Outcome, isHeld: Bool, now: Instant, wall: Timestamp, random: Double
    ) -> [EndpointQueue.Resolution]? {
        guard let deliveries = flights.removeValue(forKey: id) else { return nil }
        var failure: Failure?
        if case .failed(let its) = outcome {
            failure = its
            refused(its, now)
        }
        if deliveries.count > 1, outcome == .unsendable || failure?.isLasting == true {
            for delivery in deliveries { lane.separate(delivery.alarm) }
        }
        return deliveries.map { delivery in
            switch outcome {
            case .delivered:
                lane.settled(delivery.alarm)
                return EndpointQueue.Resolution(state: .delivered)
            case .failed, .unsendable:
                return retry(delivery, failure, isHeld: isHeld, now: now, wall: wall, random: random)
            case .abandoned:
                lane.deferred(delivery.alarm, until: now + schedule.downPace)
                return EndpointQueue.Resolution(state: .pending, wait: schedule.downPace)
            }
        }
    }

    private mutating func refused(_ failure: Failure, _ now: Instant) {
        failures += 1
        if let retryAfter = failure.retryAfter { pause = now + min(retryAfter, schedule.retryAfterCeiling) }
        // Whether the address is gone for all the next first delivery or heartbeat finds out, and tells people.
        if failure.reason == .gone { pause = now + schedule.heldPace }
    }

    private mutating func retry(
        _ delivery: Delivery, _ failure: Failure?, isHeld: Bool, now: Instant, wall: Timestamp, random: Double
    ) -> EndpointQueue.Resolution {
        let attempts = lane.attempted(delivery.alarm)
        let age = Duration.milliseconds(wall - (delivery.replayedAt ?? delivery.createdAt))
        if !isHeld, failure?.reason != .gone, schedule.isExhausted(attempts: attempts, age: age) {
            lane.settled(delivery.alarm)
            return EndpointQueue.Resolution(state: .dead, troubles: [.deadLettered])
        }
        let wait =
            isHeld
            ? schedule.heldPace
            : schedule.wait(
                after: attempts, isFire: false, isLasting: failure?.isLasting ?? false,
                retryAfter: failure?.retryAfter, random: random)
        lane.deferred(delivery.alarm, until: now + wait)
        return EndpointQueue.Resolution(state: .pending, wait: wait)
    }

    // MARK: - What to do

    /// The next to be sent together; empty: nothing before `wake`, or before something has happened.
    mutating func take(_ now: Instant, _ conditions: Conditions, batch: Int) -> (deliveries: [Delivery], wake: Instant?)
    {
        lane.promote(now)
        let outlook = lane.outlook
        guard outlook.hasAny, !conditions.isFirstReady, let gate = gate(conditions) else { return ([], nil) }
        var due = outlook.hasReady ? gate : max(gate ?? now, outlook.nextDue ?? now)
        for pause in [pause, conditions.pause, conditions.allowed] { due = later(due, pause) }
        if let due, due > now { return ([], due) }
        let deliveries = lane.take(now, upTo: batch)
        guard let first = deliveries.first else { return ([], nil) }
        flights[first.id] = deliveries
        lastStart = now
        return (deliveries, nil)
    }

    /// From when on one may be sent, `.some(nil)`: at once. `nil`: not before something has happened.
    private func gate(_ conditions: Conditions) -> Instant?? {
        if conditions.isHeld || conditions.isDown {
            guard !conditions.hasFirst, flights.isEmpty else { return nil }
            let pace = conditions.isHeld ? schedule.heldPace : schedule.downPace
            return .some(later(lastStart, conditions.lastStart).map { $0 + pace })
        }
        if isDown { return flights.isEmpty ? .some(lastStart.map { $0 + schedule.downPace }) : nil }
        return flights.count < Self.slots ? .some(nil) : nil
    }

    mutating func fetchOrder(_ now: Instant, isDown: Bool) -> (after: Int64, limit: Int)? {
        lane.fetchOrder(now, isDown: isDown || self.isDown)
    }

    var fetchDue: Instant? { lane.fetchDue }

    private func later(_ a: Instant?, _ b: Instant?) -> Instant? {
        guard let a, let b else { return a ?? b }
        return max(a, b)
    }
}

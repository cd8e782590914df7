import FireModel

/// What waits for one endpoint in memory, one of three lanes: fires, the rest, and what is sent once more. An alarm
/// never changes between the first two, so the order of its changes is kept within one.
///
/// The changes of one alarm form a chain of which only the head is sent. What does not fit stays in the
/// outbox, and from then on everything new is fetched from there, so that no change overtakes an earlier one:
///
/// ```
///   outbox   1 2 3 4 5 6 7 8 9 …
///            settled │ in memory │ fetched when there is room
///                                ▲ cursor
/// ```
///
/// While the store fails, changes go out from memory. One whose predecessor may still lie in the outbox is held
/// until the outbox has been read to its end: a receiver that gets `.cleared` before `.raised` shows the alarm for ever.
struct DeliveryLane {
    typealias Instant = ContinuousClock.Instant

    private struct Entry {
        var delivery: Delivery
        /// The last attempt's.
        var startedAt: Instant?
        /// It was made due by the success of another delivery.
        var isReleased = false
        /// How often it failed all the same: then it is this delivery the receiver does not want.
        var rebuffs = 0
        /// What it was sent with was refused: it may be to blame, and takes nobody with it again.
        var goesAlone = false
    }

    private struct Chain {
        var entries: [Entry]
        /// Its head has failed: what is behind it does not count against the room for others.
        var isStuck: Bool
    }

    /// What was never tried goes first: a delivery the receiver refuses must not keep others waiting.
    private struct Rank: Comparable {
        var isRetry: Bool
        var arrival: UInt64
        static func < (a: Rank, b: Rank) -> Bool {
            a.isRetry == b.isRetry ? a.arrival < b.arrival : !a.isRetry
        }
    }

    let isFire: Bool
    let isReplay: Bool
    /// Deliveries kept in memory. Those behind a failed head are kept besides, up to `stuckFactor` times as many.
    let capacity: Int
    private static let stuckFactor = 10
    /// The alarm's JSON is kept for so many; the others' is fetched when they are sent.
    private static let maximumSnapshots = 100
    private static let page = 500
    /// After an outbox that could not be read.
    private static let fetchPause = Duration.seconds(1)
    private static let longestRelease = Duration.seconds(3600)

    private var chains: [String: Chain] = [:]
    private var ids: Set<String> = []
    private var ready = Agenda<Rank>()
    private var waiting = Agenda<Instant>()
    private var arrivals: UInt64 = 0
    /// Deliveries in memory.
    var count: Int { queued + held.count }
    private var queued = 0
    private var stuck = 0
    /// Not stored, and perhaps not next: they wait for the end of the outbox. Empty unless the outbox has more.
    private var held: [Delivery] = []
    private var snapshots = 0
    /// What was settled lately may come again: from the outbox, where its result is not written yet, or
    /// from the worker, once what was sent from memory while the store failed has been written down.
    private var settledLately: RecentIDs
    /// Of alarms whose last change was settled lately, which one that was: what follows it directly has nothing
    /// before it in the outbox either.
    private var revisionsLately: RecentRevisions

    /// Highest sequence looked at.
    private var cursor: Int64 = 0
    /// The outbox has more than memory. True at the start: nothing has been looked at.
    private(set) var hasMore = true
    private(set) var isFetching = false
    private var passedOverWhileFetching = false
    /// To be looked at again from there on, once the page that is being fetched has come.
    private var rescanFrom: Int64?
    private var fetchNotBefore: Instant?
    /// The end of the outbox was reached once. What comes before that was there at the start, and is due.
    private var isCaughtUp = false

    init(isFire: Bool, isReplay: Bool = false, capacity: Int) {
        self.isFire = isFire
        self.isReplay = isReplay
        self.capacity = capacity
        settledLately = RecentIDs(capacity: capacity)
        revisionsLately = RecentRevisions(capacity: capacity)
    }

    /// When the oldest was created.
    var oldest: Timestamp? {
        [chains.values.lazy.flatMap(\.entries).map(\.delivery.createdAt).min(), held.map(\.createdAt).min()]
            .compactMap(\.self).min()
    }
    /// Alarms of which something waits to be sent.
    var alarms: Int { chains.count }

    // MARK: - Filling

    private var isFull: Bool { count - stuck >= capacity || count >= capacity * Self.stuckFactor }

    enum Admission: Equatable {
        /// It waits, in memory or in the outbox.
        case new
        case known
        /// At least until the next start: it is not in the outbox, and there is no room.
        case lost
    }

    mutating func enqueued(_ delivery: Delivery) -> Admission {
        if isKnown(delivery) { return .known }
        if delivery.sequence == 0 {
            guard !isFull else { return .lost }
            if isNext(delivery) { append(delivery) } else { held.append(delivery) }
            return .new
        }
        let wasHeld = letGo(delivery)
        if hasMore || isFull {
            hasMore = true
            if isFetching { passedOverWhileFetching = true }
            // Nothing comes before a raise: a new fire need not wait for what the outbox still has.
            if isFire, !isFull, delivery.type == AlarmChange.Kind.raised.eventType { append(delivery) }
        } else {
            append(delivery)
            cursor = max(cursor, delivery.sequence)
        }
        return wasHeld ? .known : .new
    }

    /// Nothing of this alarm can lie between this change and what memory has of it.
    private func isNext(_ delivery: Delivery) -> Bool {
        if !hasMore { return true }
        if held.contains(where: { $0.alarm == delivery.alarm }) { return false }
        if delivery.type == AlarmChange.Kind.raised.eventType { return true }
        let before = chains[delivery.alarm]?.entries.last?.delivery.revision ?? revisionsLately[delivery.alarm]
        return before.map { delivery.revision <= $0 + 1 } ?? false
    }

    /// - Parameter isDown: Nothing comes through now, so what failed makes no room for more.
    mutating func fetchOrder(_ now: Instant, isDown: Bool) -> (after: Int64, limit: Int)? {
        guard hasMore, !isFetching, fetchNotBefore.map({ $0 <= now }) ?? true else { return nil }
        let taken = isDown ? queued : queued - stuck
        guard taken <= capacity / 2, queued < capacity * Self.stuckFactor else { return nil }
        isFetching = true
        passedOverWhileFetching = false
        return (cursor, max(1, min(Self.page, capacity - taken)))
    }

    /// The outbox has more, also among what was looked at before.
    mutating func rescan(from sequence: Int64) {
        hasMore = true
        if isFetching {
            passedOverWhileFetching = true
            rescanFrom = min(rescanFrom ?? sequence, sequence)
        } else {
            cursor = min(cursor, sequence - 1)
        }
    }

    var fetchDue: Instant? { hasMore && !isFetching ? fetchNotBefore : nil }

    /// - Parameter schedule: Bounds what is left to wait, for the wall clock may have been set since.
    mutating func fetched(
        _ page: [Delivery], limit: Int, now: Instant, wall: Timestamp, schedule: RetrySchedule
    ) {
        isFetching = false
        fetchNotBefore = nil
        for delivery in page where delivery.sequence > cursor {
            cursor = delivery.sequence
            guard belongsHere(delivery), !isKnown(delivery) else { continue }
            _ = letGo(delivery)
            var due: Instant?
            if isCaughtUp, delivery.attempts > 0, delivery.dueAt > wall {
                let longest = schedule.wait(after: delivery.attempts, isFire: isFire, retryAfter: nil, random: 1)
                due = now + min(.milliseconds(delivery.dueAt - wall), longest)
            }
            append(delivery, due: due)
        }
        hasMore = page.count >= limit || passedOverWhileFetching
        rescanAsTold()
        guard !hasMore else { return }
        isCaughtUp = true
        for delivery in held { append(delivery) }
        held.removeAll()
    }

    mutating func fetchFailed(_ now: Instant) {
        isFetching = false
        fetchNotBefore = now + Self.fetchPause
        rescanAsTold()
    }

    private mutating func rescanAsTold() {
        if let rescanFrom { cursor = min(cursor, rescanFrom - 1) }
        rescanFrom = nil
    }

    private func belongsHere(_ delivery: Delivery) -> Bool {
        isReplay ? delivery.replayedAt != nil : delivery.replayedAt == nil && delivery.isFire == isFire
    }

    /// The same delivery, and asked for by the same replay: a later one is another matter.
    private func key(_ delivery: Delivery) -> String {
        delivery.replayedAt.map { "\(delivery.id) \($0.milliseconds)" } ?? delivery.id
    }

    private mutating func isKnown(_ delivery: Delivery) -> Bool {
        if settledLately.contains(key(delivery)) { return true }
        if delivery.sequence == 0, held.contains(where: { $0.id == delivery.id }) { return true }
        guard ids.contains(key(delivery)) else { return false }
        if let place = chains[delivery.alarm]?.entries.firstIndex(where: { $0.delivery.id == delivery.id }) {
            chains[delivery.alarm]?.entries[place].delivery.sequence = delivery.sequence
        }
        return true
    }

    /// It has been written down, and comes from the outbox in its turn.
    private mutating func letGo(_ delivery: Delivery) -> Bool {
        guard let place = held.firstIndex(where: { $0.id == delivery.id }) else { return false }
        held.remove(at: place)
        return true
    }

    private mutating func append(_ delivery: Delivery, due: Instant? = nil) {
        var entry = Entry(delivery: delivery)
        if delivery.snapshot != nil {
            if snapshots < Self.maximumSnapshots || delivery.sequence == 0 {
                snapshots += 1
            } else {
                entry.delivery.snapshot = nil
            }
        }
        ids.insert(key(delivery))
        queued += 1
        if chains[delivery.alarm] != nil {
            chains[delivery.alarm]?.entries.append(entry)
            if chains[delivery.alarm]?.isStuck == true { stuck += 1 }
        } else {
            chains[delivery.alarm] = Chain(entries: [entry], isStuck: false)
            if let due { park(delivery.alarm, until: due) } else { makeReady(delivery.alarm) }
        }
    }

    // MARK: - Sending

    mutating func promote(_ now: Instant) {
        while let due = waiting.first, due <= now, let alarm = waiting.popFirst() { makeReady(alarm) }
    }

    struct Outlook {
        var hasReady: Bool
        /// The next was never tried.
        var hasFresh: Bool
        /// When the next was tried last.
        var startedAt: Instant?
        var nextDue: Instant?
        /// Something could be sent, now or when it is due.
        var hasAny: Bool { hasReady || nextDue != nil }
    }

    var outlook: Outlook {
        Outlook(
            hasReady: !ready.isEmpty, hasFresh: ready.first.map { !$0.isRetry } ?? false,
            startedAt: (ready.firstAlarm ?? waiting.firstAlarm).flatMap { chains[$0]?.entries.first?.startedAt },
            nextDue: waiting.first)
    }

    /// The next that are ready, of different alarms, or the first that is waiting where nothing is.
    mutating func take(_ now: Instant, upTo limit: Int) -> [Delivery] {
        guard let first = ready.popFirst() ?? waiting.popFirst() else { return [] }
        var alarms = [first]
        if !goesAlone(first) {
            while alarms.count < limit, let next = ready.firstAlarm, !goesAlone(next) {
                _ = ready.popFirst()
                alarms.append(next)
            }
        }
        return alarms.compactMap { alarm in
            guard chains[alarm]?.entries.isEmpty == false else { return nil }
            chains[alarm]?.entries[0].startedAt = now
            return chains[alarm]?.entries.first?.delivery
        }
    }

    private func goesAlone(_ alarm: String) -> Bool { chains[alarm]?.entries.first?.goesAlone ?? false }

    /// The head is sent by itself from now on.
    mutating func separate(_ alarm: String) {
        guard chains[alarm]?.entries.isEmpty == false else { return }
        chains[alarm]?.entries[0].goesAlone = true
    }

    /// The head's attempt failed.
    /// - Returns: How many were made.
    mutating func attempted(_ alarm: String) -> Int {
        guard var chain = chains[alarm], !chain.entries.isEmpty else { return 1 }
        chain.entries[0].delivery.attempts += 1
        if chain.entries[0].isReleased {
            chain.entries[0].isReleased = false
            chain.entries[0].rebuffs += 1
        }
        // It will be a while, and the outbox has it. A fire's is kept: it must go out even if the store fails now.
        if !isFire, chain.entries[0].delivery.sequence != 0, chain.entries[0].delivery.snapshot != nil {
            chain.entries[0].delivery.snapshot = nil
            snapshots -= 1
        }
        let attempts = chain.entries[0].delivery.attempts
        chains[alarm] = chain
        return attempts
    }

    /// The alarm is over, as far as memory and outbox know: a later change of it waits, and says so.
    func isOver(_ alarm: String) -> Bool {
        !hasMore && chains[alarm]?.entries.last.map { !$0.delivery.isActive } ?? false
    }

    /// The head is done with, and the alarm's next change may go.
    mutating func settled(_ alarm: String) {
        guard var chain = chains[alarm], !chain.entries.isEmpty else { return }
        if chain.isStuck { stuck -= chain.entries.count }
        let gone = chain.entries.removeFirst().delivery
        ids.remove(key(gone))
        queued -= 1
        if gone.snapshot != nil { snapshots -= 1 }
        settledLately.insert(key(gone))
        revisionsLately.note(gone.revision, of: alarm)
        chain.isStuck = false
        chains[alarm] = chain.entries.isEmpty ? nil : chain
        if !chain.entries.isEmpty { makeReady(alarm) }
    }

    /// The head waits for its next attempt.
    mutating func deferred(_ alarm: String, until due: Instant) {
        guard var chain = chains[alarm] else { return }
        if !chain.isStuck, chain.entries.first.map({ $0.delivery.attempts > 0 }) ?? false {
            chain.isStuck = true
            stuck += chain.entries.count
            chains[alarm] = chain
        }
        park(alarm, until: due)
    }

    /// The endpoint works: everything is due at once. Only what it has refused again after that has to wait
    /// a little longer each time, lest each success brings all those refusals with it.
    mutating func released(_ now: Instant, unconditionally: Bool) {
        for (due, alarm) in waiting.removeAll() {
            guard let entry = chains[alarm]?.entries.first else { continue }
            chains[alarm]?.entries[0].isReleased = true
            if unconditionally || entry.rebuffs == 0 {
                makeReady(alarm)
            } else if entry.isReleased {
                park(alarm, until: due)
            } else {
                let pause = min(.seconds(1 << min(entry.rebuffs, 12)), Self.longestRelease)
                park(alarm, until: min(due, now + pause))
            }
        }
    }

    private mutating func makeReady(_ alarm: String) {
        arrivals += 1
        let isRetry = chains[alarm]?.entries.first.map { $0.delivery.attempts > 0 } ?? false
        ready.insert(alarm, at: Rank(isRetry: isRetry, arrival: arrivals))
    }

    private mutating func park(_ alarm: String, until due: Instant) { waiting.insert(alarm, at: due) }
}

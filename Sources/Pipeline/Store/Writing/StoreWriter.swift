import FireModel
import FireTelemetry

/// The one that writes: readings, alarm changes, deliveries to come and the quarantine of a batch, in ONE
/// transaction.
///
///     admit · append · quarantine · remember · record  ──▶  commit ──▶ durable
///                        └────────────── any error ──▶ rollback ──▶ next batch
///
/// Owned by the worker thread (not `Sendable`); every call is synchronous. The transaction begins with the
/// first write of a batch. After an error every call repeats it until `rollback`: SQLite may have rolled
/// back already by itself, and what came afterwards would be committed one by one.
public final class StoreWriter {
    public let counters: StoreCounters
    let settings: StoreSettings
    let connection: Connection
    let readings: ReadingTable
    let fleetTables: FleetTables
    let alarms: AlarmTables
    let deliveries: DeliveryTables
    let quarantined: QuarantineTable
    let recognition: RecognitionTables
    let upkeep: Upkeep

    private enum State {
        case idle, open
        case failed(StoreError)
    }
    private var state = State.idle
    private let begin: Statement
    private let end: Statement

    /// Opens or creates the database, migrates it, and keeps it from other daemons until deallocated.
    /// - Throws: `StoreError`: `cannotOpen`, `inUse`, `newerSchema`, `corrupt`, `full`, `io`.
    public init(path: String, settings: StoreSettings, counters: StoreCounters = StoreCounters()) throws(StoreError) {
        self.settings = settings
        self.counters = counters
        connection = try Connection(path: path)
        begin = try Statement(connection, "BEGIN IMMEDIATE")
        end = try Statement(connection, "COMMIT")
        readings = try ReadingTable(connection)
        fleetTables = try FleetTables(connection)
        alarms = try AlarmTables(connection)
        deliveries = try DeliveryTables(connection)
        quarantined = try QuarantineTable(connection)
        recognition = try RecognitionTables(connection)
        upkeep = try Upkeep(connection, settings, counters)
    }

    // MARK: - A batch

    /// Something would be lost by `rollback`.
    public var hasPending: Bool {
        if case .idle = state { return !recognition.isEmpty }
        return true
    }

    /// The identity check is the insert (contract 2, "Identity"): a reading is new, or its place is taken.
    /// One without a time of the device whose millisecond is taken by another value moves to the next free one.
    /// - Throws: `StoreError.full` also when the size bound is reached and nothing is left to evict.
    public func admit(_ reading: inout Reading, fleet: Fleet) throws(StoreError) -> Admission {
        if upkeep.refusesReadings { throw .full("store.max_size is reached and no reading is left to evict") }
        try enter()
        do {
            return try readings.admit(&reading)
        } catch {
            throw failed(error)
        }
    }

    /// The alarm as it is now, and a line of its history unless it is only another occurrence. A change told
    /// twice is written once; one older than what is stored changes nothing.
    public func append(_ change: AlarmChange) throws(StoreError) {
        try enter()
        do { try alarms.append(change) } catch { throw failed(error) }
    }

    /// Sets the delivery's `sequence`. One whose id is there already is left alone.
    /// - Returns: Whether it is new.
    @discardableResult public func append(_ delivery: inout Delivery) throws(StoreError) -> Bool {
        try enter()
        do {
            return try deliveries.append(&delivery, change: alarms.lastChange)
        } catch {
            throw failed(error)
        }
    }

    /// What became of an attempt. Of a delivery that is not kept any more nothing is written.
    public func record(_ attempt: DeliveryAttempt) throws(StoreError) {
        try enter()
        do { try deliveries.record(attempt) } catch { throw failed(error) }
    }

    /// Ends what waits for any other endpoint as cancelled, at most `limit` of them.
    /// - Returns: Whether there is more to do, in a later batch.
    public func cancelDeliveries(exceptFor endpoints: [String], limit: Int = 500) throws(StoreError) -> Bool {
        let endpoint = try deliveries.foreignEndpoint(exceptFor: Set(endpoints))
        guard let endpoint else { return false }
        try enter()
        do { try deliveries.cancel(endpoint, limit: limit) } catch { throw failed(error) }
        return true
    }

    /// Keeps a payload that could not be read. At most 10,000 and 64 MiB; the oldest fall out and are counted.
    public func quarantine(_ rejection: Rejection) throws(StoreError) {
        try enter()
        do { try quarantined.insert(rejection) } catch { throw failed(error) }
    }

    /// A retry has read it.
    /// - Returns: Whether it was there.
    @discardableResult public func removeQuarantined(_ id: Int64) throws(StoreError) -> Bool {
        try enter()
        do {
            return try quarantined.remove(id)
        } catch {
            throw failed(error)
        }
    }

    /// Written with the commit; the last 10,000 of each lane are kept.
    public func remember(redelivery: Redelivery) { recognition.remember(redelivery) }

    /// Written with the commit.
    public func remember(retainedTopic: UInt64, content: UInt64) {
        recognition.remember(RetainedMark(topicHash: retainedTopic, contentHash: content))
    }

    // MARK: - Its end

    /// Makes the batch durable, with every device and series that is new or changed.
    public func commit(fleet: Fleet) throws(StoreError) {
        if case .idle = state, recognition.isEmpty, fleetTables.areUpToDate(fleet) { return }
        try enter()
        do {
            try fleetTables.write(fleet)
            try recognition.write()
            try readings.writeCount()
            let start = ContinuousClock.now
            try end.run()
            counters.commitSeconds.observe(start.duration(to: .now) / .seconds(1))
        } catch {
            throw failed(error)
        }
        state = .idle
        fleet.markSaved()
        readings.committed()
        recognition.committed()
        counters.quarantineDropped.add(quarantined.committed())
    }

    /// Forgets the batch. What the fleet has gained stays new and is written with the next commit.
    public func rollback() {
        if connection.isInTransaction { try? connection.execute("ROLLBACK") }
        readings.rolledBack()
        alarms.rolledBack()
        quarantined.rolledBack()
        recognition.rolledBack()
        // A transaction that cannot be ended keeps the writer failed; only a new one helps.
        if !connection.isInTransaction { state = .idle }
    }

    // MARK: - Between batches

    /// Deletes some of what is over its time or its share of the disk; never an active alarm, never a pending
    /// delivery. Not synced: what a power cut brings back is deleted again.
    ///
    /// - Parameters:
    ///   - now: of a clock that is known to be right; years ahead, it would delete everything.
    ///   - budget: after which the slice ends, about 2 ms.
    /// - Returns: Whether there is more to do now; call again after the next batch. Otherwise once a second.
    public func retentionSlice(now: Timestamp, budget: Duration = .milliseconds(2)) throws(StoreError) -> Bool {
        guard !hasPending else { return true }
        guard try upkeep.isDue(now: now, readings) else { return false }
        state = .open
        do {
            try connection.execute("PRAGMA synchronous = NORMAL")
            try begin.run()
            try upkeep.slice(now: now, budget: budget, readings, quarantined)
            try readings.writeCount()
            try end.run()
            try connection.execute("PRAGMA synchronous = FULL")
        } catch {
            rollback()
            try connection.execute("PRAGMA synchronous = FULL")
            throw error
        }
        state = .idle
        readings.committed()
        counters.quarantineDropped.add(quarantined.committed())
        return upkeep.hasMore
    }

    private func enter() throws(StoreError) {
        switch state {
        case .open: return
        case .failed(let error): throw error
        case .idle:
            try begin.run()
            state = .open
        }
    }

    private func failed(_ error: StoreError) -> StoreError {
        state = .failed(error)
        return error
    }
}

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
    let heads = HeadStore()
    /// For readers: which series there are.
    let directory = SharedDirectory()
    let readings: Readings
    let journal: JournalTable
    let segments: SegmentTable
    let sealer: Sealer
    let merger: Merger
    let fleetTables: FleetTables
    let alarms: AlarmTables
    let contexts: ContextTable
    let deliveries: DeliveryTables
    let quarantined: QuarantineTable
    let suppressions: SuppressionTables
    let recognition: RecognitionTables
    let upkeep: Upkeep
    let importer: Importer
    /// The heads may hold what was never committed, or are not loaded yet.
    var headsAreStale = true
    var isSealWanted = false

    private enum State {
        case idle, open
        case failed(StoreError)
    }
    private var state = State.idle
    let damaged: (String) -> Void
    let begin: Statement
    let end: Statement

    /// Opens or creates the database, migrates it, and keeps it from other daemons until deallocated.
    ///
    /// - Parameters:
    ///   - onDamage: told of each chunk or journal row that cannot be read; it is passed over.
    ///   - onMigration: told how much of an older form has been brought into today's, 0 to 1.
    /// - Throws: `StoreError`: `cannotOpen`, `inUse`, `newerSchema`, `corrupt`, `full`, `io`.
    public init(
        path: String, settings: StoreSettings, counters: StoreCounters = StoreCounters(),
        onDamage: @escaping (String) -> Void = { _ in }, onMigration: (Double) -> Void = { _ in }
    ) throws(StoreError) {
        self.settings = settings
        self.counters = counters
        connection = try Connection(path: path)
        connection.reportLog(to: counters)
        begin = try Statement(connection, "BEGIN IMMEDIATE")
        end = try Statement(connection, "COMMIT")
        let damaged = { (what: String) in
            counters.damaged.increment()
            onDamage(what)
        }
        self.damaged = damaged
        try RowMigration.run(connection, progress: onMigration)
        // What was being written when the last process ended is found anew from the journal.
        try connection.execute("DELETE FROM segment WHERE state = 'open'")
        segments = try SegmentTable(connection)
        readings = try Readings(connection, heads: heads, segments: segments, damaged: damaged)
        journal = try JournalTable(connection)
        sealer = try Sealer(connection, heads: heads, segments: segments)
        merger = try Merger(connection, segments: segments, damaged: damaged)
        fleetTables = try FleetTables(connection)
        alarms = try AlarmTables(connection)
        contexts = try ContextTable(connection)
        deliveries = try DeliveryTables(connection)
        quarantined = try QuarantineTable(connection)
        suppressions = try SuppressionTables(connection)
        recognition = try RecognitionTables(connection)
        upkeep = try Upkeep(connection, settings, counters, segments, damaged: damaged)
        importer = try Importer(connection, readings: readings, segments: segments)
    }

    // MARK: - A batch

    /// Something would be lost by `rollback`.
    public var hasPending: Bool {
        if case .idle = state { return !recognition.isEmpty || !journal.block.isEmpty }
        return true
    }

    /// A reading is new, or its identity is taken (contract 2, "Identity"). One without a time of the device whose
    /// millisecond is taken by another value moves to the next free one. What is new or conflicts is an input of the
    /// rules, so it is in the journal with the next commit.
    ///
    /// - Parameter isRetry: from the quarantine.
    /// - Throws: `StoreError.full` also when the size bound is reached and nothing is left to evict.
    public func admit(_ reading: inout Reading, fleet: Fleet, isRetry: Bool = false) throws(StoreError) -> Admission {
        if upkeep.isAtBound, heads.count == 0, journal.surplus(isTight: true).isEmpty {
            throw .full("store.max_size is reached and no reading is left to evict")
        }
        try enter()
        do {
            let admission = try readings.admit(&reading)
            if admission != .duplicate {
                journal.block.append(reading, isConflicting: admission == .conflicting, isRetry: isRetry)
            }
            return admission
        } catch {
            throw failed(error)
        }
    }

    /// Where the clocks stand for what is admitted next, in milliseconds.
    public func note(live: Int64, steady: Int64) { journal.block.append(live: live, steady: steady) }

    /// A run of the daemon begins: what comes was not there to see what lies between.
    public func noteBeginning() { journal.block.appendBeginning() }

    /// Time alone was given to the rules, by the clocks noted last.
    public func note(timePassed now: Timestamp) { journal.block.append(timePassed: now) }

    /// What an operator did, in whichever form the replay understands.
    public func note(act: [UInt8]) { journal.block.append(act: act) }

    /// Rules and catalogue from here on, in full.
    public func note(rules: String) { journal.block.append(rules: rules) }

    /// The alarm as it is now, and a line of its history unless it is only another occurrence. A change told
    /// twice is written once; one older than what is stored changes nothing.
    public func append(_ change: AlarmChange) throws(StoreError) {
        try enter()
        do { try alarms.append(change) } catch { throw failed(error) }
    }

    /// What the device said around an alarm that is judged. Less than is kept already changes nothing.
    public func keep(_ context: VerdictContext) throws(StoreError) {
        try enter()
        do { try contexts.keep(context) } catch { throw failed(error) }
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

    /// Marks deliveries that are done with to be sent once more. A few hundred at a time: nothing else is committed
    /// meanwhile.
    ///
    /// - Parameter endpoints: those there are; what was for another is left alone, like what waits anyway.
    /// - Returns: What became of them, and what to tell the dispatcher after the commit.
    public func replay(
        _ sequences: [Int64], endpoints: Set<String>, at now: Timestamp
    ) throws(StoreError) -> (outcome: ReplayOutcome, marks: [ReplayMark]) {
        try enter()
        do {
            return try deliveries.replay(sequences, endpoints: endpoints, at: now)
        } catch {
            throw failed(error)
        }
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

    /// Silences and drills that have begun or ended.
    public func note(_ act: AnnunciationAct, at now: Timestamp) throws(StoreError) {
        try enter()
        do { try suppressions.note(act, at: now) } catch { throw failed(error) }
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
        if case .idle = state, headsAreStale { try rebuildHeads() }
        if case .idle = state, recognition.isEmpty, journal.block.isEmpty, fleetTables.areUpToDate(fleet) { return }
        try enter()
        do {
            try fleetTables.write(fleet)
            try recognition.write()
            try journal.write()
            let start = ContinuousClock.now
            try end.run()
            counters.commitSeconds.observe(start.duration(to: .now) / .seconds(1))
        } catch {
            throw failed(error)
        }
        state = .idle
        if !fleetTables.areUpToDate(fleet) { directory.follow(fleet, changed: fleet.dirtyDevices) }
        fleet.markSaved()
        readings.batchEnded()
        journal.committed()
        importer.committed()
        recognition.committed()
        counters.quarantineDropped.add(quarantined.committed())
    }

    /// Forgets the batch. What the fleet has gained stays new and is written with the next commit.
    public func rollback() {
        if connection.isInTransaction { try? connection.execute("ROLLBACK") }
        readings.batchEnded()
        if !journal.block.isEmpty { headsAreStale = true }
        journal.rolledBack()
        alarms.rolledBack()
        quarantined.rolledBack()
        importer.abandon()
        recognition.rolledBack()
        // A transaction that cannot be ended keeps the writer failed; only a new one helps.
        if !connection.isInTransaction { state = .idle }
    }

    func enter() throws(StoreError) {
        switch state {
        case .open: return
        case .failed(let error): throw error
        case .idle:
            if headsAreStale { try rebuildHeads() }
            try begin.run()
            state = .open
        }
    }

    func failed(_ error: StoreError) -> StoreError {
        state = .failed(error)
        return error
    }
}

import FireModel
import Foundation

/// The state of the rules at one moment, as the store keeps it.
public struct StoredCheckpoint: Sendable, Equatable {
    /// In the form of the rule engine.
    public var engine: [UInt8]
    /// Rules and catalogue of that moment, in full.
    public var rules: String
    /// Where the counting clock stood, in milliseconds.
    public var live: Int64

    public init(engine: [UInt8] = [], rules: String = "", live: Int64 = 0) {
        self.engine = engine
        self.rules = rules
        self.live = live
    }

    /// zigzag: live · text: rules · counted: engine
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(zigzag: live)
        bytes.append(text: rules)
        bytes.append(counted: engine)
        return bytes
    }

    init(_ bytes: [UInt8]) throws(FormatError) {
        var reader = ByteReader(bytes)
        live = try reader.zigzag()
        rules = try reader.text()
        engine = try reader.counted()
        try reader.expectEnd()
    }
}

/// What a start takes from the store, besides the fleet and the inputs of the rules.
public struct StoredState: Sendable {
    public struct StoredAlarm: Sendable, Equatable {
        public var alarm: Alarm
        /// How-manieth raise of its key at its `raisedAt`.
        public var ordinal: Int
    }

    /// The newest reading of each series that has one, by series. Its receipt time is not kept; it is that of
    /// the reading.
    public var latest: [Reading] = []
    /// Of each key (rule, device, component, metric) the active alarm, else the newest.
    public var alarms: [StoredAlarm] = []
    /// Oldest first in each lane.
    public var redeliveries: [Redelivery] = []
    public var retained: [RetainedMark] = []
    /// Ids of alarms whose stored form cannot be read; worth a line in the log.
    public var unreadableAlarms: [String] = []
    /// Not ended by anybody; their time may be over.
    public var silences: [Silence] = []
    public var drills: [Drill] = []
}

extension StoreWriter {
    /// Fills an empty fleet, every index as it was, and returns what the other stages go on from.
    ///
    /// Before it returns, what the rules were shown is told once more, in order (design 5, "Restart").
    ///
    /// - Parameters:
    ///   - checkpoint: told once, before any input: from where the inputs go on; `nil`: from the beginning.
    ///   - input: told each input since.
    /// - Throws: `StoreError.corrupt` when rows of devices or series are missing; what `checkpoint` throws.
    public func load(
        into fleet: Fleet, checkpoint: (StoredCheckpoint?) -> Void = { _ in }, input: (JournalInput) -> Void = { _ in }
    ) throws(StoreError) -> StoredState {
        guard fleet.devices.isEmpty else { throw .unexpected("the fleet to be loaded is not empty") }
        // One transaction: each statement by itself would take and drop the file's lock, which for the last
        // values of a large fleet was a third of the time.
        try connection.execute("BEGIN")
        defer { if connection.isInTransaction { try? connection.execute("COMMIT") } }
        try FleetTables.load(connection, into: fleet)
        directory.follow(fleet, changed: [])
        try loadHeads(checkpoint: checkpoint, input: input)
        var state = StoredState()
        state.latest = latest(fleet)
        try loadAlarms(&state)
        state.redeliveries = try RecognitionTables.redeliveries(connection)
        state.retained = try RecognitionTables.retained(connection)
        state.silences = try SuppressionTables.load(connection, "silence")
        state.drills = try SuppressionTables.load(connection, "drill")
        return state
    }

    /// The newest reading that is known of a series.
    public func last(_ series: Int32) -> (at: Timestamp, quality: Quality)? {
        heads.withLock { $0.heads.last(series).map { (Timestamp(milliseconds: $0.at), $0.quality) } }
    }

    private func latest(_ fleet: Fleet) -> [Reading] {
        heads.withLock { state in
            fleet.series.indices.compactMap { index in
                guard let last = state.heads.last(Int32(index)) else { return nil }
                let at = Timestamp(milliseconds: last.at)
                return Reading(
                    series: Int32(index), at: at, receivedAt: at, value: last.value, quality: last.quality,
                    backlog: false, detail: last.detail)
            }
        }
    }

    /// As after opening: what is begun and not whole is forgotten, the heads are what the journal says.
    func rebuildHeads() throws(StoreError) {
        sealer.abandon()
        merger.abandon()
        importer.abandon()
        try connection.execute("DELETE FROM segment WHERE state = 'open'")
        try segments.load()
        try upkeep.reset()
        readings.segmentsChanged()
        try loadHeads(checkpoint: { _ in }, input: { _ in })
    }

    private func loadHeads(
        checkpoint: (StoredCheckpoint?) -> Void, input: (JournalInput) -> Void
    ) throws(StoreError) {
        let sealed = try connection.integer("SELECT value FROM meta WHERE name = 'sealed'")
        let stored = try newestCheckpoint()
        let heads = heads
        heads.withLock {
            $0.heads.removeAll()
            $0.sealedUpTo = sealed
        }
        try loadLast()
        var checkpointAt = stored?.journal ?? sealed
        if checkpointAt <= sealed {
            checkpoint(stored?.checkpoint)
            checkpointAt = .min
        }
        try journal.replay(after: sealed, damaged: damaged) { (id, inputs) throws(FormatError) in
            // Of a seal that did not get to its end there is a later checkpoint: what lies before it is known to the
            // rules, and only the heads want it.
            if checkpointAt != .min, id > checkpointAt {
                checkpoint(stored?.checkpoint)
                checkpointAt = .min
            }
            let isForRules = checkpointAt == .min
            while let next = try inputs.next() {
                if let reading = next.stored { heads.withLock { $0.heads.append(reading) } }
                if case .history = next { continue }
                if isForRules { input(next) }
            }
        }
        if checkpointAt != .min { checkpoint(stored?.checkpoint) }
        headsAreStale = false
    }

    private func newestCheckpoint() throws(StoreError) -> (journal: Int64, checkpoint: StoredCheckpoint)? {
        let codec = try FrameCodec()
        let rows = try Statement(connection, "SELECT journal, body FROM checkpoint ORDER BY journal DESC")
        defer { rows.reset() }
        while try rows.step() {
            let journal = rows.int(0)
            do throws(FormatError) {
                return (journal, try StoredCheckpoint(try codec.open(rows.bytes(1), key: journal)))
            } catch {
                damaged("checkpoint \(journal): \(error)")
            }
        }
        return nil
    }

    private func loadLast() throws(StoreError) {
        let codec = try FrameCodec()
        let rows = try Statement(connection, "SELECT bucket, body FROM last ORDER BY bucket")
        let heads = heads
        while try rows.step() {
            let bucket = rows.int(0)
            do throws(FormatError) {
                let newest = try LastBody.decode(try codec.open(rows.bytes(1), key: bucket))
                heads.withLock { state in
                    for one in newest {
                        state.heads.restore(
                            series: Int32(clamping: bucket) * ChunkBody.width + Int32(one.place), last: one.sample)
                    }
                }
            } catch {
                damaged("last values of bucket \(bucket): \(error)")
            }
        }
    }

    private func loadAlarms(_ state: inout StoredState) throws(StoreError) {
        // The bare columns beside max() are those of the row that has it. An active alarm is taken even if
        // its key was raised again with a later receipt.
        let rows = try Statement(
            connection,
            """
            SELECT id, ordinal, body, max(received_at) FROM alarm WHERE state = 'cleared'
              AND NOT EXISTS (SELECT 1 FROM alarm a WHERE a.rule = alarm.rule AND a.device = alarm.device
                AND a.component IS alarm.component AND a.metric IS alarm.metric AND a.state = 'active')
              GROUP BY rule, device, component, metric
            UNION ALL SELECT id, ordinal, body, received_at FROM alarm WHERE state = 'active'
            """)
        let decoder = JSONDecoder()
        while try rows.step() {
            guard let alarm = try? decoder.decode(Alarm.self, from: Data(rows.text(2).utf8)) else {
                state.unreadableAlarms.append(rows.text(0))
                continue
            }
            state.alarms.append(StoredState.StoredAlarm(alarm: alarm, ordinal: Int(rows.int(1))))
        }
    }
}

import FireModel

/// The writer's side of an import: rows that are ready go into growing segments, in slices.
final class Importer {
    private let readings: Readings
    private let segments: SegmentTable
    private let insert: Statement
    private let insertRollup: Statement
    private let codec: FrameCodec
    /// By id, as they are committed; and what the next commit adds.
    private var growing: [Int64: Segment] = [:]
    private var changed: Set<Int64> = []

    init(_ connection: Connection, readings: Readings, segments: SegmentTable) throws(StoreError) {
        self.readings = readings
        self.segments = segments
        insert = try Statement(connection, "INSERT INTO chunk VALUES (?, ?)")
        insertRollup = try Statement(connection, "INSERT INTO rollup VALUES (?, ?)")
        codec = try FrameCodec(level: 3)
    }

    /// - Parameter kept: of those that grow, which still do.
    func begin(_ span: ClosedRange<Int64>, keeping kept: [Int64]) {
        readings.watch.begin(span)
        let kept = Set(kept)
        growing = growing.filter { kept.contains($0.key) }
        segments.growing = Set(growing.keys)
    }

    func knows(_ id: Int64) -> Bool { growing[id] != nil }

    func open(level: Int64) throws(StoreError) -> Int64 {
        // Of the journal there is nothing in it.
        let segment = try segments.open(level: level, journal: 0)
        growing[segment.id] = segment
        segments.growing.insert(segment.id)
        return segment.id
    }

    /// Writes the row, but for its newest readings.
    ///
    /// - Returns: Those, which are the journal's.
    func write(_ row: ImportedRow, _ counts: inout ImportCounts) throws(StoreError) -> [Reading] {
        guard var segment = growing[row.segment] else {
            throw .unexpected("segment \(row.segment) of an import is not there any more")
        }
        var row = row
        if row.leaveOut(readings.watch.seen, &counts) { try row.encode(with: codec) }
        if !row.chunk.isEmpty {
            let key = Segment.row(row.segment, row.bucket)
            insert.bind(1, key)
            insert.bind(2, row.chunk)
            try insert.run()
            if !row.rollup.isEmpty {
                insertRollup.bind(1, key)
                insertRollup.bind(2, row.rollup)
                try insertRollup.run()
            }
            segment.note(row.series.map(\.stored))
            segment.state = .whole
            growing[row.segment] = segment
            changed.insert(row.segment)
        }
        counts.stored += row.series.reduce(row.newest.count) { $0 + $1.samples.count }
        return row.newest.map { one in
            let at = Timestamp(milliseconds: one.sample.at)
            return Reading(
                series: row.bucket * ChunkBody.width + Int32(one.place), at: at, receivedAt: at,
                value: one.sample.value,
                quality: one.sample.quality, backlog: true)
        }
    }

    func save() throws(StoreError) {
        for id in changed {
            if let segment = growing[id] { try segments.save(segment) }
        }
    }

    /// Whoever reads finds them now, and so does whoever asks for an identity.
    func committed() {
        guard !changed.isEmpty else { return }
        for id in changed { segments.committed(saved: growing[id]) }
        changed.removeAll()
        readings.segmentsChanged()
    }

    /// The batch is written; what comes live finds it where it is.
    func batchEnded() { readings.watch.end() }

    /// Nothing of it goes on; what is committed stays.
    func abandon() {
        readings.watch.end()
        growing.removeAll()
        changed.removeAll()
        segments.growing.removeAll()
    }
}

extension StoreWriter {
    /// Readings older than this leave within the hour.
    public func retentionCutoff(now: Timestamp) -> Int64 {
        now.milliseconds - settings.retention.raw.wholeMilliseconds
    }

    /// Whether an import has to wait until there is room: what can come later does not take it from what comes now.
    public func isShortOfRoom(now: Timestamp) throws(StoreError) -> Bool { try upkeep.isShort(now: now) }

    /// The heads are full, and a seal is emptying them.
    public var isImportToWait: Bool { sealer.isUnderWay && heads.withLock { $0.heads.size } >= settings.sealSize }

    /// A batch of an import is about to be judged: what comes live in its time from now on came first.
    ///
    /// - Parameters:
    ///   - kept: segments that the import goes on to add to.
    ///   - level: of one that is to be opened.
    /// - Returns: Its id. It is there with the next commit.
    public func beginImport(
        _ span: ClosedRange<Int64>, keeping kept: [Int64], opening level: Int64?
    ) throws(StoreError) -> Int64? {
        importer.begin(span, keeping: kept)
        guard let level else { return nil }
        try enter()
        do {
            return try importer.open(level: level)
        } catch {
            throw failed(error)
        }
    }

    /// Whether the segments of the rows are still there: not after a trouble of the store.
    public func canWrite(_ rows: [ImportedRow]) -> Bool { rows.allSatisfy { importer.knows($0.segment) } }

    /// Adds rows to the batch that is pending, from `next` on; commit behind it.
    ///
    /// - Returns: What became of their readings, once it is committed.
    public func write(
        _ rows: [ImportedRow], from next: inout Int, until deadline: ContinuousClock.Instant
    ) throws(StoreError) -> ImportCounts {
        var counts = ImportCounts()
        try enter()
        do {
            while next < rows.count {
                for reading in try importer.write(rows[next], &counts) {
                    journal.block.append(history: reading)
                    heads.withLock { $0.heads.append(reading) }
                }
                next += 1
                if ContinuousClock.now >= deadline { break }
            }
            try importer.save()
        } catch {
            throw failed(error)
        }
        return counts
    }

    /// Every row of the batch is committed.
    public func importBatchEnded() { importer.batchEnded() }

    /// No more batches come.
    public func endImport() { importer.abandon() }
}

import FireModel

/// Brings the heads into chunks, slice by slice, while readings go on coming in.
///
///     begin      the heads are frozen; with the checkpoint of the rules of that moment an open segment is made
///     slice      32 series at a time: a row of `chunk`, a row of `last`, with roll-ups for a large segment
///     finish     the segment is whole: readers turn from the frozen heads to it, the journal before it is done with
///
/// A restart in between forgets the open segment; the journal still has all of it.
final class Sealer {
    private struct Job {
        var segment: Segment
        var next: Int32 = 0
    }

    private let heads: HeadStore
    private let segments: SegmentTable
    private let codec: FrameCodec
    private let chunks: ChunkTable
    private let saveLast: Statement
    private let saveCheckpoint: Statement
    private let dropCheckpoints: Statement
    private let saveSealed: Statement
    private var job: Job?
    private var sealedAt: Timestamp?

    init(_ connection: Connection, heads: HeadStore, segments: SegmentTable) throws(StoreError) {
        self.heads = heads
        self.segments = segments
        codec = try FrameCodec(level: 3)
        chunks = try ChunkTable(connection, level: 3)
        saveLast = try Statement(connection, "INSERT OR REPLACE INTO last VALUES (?, ?)")
        saveCheckpoint = try Statement(connection, "INSERT OR REPLACE INTO checkpoint VALUES (?, ?)")
        dropCheckpoints = try Statement(connection, "DELETE FROM checkpoint WHERE journal < ?")
        saveSealed = try Statement(connection, "UPDATE meta SET value = ? WHERE name = 'sealed'")
    }

    var isUnderWay: Bool { job != nil }

    /// The heads are old, many or large enough, by a clock that may step.
    func isDue(now: Timestamp, settings: StoreSettings, journal: JournalTable) -> Bool {
        guard job == nil else { return false }
        guard let last = sealedAt, now >= last else {
            sealedAt = now
            return false
        }
        let (size, count, isBehind) = heads.withLock {
            ($0.heads.size, $0.heads.count, journal.last > $0.sealedUpTo)
        }
        guard isBehind else { return false }
        return size >= settings.sealSize || count >= settings.sealCount || journal.size >= settings.journalLimit
            || now - last >= settings.sealInterval.wholeMilliseconds
    }

    func begin(now: Timestamp, journal: Int64, checkpoint: [UInt8]) throws(StoreError) {
        let (count, series) = heads.withLock { ($0.heads.count, $0.heads.entries.count) }
        let segment = try segments.open(
            level: Segment.level(readings: count, series: series), journal: journal)
        saveCheckpoint.bind(1, journal)
        saveCheckpoint.bind(2, try codec.seal(checkpoint, key: journal))
        try saveCheckpoint.run()
        job = Job(segment: segment)
        sealedAt = now
    }

    /// The transaction of `begin` is committed; nothing has been admitted since it began.
    func begun() { heads.withLock { $0.heads.freeze() } }

    /// The transaction of `begin` failed.
    func abandon() { job = nil }

    // MARK: - Slices

    enum Progress { case more, finished }

    func slice(until deadline: ContinuousClock.Instant) throws(StoreError) -> Progress {
        guard var job else { return .finished }
        defer { self.job = job }
        let buckets = heads.withLock { Int32(clamping: $0.heads.entries.count / Int(ChunkBody.width) + 1) }
        repeat {
            guard job.next < buckets else {
                try finish(&job.segment)
                return .finished
            }
            try seal(job.next, into: &job.segment)
            job.next += 1
        } while ContinuousClock.now < deadline
        return .more
    }

    private func seal(_ bucket: Int32, into segment: inout Segment) throws(StoreError) {
        let first = bucket * ChunkBody.width
        var series: [ChunkBody.Series] = []
        var newest: [(place: UInt8, sample: Sample)] = []
        heads.withLock { state in
            for place in 0..<UInt8(ChunkBody.width) {
                let run = state.heads.frozenRun(first + Int32(place))
                if !run.isEmpty { series.append(ChunkBody.Series(place: place, run: run)) }
            }
            guard !series.isEmpty else { return }
            for place in 0..<UInt8(ChunkBody.width) {
                if let last = state.heads.lastWhenFrozen(first + Int32(place)) { newest.append((place, last)) }
            }
        }
        guard !series.isEmpty else { return }
        try chunks.append(series, bucket: bucket, to: &segment)
        saveLast.bind(1, Int64(bucket))
        saveLast.bind(2, try codec.seal(LastBody.encode(newest), key: Int64(bucket)))
        try saveLast.run()
    }

    private func finish(_ segment: inout Segment) throws(StoreError) {
        segment.state = .whole
        try segments.save(segment)
        saveSealed.bind(1, segment.journal)
        try saveSealed.run()
        dropCheckpoints.bind(1, segment.journal)
        try dropCheckpoints.run()
    }

    /// The transaction of the last slice is committed.
    func finished() {
        guard let segment = job?.segment else { return }
        segments.committed(saved: segment)
        heads.withLock { state in
            state.heads.dropFrozen()
            state.sealedUpTo = segment.journal
        }
        job = nil
    }
}

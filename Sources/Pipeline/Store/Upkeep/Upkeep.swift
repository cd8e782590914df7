import FireModel
import Glibc

/// Deletes what is over its time or its share of the disk, in slices, on the writer's connection.
///
/// Readings leave by the segment: first its chunks, later its roll-ups. Alarms and quarantined payloads leave one by
/// one. Sweeps by age start once an hour; while the size bound is exceeded, the oldest segment goes.
@safe final class Upkeep {
    private enum Phase { case readings, alarms, quarantine }

    private let connection: Connection
    private let settings: StoreSettings
    private let counters: StoreCounters
    private let segments: SegmentTable
    private let pageSize: Int64
    private var phase: Phase?
    private var nextSweep: Timestamp?
    private var measuredAt: Timestamp?
    /// More room is taken than may be.
    private(set) var isOver = false
    private var now = Timestamp(milliseconds: .min)
    /// Rows of segments that are gone, still to be deleted; a sweep at the start finds those of before.
    private var orphans: [Orphans]

    /// The segment whose readings go next, and the row from which on its roll-ups are still to be completed.
    private var rolling: (segment: Segment, from: Int64)?

    private struct Orphans {
        var table: Int
        var rows: ClosedRange<Int64>
    }

    private let rowsOfChunks: ChunkTable
    private let nextChunk: Statement
    private let pages: Statement
    private let freePages: Statement
    /// Of `chunk` and of `rollup`.
    private let deleteRows: [Statement]
    private let oldAlarm: Statement
    private let deleteAlarm: [Statement]

    private static let hour: Int64 = 3_600_000
    /// Kept for alarms, deliveries and their history.
    private static let reserve: Int64 = 64 << 20
    private static let chunks = 0
    private static let rollups = 1

    init(
        _ connection: Connection, _ settings: StoreSettings, _ counters: StoreCounters, _ segments: SegmentTable,
        damaged: @escaping (String) -> Void
    ) throws(StoreError) {
        self.connection = connection
        self.settings = settings
        self.counters = counters
        self.segments = segments
        rowsOfChunks = try ChunkTable(connection, level: 6, damaged: damaged)
        nextChunk = try Statement(connection, "SELECT min(id) FROM chunk WHERE id BETWEEN ? AND ?")
        pageSize = try connection.integer("PRAGMA page_size")
        pages = try Statement(connection, "PRAGMA page_count")
        freePages = try Statement(connection, "PRAGMA freelist_count")
        deleteRows = [
            try Statement(
                connection, "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE id BETWEEN ? AND ? LIMIT 8)"),
            try Statement(
                connection, "DELETE FROM rollup WHERE id IN (SELECT id FROM rollup WHERE id BETWEEN ? AND ? LIMIT 8)"),
        ]
        oldAlarm = try Statement(
            connection,
            """
            SELECT id FROM alarm WHERE state = 'cleared' AND received_at < ? AND NOT EXISTS
              (SELECT 1 FROM delivery WHERE delivery.alarm = alarm.id AND delivery.state = 'pending')
            ORDER BY received_at LIMIT 1
            """)
        deleteAlarm = [
            try Statement(
                connection,
                "DELETE FROM delivery_attempt WHERE delivery IN (SELECT sequence FROM delivery WHERE alarm = ?)"),
            try Statement(connection, "DELETE FROM delivery WHERE alarm = ?"),
            try Statement(connection, "DELETE FROM alarm_change WHERE alarm = ?"),
            try Statement(connection, "DELETE FROM verdict_context WHERE alarm = ?"),
            try Statement(connection, "DELETE FROM alarm WHERE id = ?"),
        ]
        orphans = try Self.findOrphans(connection, segments)
        if let limit = settings.maxPageCount.map(Int64.init) ?? pageLimit {
            _ = try connection.integer("PRAGMA max_page_count = \(limit)")
        }
    }

    private var pageLimit: Int64? { settings.maxSize.bytes > 0 ? max(settings.maxSize.bytes / pageSize, 256) : nil }

    /// What belongs to no segment that is known: of one that a restart has forgotten, or that was not yet all deleted.
    private static func findOrphans(
        _ connection: Connection, _ segments: SegmentTable
    ) throws(StoreError) -> [Orphans] {
        var found: [Orphans] = []
        for (table, name) in [(chunks, "chunk"), (rollups, "rollup")] {
            let next = try Statement(connection, "SELECT min(id) FROM \(name) WHERE id >= ?")
            let known = segments.segments.filter { table == rollups ? $0.level > 0 : $0.state == .whole }
            var from: Int64 = 0
            while true {
                next.bind(1, from)
                defer { next.reset() }
                guard try next.step(), let row = next.optionalInt(0) else { break }
                let rows = Segment(id: row >> 27, level: 0, journal: 0).rows
                if !known.contains(where: { $0.id == row >> 27 }) { found.append(Orphans(table: table, rows: rows)) }
                from = rows.upperBound + 1
            }
        }
        return found
    }

    /// The explicit bound is exceeded and no stored reading is left to evict.
    var isAtBound: Bool { settings.maxSize.bytes > 0 && isOver && oldestRemovable == nil && orphans.isEmpty }

    /// There is too little room: what the heads hold is to become segments, which can be evicted.
    var isPressed: Bool { isOver && oldestRemovable == nil }

    var hasMore: Bool { phase != nil || rolling != nil || !orphans.isEmpty || (isOver && oldestRemovable != nil) }

    // MARK: - What is to be done

    func isDue(now: Timestamp) throws(StoreError) -> Bool {
        self.now = now
        try measure(now: now)
        if hasMore { return true }
        let isTime = nextSweep.map { now >= $0 || $0 - now > Self.hour } ?? true
        guard isTime else { return false }
        phase = .readings
        nextSweep = now + Self.hour
        return true
    }

    /// Room has been made otherwise: whether it is enough is found anew.
    func roomWasMade() {
        isOver = false
        measuredAt = nil
    }

    /// There is no room for what could as well be stored later.
    func isShort(now: Timestamp) throws(StoreError) -> Bool {
        self.now = now
        try measure(now: now)
        return isOver
    }

    /// At most once a second.
    private func measure(now: Timestamp) throws(StoreError) {
        if let measuredAt, (now - measuredAt).magnitude < 1000 { return }
        measuredAt = now
        let size = try first(pages) * pageSize
        let free = try first(freePages) * pageSize
        if settings.maxSize.bytes > 0 {
            let reserve = min(Self.reserve, settings.maxSize.bytes / 4)
            isOver = size - free > settings.maxSize.bytes - reserve
        } else {
            // Below the bound the file may not grow: what comes takes the place of what is evicted.
            isOver = fileSystemIsFull() && free < min(Self.reserve, max(size / 16, 1 << 20))
        }
    }

    /// Less than 10 % or 512 MiB free, whichever is more; on a small one, less than half.
    private func fileSystemIsFull() -> Bool {
        var figures = statvfs()
        guard unsafe statvfs(connection.path, &figures) == 0 else { return false }
        let block = UInt64(figures.f_frsize)
        let total = UInt64(figures.f_blocks) * block
        return UInt64(figures.f_bavail) * block < min(max(total / 10, 512 << 20), total / 2)
    }

    private func first(_ statement: Statement) throws(StoreError) -> Int64 {
        defer { statement.reset() }
        return try statement.step() ? statement.int(0) : 0
    }

    // MARK: - A slice

    /// - Parameters:
    ///   - isBusy: the segment takes part in a merge and must stay.
    ///   - changed: told when a segment has gone.
    func slice(
        now: Timestamp, until deadline: ContinuousClock.Instant, _ quarantine: QuarantineTable,
        isBusy: (Int64) -> Bool, changed: () -> Void
    ) throws(StoreError) {
        repeat {
            if try deleteOrphans() { continue }
            if rolling != nil {
                try rollSome(changed)
                continue
            }
            if isOver, let oldest = oldestRemovable, !isBusy(oldest.id) {
                try remove(oldest)
                changed()
                continue
            }
            switch phase {
            case nil: return
            case .readings:
                guard let old = expired(now), !isBusy(old.id) else {
                    phase = .alarms
                    continue
                }
                try remove(old)
                changed()
            case .alarms:
                if try !expireAlarm(now + -settings.retention.alarms.wholeMilliseconds) { phase = .quarantine }
            case .quarantine:
                if try !quarantine.expire(before: now + -settings.retention.quarantine.wholeMilliseconds) {
                    phase = nil
                }
            }
        } while ContinuousClock.now < deadline
    }

    /// The next whose readings, or then whose roll-ups, are past their time.
    private func expired(_ now: Timestamp) -> Segment? {
        let raw = now.milliseconds - settings.retention.raw.wholeMilliseconds
        let rollup = now.milliseconds - settings.retention.rollup.wholeMilliseconds
        return segments.segments.first {
            switch $0.state {
            case .open: false
            case .whole: $0.most < raw
            case .rolled: $0.most < rollup
            }
        }
    }

    /// For size: raw readings first, the oldest first, then roll-ups. Where the bound is only that of the file
    /// system, the last hour stays: somebody else's files fill the disk, and evicting does not help against them.
    private var oldestRemovable: Segment? {
        let limit = settings.maxSize.bytes > 0 ? Int64.max : now.milliseconds - Self.hour
        let byAge = segments.segments.filter { $0.most < limit }.sorted { $0.most < $1.most }
        return byAge.first { $0.state == .whole && $0.readings > 0 } ?? byAge.first { $0.state == .rolled }
    }

    private func remove(_ segment: Segment) throws(StoreError) {
        if segment.state == .whole, segment.level > 0 {
            rolling = (segment, segment.rows.lowerBound)
            return
        }
        if segment.state == .whole {
            drop(readingsOf: segment)
        } else {
            orphans.append(Orphans(table: Self.rollups, rows: segment.rows))
        }
        try segments.forget(segment.id)
        segments.committed(removed: [segment.id])
    }

    /// Makes the roll-ups of one row more complete; behind the last one the readings go.
    private func rollSome(_ changed: () -> Void) throws(StoreError) {
        guard let (segment, from) = rolling else { return }
        nextChunk.bind(1, from)
        nextChunk.bind(2, segment.rows.upperBound)
        let row = try nextChunk.step() ? nextChunk.optionalInt(0) : nil
        nextChunk.reset()
        if let row {
            try rowsOfChunks.completeRollup(row)
            rolling = (segment, row + 1)
            return
        }
        rolling = nil
        var rest = segment
        rest.state = .rolled
        try segments.save(rest)
        segments.committed(saved: rest)
        drop(readingsOf: segment)
        changed()
    }

    private func drop(readingsOf segment: Segment) {
        orphans.append(Orphans(table: Self.chunks, rows: segment.rows))
        counters.readingsExpired.add(UInt64(clamping: segment.readings))
    }

    /// These have been merged into another: their rows are nobody's any more.
    func release(_ inputs: [Segment]) {
        orphans += inputs.map { Orphans(table: Self.chunks, rows: $0.rows) }
    }

    /// As after opening: what was begun is not known to have happened.
    func reset() throws(StoreError) {
        phase = nil
        rolling = nil
        orphans = try Self.findOrphans(connection, segments)
    }

    /// - Returns: Whether there was something to do.
    private func deleteOrphans() throws(StoreError) -> Bool {
        guard let next = orphans.first else { return false }
        let statement = deleteRows[next.table]
        statement.bind(1, next.rows.lowerBound)
        statement.bind(2, next.rows.upperBound)
        try statement.run()
        if connection.changes == 0 { orphans.removeFirst() }
        return true
    }

    private func expireAlarm(_ cutoff: Timestamp) throws(StoreError) -> Bool {
        oldAlarm.bind(1, cutoff)
        let id = try oldAlarm.step() ? oldAlarm.text(0) : nil
        oldAlarm.reset()
        guard let id else { return false }
        for statement in deleteAlarm {
            statement.bind(1, id)
            try statement.run()
        }
        counters.alarmsExpired.increment()
        return true
    }
}

import FireModel
import Glibc

/// Deletes what is over its time or its share of the disk, in slices, on the writer's connection.
///
/// A sweep goes once over all series with one cut-off, then over alarms and the quarantine. Sweeps by age
/// start once an hour. While the size bound is exceeded, sweep follows sweep, each with a cut-off a little
/// behind the oldest reading that is left.
@safe final class Upkeep {
    private struct Sweep {
        enum Phase { case readings, alarms, quarantine }
        var phase = Phase.readings
        var cutoff: Timestamp
        /// Row id of the series in hand.
        var series: Int64 = 1
        /// Of the readings left behind.
        var oldest: Int64?
    }

    private let connection: Connection
    private let settings: StoreSettings
    private let counters: StoreCounters
    private let pageSize: Int64
    private var sweep: Sweep?
    private var nextSweep: Timestamp?
    private var measuredAt: Timestamp?
    private var isOver = false
    private var oldest = Oldest.unknown

    /// Of the readings, as the last whole sweep found it.
    private enum Oldest: Equatable {
        case unknown, none
        case at(Int64)
    }

    private let pages: Statement
    private let freePages: Statement
    private let highestSeries: Statement
    private let boundary: Statement
    private let deleteReadings: Statement
    private let firstReading: Statement
    private let oldAlarm: Statement
    private let deleteAlarm: [Statement]

    /// Rows of one DELETE: well below the budget of a slice.
    private static let rowsAtOnce: Int64 = 200
    private static let hour: Int64 = 3_600_000
    /// Kept for alarms, deliveries and their history.
    private static let reserve: Int64 = 64 << 20

    init(_ connection: Connection, _ settings: StoreSettings, _ counters: StoreCounters) throws(StoreError) {
        self.connection = connection
        self.settings = settings
        self.counters = counters
        pageSize = try connection.integer("PRAGMA page_size")
        pages = try Statement(connection, "PRAGMA page_count")
        freePages = try Statement(connection, "PRAGMA freelist_count")
        highestSeries = try Statement(connection, "SELECT max(id) FROM series")
        boundary = try Statement(
            connection,
            "SELECT ts FROM reading WHERE series = ? AND ts < ? ORDER BY ts LIMIT 1 OFFSET \(Self.rowsAtOnce)")
        deleteReadings = try Statement(connection, "DELETE FROM reading WHERE series = ? AND ts < ?")
        firstReading = try Statement(connection, "SELECT ts FROM reading WHERE series = ? ORDER BY ts LIMIT 1")
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
            try Statement(connection, "DELETE FROM alarm WHERE id = ?"),
        ]
        if let limit = settings.maxPageCount.map(Int64.init) ?? pageLimit {
            _ = try connection.integer("PRAGMA max_page_count = \(limit)")
        }
    }

    private var pageLimit: Int64? { settings.maxSize.bytes > 0 ? max(settings.maxSize.bytes / pageSize, 256) : nil }

    /// The explicit bound is exceeded and there is nothing left to evict.
    var refusesReadings: Bool { settings.maxSize.bytes > 0 && isOver && oldest == .none }

    var hasMore: Bool { sweep != nil }

    // MARK: - What is to be done

    func isDue(now: Timestamp, _ readings: ReadingTable) throws(StoreError) -> Bool {
        if sweep != nil { return true }
        try measure(now: now)
        if oldest == .none, readings.count > 0 { oldest = .unknown }
        let isTime = nextSweep.map { now >= $0 || $0 - now > Self.hour } ?? true
        let evicting = isOver ? evictionCutoff(now: now) : nil
        guard isTime || evicting != nil else { return false }
        let age = now + -settings.retention.raw.wholeMilliseconds
        // To the hour: a sweep finds a few hundred readings in a series or none, not one each time.
        let byAge = age.milliseconds - age.milliseconds % Self.hour
        sweep = Sweep(cutoff: Timestamp(milliseconds: max(byAge, evicting ?? byAge)))
        nextSweep = now + Self.hour
        return true
    }

    /// A sixty-fourth of what is there, at least an hour. Where the bound is only that of the file system,
    /// the last hour stays: somebody else's files fill the disk, and evicting does not help against them.
    private func evictionCutoff(now: Timestamp) -> Int64? {
        guard case .at(let oldest) = oldest else { return oldest == .none ? nil : .min }
        let step = max(Self.hour, (now.milliseconds - oldest) / 64)
        let cutoff = oldest + step
        if settings.maxSize.bytes > 0 { return cutoff }
        let limit = now.milliseconds - Self.hour
        return oldest < limit ? min(cutoff, limit) : nil
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

    func slice(
        now: Timestamp, budget: Duration, _ readings: ReadingTable, _ quarantine: QuarantineTable
    ) throws(StoreError) {
        let deadline = ContinuousClock.now + budget
        let last = try first(highestSeries)
        repeat {
            guard let phase = sweep?.phase else { return }
            switch phase {
            case .readings: try sweepReadings(last, readings)
            case .alarms:
                if try !expireAlarm(now + -settings.retention.alarms.wholeMilliseconds) { sweep?.phase = .quarantine }
            case .quarantine:
                if try !quarantine.expire(before: now + -settings.retention.quarantine.wholeMilliseconds) {
                    oldest = sweep?.oldest.map(Oldest.at) ?? .none
                    sweep = nil
                }
            }
        } while ContinuousClock.now < deadline
    }

    private func sweepReadings(_ last: Int64, _ readings: ReadingTable) throws(StoreError) {
        guard let sweep, sweep.series <= last else {
            self.sweep?.phase = .alarms
            return
        }
        firstReading.bind(1, sweep.series)
        let first = try firstReading.step() ? firstReading.int(0) : nil
        firstReading.reset()
        guard let first, first < sweep.cutoff.milliseconds else {
            self.sweep?.oldest = first.map { min($0, sweep.oldest ?? .max) } ?? sweep.oldest
            self.sweep?.series += 1
            return
        }
        boundary.bind(1, sweep.series)
        boundary.bind(2, sweep.cutoff)
        let upTo = try boundary.step() ? boundary.int(0) : sweep.cutoff.milliseconds
        boundary.reset()
        deleteReadings.bind(1, sweep.series)
        deleteReadings.bind(2, upTo)
        try deleteReadings.run()
        readings.deleted(connection.changes)
        counters.readingsExpired.add(UInt64(connection.changes))
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

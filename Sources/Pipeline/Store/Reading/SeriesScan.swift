import FireModel
import GRDB

/// Walks over the readings of one series in time, chunk by chunk. An event that ended is stored in a series
/// of its own beside the one that says it began; here they are one, the beginning first.
struct SeriesScan {
    struct Item {
        var at: Timestamp
        var value: Value
    }

    private let active: Int64
    private let inactive: Int64?
    private let to: Int64
    private var activeFrom: Int64
    private var inactiveFrom: Int64
    private(set) var isDone = false

    init(active: Int64, inactive: Int64?, range: TimeRange) {
        self.active = active
        self.inactive = inactive
        to = range.to?.milliseconds ?? .max
        activeFrom = range.from?.milliseconds ?? .min
        inactiveFrom = activeFrom
    }

    /// The next of them, at most `limit`; fewer: it was the end.
    mutating func next(_ db: Database, limit: Int) throws -> [Item] {
        let rows = try inactive.map { try fetchBoth(db, $0, limit) } ?? fetch(db, limit)
        var items: [Item] = []
        var count = 0
        items.reserveCapacity(min(limit, 1024))
        while let row = try rows.next() {
            count += 1
            let ts: Int64 = row[0]
            if row[2] as Int64 == 0 {
                activeFrom = ts &+ 1
                inactiveFrom = max(inactiveFrom, ts)
            } else {
                activeFrom = max(activeFrom, ts &+ 1)
                inactiveFrom = ts &+ 1
            }
            guard let value = try Value(row, 1) else { continue }
            items.append(Item(at: Timestamp(ts), value: value))
        }
        isDone = count < limit
        return items
    }

    private func fetch(_ db: Database, _ limit: Int) throws -> RowCursor {
        try Row.fetchCursor(
            try db.cachedStatement(
                sql: "SELECT ts, value, 0 FROM reading WHERE series = ? AND ts >= ? AND ts < ? ORDER BY ts LIMIT ?"),
            arguments: [active, activeFrom, to, limit])
    }

    private func fetchBoth(_ db: Database, _ inactive: Int64, _ limit: Int) throws -> RowCursor {
        try Row.fetchCursor(
            try db.cachedStatement(
                sql: """
                    SELECT ts, value, 0 FROM reading WHERE series = ? AND ts >= ? AND ts < ?
                    UNION ALL SELECT ts, value, 1 FROM reading WHERE series = ? AND ts >= ? AND ts < ?
                    ORDER BY 1, 3 LIMIT ?
                    """),
            arguments: [active, activeFrom, to, inactive, inactiveFrom, to, limit])
    }
}

/// The series that says an event ended, beside `s` that says it began.
let inactivePartner = """
    (SELECT i.id FROM series i WHERE i.device = s.device AND i.metric = s.metric AND i.component IS s.component
      AND i.inactive = 1)
    """

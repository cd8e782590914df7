import FireModel
import GRDB

extension StoreReader {
    /// The points of one series, oldest first, at most `query.limit`; both halves of an event.
    /// - Returns: `nil`: no such device, component or metric.
    public func readings(_ query: ReadingQuery) throws(StoreError) -> [Point]? {
        let series = try read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT s.id, \(inactivePartner) FROM device d JOIN series s ON s.device = d.id
                    WHERE d.name = ? AND s.metric = ? AND s.component IS ? AND s.inactive = 0
                    """,
                arguments: [query.device, query.metric, query.component]
            ).map { [$0[0] as Int64?, $0[1] as Int64?].compactMap { $0.map { Int32(clamping: $0 - 1) } } }
        }
        guard let series else { return nil }
        let step = query.step?.wholeMilliseconds ?? 0
        if step > 0 { return try steps(series, query.range, step, query.function, limit: query.limit) }
        var scan = PointScan(series, query.range)
        while !scan.isDone { try scan.advance(self, limit: query.limit, for: Self.stretch) }
        return scan.points
    }

    /// `nil`: no such device.
    public func kind(ofDevice id: String) throws(StoreError) -> String? {
        try read { db in
            try String.fetchOne(
                db.cachedStatement(sql: "SELECT kind FROM device WHERE name = ?"), arguments: [id])
        }
    }

    /// What can be asked for with `readings`.
    public struct SeriesName: Sendable, Hashable {
        public var component: String?
        public var metric: String
        public init(component: String?, metric: String) {
            self.component = component
            self.metric = metric
        }
    }

    /// Of one device, by component, then metric. Empty: no such device.
    public func series(device: String) throws(StoreError) -> [SeriesName] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT s.component, s.metric FROM device d JOIN series s ON s.device = d.id
                    WHERE d.name = ? AND s.inactive = 0 ORDER BY s.component, s.metric
                    """, arguments: [device]
            ).map { SeriesName(component: $0[0], metric: $0[1]) }
        }
    }
}

/// The series that says an event ended, beside `s` that says it began.
let inactivePartner = """
    (SELECT i.id FROM series i WHERE i.device = s.device AND i.metric = s.metric AND i.component IS s.component
      AND i.inactive = 1)
    """

/// Walks over the readings of some series in time, a snapshot for each stretch of it.
struct WindowScan: Sendable {
    private var from: Int64
    private let to: Int64
    private(set) var isDone = false

    init(_ range: TimeRange) {
        from = range.from?.milliseconds ?? .min
        to = range.to?.milliseconds ?? .max
    }

    /// `nil`: that was all.
    mutating func next(_ reader: StoreReader, _ series: [Int32]) throws(StoreError) -> [[Sample]]? {
        guard !isDone, from < to else { return nil }
        let (start, end) = (from, to)
        let window = try reader.history { try $1.window($0, series, from: start, to: end) }
        if let next = window.next { from = next } else { isDone = true }
        return window.samples
    }
}

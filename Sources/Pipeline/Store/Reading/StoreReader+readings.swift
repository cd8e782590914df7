import FireModel
import GRDB

extension StoreReader {
    /// Readings looked at in one snapshot.
    static let chunk = 10_000

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
            ).map { (active: $0[0] as Int64, inactive: $0[1] as Int64?) }
        }
        guard let series else { return nil }
        var scan = SeriesScan(active: series.active, inactive: series.inactive, range: query.range)
        let step = query.step?.wholeMilliseconds ?? 0
        return step > 0 ? try steps(&scan, query, step) : try raw(&scan, query)
    }

    private func raw(_ scan: inout SeriesScan, _ query: ReadingQuery) throws(StoreError) -> [Point] {
        var points: [Point] = []
        while !scan.isDone, points.count < query.limit {
            let limit = min(Self.chunk, query.limit - points.count)
            points += try read { try scan.next($0, limit: limit) }.map { Point(at: $0.at, value: $0.value) }
        }
        return points
    }

    private func steps(_ scan: inout SeriesScan, _ query: ReadingQuery, _ step: Int64) throws(StoreError) -> [Point] {
        var function = StepFunction(query.function, step: step)
        while !scan.isDone, function.points.count < query.limit {
            for item in try read({ try scan.next($0, limit: Self.chunk) }) { function.add(item.at, item.value) }
        }
        function.finish()
        return Array(function.points.prefix(query.limit))
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

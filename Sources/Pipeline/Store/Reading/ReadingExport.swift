import FireModel
import GRDB

/// Every stored reading that a filter lets through, batch by batch; between two batches nothing is held, so
/// whoever takes them may be as slow as they like. Series that are stored together come together, stretch by stretch
/// of time; each by itself ascends, both halves of an event as one.
public struct ReadingExport: Sendable {
    private struct Series {
        /// The series, and for an event the one that says it ended.
        var indices: [Int32]
        var component: String?
        var metric: String
        var device: String
        var kind: String
        var area: String
    }

    private let reader: StoreReader
    private let filter: ExportFilter
    private let batch: Int
    private var series: [Series] = []
    private var lastSeries: Int64 = 0
    private var scan: WindowScan?
    private var waiting: ArraySlice<ExportedReading> = []
    private var isDone = false

    init(_ reader: StoreReader, _ filter: ExportFilter, batch: Int) {
        self.reader = reader
        self.filter = filter
        self.batch = max(batch, 1)
    }

    /// - Returns: At most as many as a batch has, perhaps none; `nil`: that was all.
    public mutating func next() throws(StoreError) -> [ExportedReading]? {
        if waiting.isEmpty {
            if isDone { return nil }
            try fetch()
        }
        defer { waiting = waiting.dropFirst(batch) }
        return Array(waiting.prefix(batch))
    }

    private mutating func fetch() throws(StoreError) {
        if scan == nil {
            try fetchSeries()
            guard !series.isEmpty else { return isDone = true }
            scan = WindowScan(filter.range)
        }
        guard let window = try scan?.next(reader, series.flatMap(\.indices)) else { return scan = nil }
        var readings: [ExportedReading] = []
        var place = 0
        for its in series {
            let samples = window[place..<place + its.indices.count].reduce([]) { merged($0, $1) }
            place += its.indices.count
            readings += samples.map {
                ExportedReading(
                    at: Timestamp($0.at), area: its.area, kind: its.kind, device: its.device,
                    component: its.component, metric: its.metric, value: $0.value)
            }
        }
        waiting = readings[...]
    }

    /// Those of one bucket: they lie in the same chunks.
    private mutating func fetchSeries() throws(StoreError) {
        var conditions = Conditions()
        conditions.add("s.inactive = 0 AND s.id > ?", lastSeries)
        conditions.match("d.name", filter.device)
        conditions.match("d.kind", filter.kind)
        let query = conditions
        series = try reader.read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT s.id, \(inactivePartner), s.component, s.metric, d.name, d.kind, d.area
                    FROM series s JOIN device d ON d.id = s.device \(query.sql)
                    ORDER BY s.id LIMIT \(ChunkBody.width)
                    """, arguments: query.arguments)
            return rows.map {
                Series(
                    indices: [$0[0] as Int64?, $0[1] as Int64?].compactMap { $0.map { Int32(clamping: $0 - 1) } },
                    component: $0[2], metric: $0[3], device: $0[4], kind: $0[5], area: $0[6])
            }
        }
        let bucket = series.first.map { Segment.bucket($0.indices[0]) }
        series = Array(series.prefix { Segment.bucket($0.indices[0]) == bucket })
        lastSeries = series.last.map { Int64($0.indices[0]) + 1 } ?? lastSeries
    }
}

extension StoreReader {
    /// Everything the filter lets through, to be drawn with `next()`.
    public func export(_ filter: ExportFilter, batch: Int = 1000) -> ReadingExport {
        ReadingExport(self, filter, batch: batch)
    }

    /// Everything the filter lets through. What `each` throws ends it.
    public func export(
        _ filter: ExportFilter, batch: Int = 1000, each: ([ExportedReading]) throws -> Void
    ) throws {
        var export = export(filter, batch: batch)
        while let readings = try export.next() {
            if !readings.isEmpty { try each(readings) }
        }
    }
}

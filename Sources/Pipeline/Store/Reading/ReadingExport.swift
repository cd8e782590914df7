import FireModel
import GRDB

/// Every stored reading that a filter lets through, batch by batch; between two batches nothing is held, so
/// whoever takes them may be as slow as they like. Ordered by series, then time, both halves of an event as one.
public struct ReadingExport: Sendable {
    private struct Series {
        var id: Int64
        var inactive: Int64?
        var component: String?
        var metric: String
        var device: String
        var kind: String
        var area: String
    }

    private let reader: StoreReader
    private let filter: ExportFilter
    private let batch: Int
    private var series: ArraySlice<Series> = []
    private var lastSeries: Int64 = 0
    private var scan: SeriesScan?
    private var isDone = false

    /// A batch ends after this many series too, however empty they are.
    private static let seriesAtOnce = 500

    init(_ reader: StoreReader, _ filter: ExportFilter, batch: Int) {
        self.reader = reader
        self.filter = filter
        self.batch = max(batch, 1)
    }

    /// - Returns: At most as many as a batch has, perhaps none; `nil`: that was all.
    public mutating func next() throws(StoreError) -> [ExportedReading]? {
        if isDone { return nil }
        let reader = reader
        var state = self
        let readings = try reader.read { try state.collect($0) }
        self = state
        return readings
    }

    private mutating func collect(_ db: Database) throws -> [ExportedReading] {
        if series.isEmpty { try fetchSeries(db) }
        var readings: [ExportedReading] = []
        while readings.count < batch, let its = series.first {
            var scan = self.scan ?? SeriesScan(active: its.id, inactive: its.inactive, range: filter.range)
            for item in try scan.next(db, limit: batch - readings.count) {
                readings.append(
                    ExportedReading(
                        at: item.at, area: its.area, kind: its.kind, device: its.device, component: its.component,
                        metric: its.metric, value: item.value))
            }
            self.scan = scan.isDone ? nil : scan
            if scan.isDone { series.removeFirst() }
        }
        return readings
    }

    private mutating func fetchSeries(_ db: Database) throws {
        var conditions = Conditions()
        conditions.add("s.inactive = 0 AND s.id > ?", lastSeries)
        conditions.match("d.name", filter.device)
        conditions.match("d.kind", filter.kind)
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT s.id, \(inactivePartner), s.component, s.metric, d.name, d.kind, d.area
                FROM series s JOIN device d ON d.id = s.device \(conditions.sql)
                ORDER BY s.id LIMIT \(Self.seriesAtOnce)
                """, arguments: conditions.arguments)
        series =
            rows.map {
                Series(
                    id: $0[0], inactive: $0[1], component: $0[2], metric: $0[3], device: $0[4], kind: $0[5], area: $0[6]
                )
            }[...]
        lastSeries = series.last?.id ?? lastSeries
        isDone = series.isEmpty
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

import FireModel
import GRDB

extension StoreReader {
    /// Rows read in one snapshot.
    private static let rowsAtOnce = 20_000

    /// Where the series of a filter are looked up: in what the writer keeps in memory, or, in another process, in what
    /// the file says of them.
    func directory(_ filter: SeriesFilter) throws(StoreError) -> SharedDirectory {
        if let directory { return directory }
        var directory = SeriesDirectory()
        var last: Int64? = 0
        while let after = last {
            let query = Self.conditions(filter, after: after)
            last = try read { db in
                let rows = try Row.fetchCursor(
                    db,
                    sql: """
                        SELECT s.id, \(inactivePartner), s.component, s.metric, d.name, d.kind, d.area
                        FROM series s JOIN device d ON d.id = s.device \(query.sql) ORDER BY s.id LIMIT \(Self.rowsAtOnce)
                        """, arguments: query.arguments)
                var count = 0
                var last: Int64 = after
                while let row = try rows.next() {
                    count += 1
                    last = row[0]
                    directory.add(
                        series: Int32(clamping: last - 1), inactive: (row[1] as Int64?).map { Int32(clamping: $0 - 1) },
                        component: row[2], metric: row[3], device: row[4], kind: row[5], area: row[6])
                }
                return count == Self.rowsAtOnce ? last : nil
            }
        }
        return SharedDirectory(directory)
    }

    private static func conditions(_ filter: SeriesFilter, after series: Int64) -> Conditions {
        var conditions = Conditions()
        conditions.add("s.inactive = 0 AND s.id > ?", series)
        conditions.match("s.metric", filter.metric)
        conditions.match("d.kind", filter.kind)
        conditions.match("d.area", filter.area)
        if filter.component == "" {
            conditions.add("s.component IS NULL")
        } else {
            conditions.match("s.component", filter.component)
        }
        if !filter.devices.isEmpty { conditions.match("d.name", anyOf: filter.devices) }
        return conditions
    }
}

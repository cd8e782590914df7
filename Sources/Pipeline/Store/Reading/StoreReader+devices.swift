import FireModel
import GRDB

extension StoreReader {
    /// Latest values shown of one device. Without components a device has no more metrics than that; of a
    /// panel with its thousands of points it is the first.
    private static let latestInList = Limits.maximumMetricsPerDevice
    private static let latestOfOne = 10_000

    /// Ordered by id.
    /// - Parameter now: what is dated after it says nothing about when a device was last seen.
    /// - Throws: `StoreError`, also `invalidCursor`.
    public func devices(
        _ filter: DeviceFilter, limit: Int, cursor: String?, now: Timestamp
    ) throws(StoreError) -> Page<DeviceSummary> {
        var conditions = Conditions()
        if let cursor { conditions.add("name > ?", try Cursor(cursor, of: .devices).text) }
        conditions.match("kind", filter.kind)
        conditions.match("area", filter.area)
        if let state = filter.state { conditions.add("online = ?", state == .online) }
        let found = try read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM device \(conditions.sql) ORDER BY name LIMIT \(limit + 1)",
                arguments: conditions.arguments
            ).map { StoredDevice($0) }
        }
        var items: [DeviceSummary] = []
        // The latest values are as many seeks as there are series: a snapshot for every few devices.
        for device in found.prefix(limit) {
            items.append(try history { try Self.summary($0, $1, device, Self.latestInList, now) })
        }
        return Page(
            items: items,
            next: found.count > limit ? items.last.map { Cursor(.devices, text: $0.device.id).wrapped } : nil)
    }

    public func device(_ id: String, now: Timestamp) throws(StoreError) -> DeviceSummary? {
        try history { db, history in
            try Row.fetchOne(db, sql: "SELECT * FROM device WHERE name = ?", arguments: [id])
                .map { try Self.summary(db, history, StoredDevice($0), Self.latestOfOne, now) }
        }
    }

    private struct StoredDevice {
        var row: Int64
        var summary: DeviceSummary

        init(_ row: Row) {
            self.row = row["id"]
            summary = DeviceSummary(
                device: AlarmDevice(id: row["name"], kind: row["kind"], area: row["area"]),
                firstSeen: Timestamp(row["first_seen"] as Int64), lastSeen: Timestamp(row["last_seen"] as Int64),
                online: row["online"], latest: [])
        }
    }

    private static func summary(
        _ db: Database, _ history: History, _ device: StoredDevice, _ limit: Int, _ now: Timestamp
    ) throws -> DeviceSummary {
        var summary = device.summary
        let rows = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT s.id, \(inactivePartner), s.component, s.metric FROM series s
                    WHERE s.device = ? AND s.inactive = 0 ORDER BY s.id LIMIT ?
                    """), arguments: [device.row, limit])
        let indices = rows.flatMap { [$0[0] as Int64, $0[1] as Int64? ?? 0] }.map { Int32(clamping: $0 - 1) }
        let newest = try history.newest(db, indices.map { max($0, 0) })
        for (place, row) in rows.enumerated() {
            // Of an event's two halves the newer one counts; at the same moment, that it ended.
            let active = newest[2 * place]
            let inactive = indices[2 * place + 1] >= 0 ? newest[2 * place + 1] : nil
            guard let last = [active, inactive].compactMap({ $0 }).max(by: { $0.at <= $1.at }) else { continue }
            let at = Timestamp(last.at)
            if at <= now { summary.lastSeen = max(summary.lastSeen, at) }
            summary.latest.append(
                DeviceSummary.Latest(
                    component: row[2], metric: row[3], value: last.value, at: at, quality: last.quality))
        }
        summary.latest.sort { ($0.component ?? "", $0.metric) < ($1.component ?? "", $1.metric) }
        return summary
    }
}

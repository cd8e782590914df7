import FireModel
import Foundation
import GRDB

extension StoreReader {
    /// Newest first by `received_at`, then by id.
    /// - Throws: `StoreError`, also `invalidCursor`.
    public func alarms(_ filter: AlarmFilter, limit: Int, cursor: String?) throws(StoreError) -> Page<Alarm> {
        var place = AlarmPlace(
            receivedAt: filter.range.to.map { $0.milliseconds } ?? .max, id: "")
        if let cursor {
            let cursor = try Cursor(cursor, of: .alarms)
            place = min(place, AlarmPlace(receivedAt: cursor.number, id: cursor.text))
        }
        var bodies: [(place: AlarmPlace, body: String)] = []
        var more = true
        // A filter that few match would read for seconds: window by window, each with its own snapshot.
        while more, bodies.count <= limit {
            let wanted = limit + 1 - bodies.count
            let (found, next) = try read { try Self.window($0, filter, below: place, limit: wanted) }
            bodies += found
            more = next != nil
            if let next { place = next }
        }
        let isLast = bodies.count <= limit
        let page = bodies.prefix(limit)
        return Page(
            items: try decode(page.map(\.body)),
            next: isLast
                ? nil : page.last.map { Cursor(.alarms, number: $0.place.receivedAt, text: $0.place.id).wrapped })
    }

    /// Rows looked at in one snapshot.
    private static let windowSize = 20_000

    private struct AlarmPlace: Comparable {
        var receivedAt: Int64
        var id: String
        static func < (a: AlarmPlace, b: AlarmPlace) -> Bool { (a.receivedAt, a.id) < (b.receivedAt, b.id) }
    }

    private static func window(
        _ db: Database, _ filter: AlarmFilter, below place: AlarmPlace, limit: Int
    ) throws -> (found: [(place: AlarmPlace, body: String)], next: AlarmPlace?) {
        var indexed = Conditions()
        indexed.add("(received_at, id) < (?, ?)", place.receivedAt, place.id)
        if let from = filter.range.from { indexed.add("received_at >= ?", from.milliseconds) }
        indexed.match("device", filter.device)
        if filter.state == .active { indexed.add("state = 'active'") }
        let order = "ORDER BY received_at DESC, id DESC LIMIT"
        let end = try Row.fetchOne(
            db, sql: "SELECT received_at, id FROM alarm \(indexed.sql) \(order) 1 OFFSET \(windowSize)",
            arguments: indexed.arguments
        ).map { AlarmPlace(receivedAt: $0[0], id: $0[1]) }

        var all = indexed
        if let end { all.add("(received_at, id) >= (?, ?)", end.receivedAt, end.id) }
        if filter.state == .cleared { all.add("state = 'cleared'") }
        all.match("acknowledged", filter.acknowledged)
        all.match("verdict", filter.verdict?.rawValue)
        all.match("severity", filter.severity?.rawValue)
        all.match("category", filter.category?.rawValue)
        all.match("kind", filter.kind)
        all.match("area", filter.area)
        let found = try Row.fetchAll(
            db, sql: "SELECT received_at, id, body FROM alarm \(all.sql) \(order) \(limit)", arguments: all.arguments)
        return (found.map { (AlarmPlace(receivedAt: $0[0], id: $0[1]), $0[2]) }, end)
    }

    /// One alarm and its history, oldest change first.
    public func alarm(_ id: String) throws(StoreError) -> (alarm: Alarm, history: [AlarmHistoryItem])? {
        let stored = try read { db -> (String, [AlarmHistoryItem])? in
            guard let body = try String.fetchOne(db, sql: "SELECT body FROM alarm WHERE id = ?", arguments: [id]) else {
                return nil
            }
            let rows = try Row.fetchAll(
                db,
                sql:
                    "SELECT kind, revision, at, cause, snapshot FROM alarm_change WHERE alarm = ? ORDER BY revision, id",
                arguments: [id])
            return (body, rows.compactMap { AlarmHistoryItem($0) })
        }
        guard let stored, let alarm = try decode([stored.0]).first else { return nil }
        return (alarm, stored.1)
    }

    public struct AlarmCount: Sendable, Equatable {
        public var category: AlarmCategory
        public var severity: AlarmSeverity
        public var count: Int
    }

    public func activeAlarmCounts() throws(StoreError) -> [AlarmCount] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT category, severity, count(*) FROM alarm WHERE state = 'active' GROUP BY category, severity"
            ).compactMap { row in
                guard let category = AlarmCategory(rawValue: row[0]), let severity = AlarmSeverity(rawValue: row[1])
                else { return nil }
                return AlarmCount(category: category, severity: severity, count: row[2])
            }
        }
    }

    private func decode(_ bodies: [String]) throws(StoreError) -> [Alarm] {
        let decoder = JSONDecoder()
        do {
            return try bodies.map { try decoder.decode(Alarm.self, from: Data($0.utf8)) }
        } catch {
            throw .corrupt("an alarm's body cannot be read: \(error)")
        }
    }
}

extension AlarmHistoryItem {
    fileprivate init?(_ row: Row) {
        guard let kind = AlarmChange.Kind(rawValue: row[0]) else { return nil }
        self.init(kind: kind, revision: row[1], at: Timestamp(row[2] as Int64), cause: row[3], snapshot: row[4])
    }
}

import FireModel
import Foundation
import GRDB

/// Silences and drills, for people to look at and for a start without the state of the rules. What decides is that
/// state, and the acts in the journal since.
final class SuppressionTables {
    private let connection: Connection
    private let silence: Statement
    private let drill: Statement
    private let endSilence: Statement
    private let endDrill: Statement
    private let forgetSilences: Statement
    private let forgetDrills: Statement

    /// As long as alarms.
    private static let kept: Int64 = 3 * 365 * 86_400_000

    init(_ connection: Connection) throws(StoreError) {
        self.connection = connection
        func insert(_ table: String) throws(StoreError) -> Statement {
            try Statement(
                connection, "INSERT OR REPLACE INTO \(table)(id, created_at, until, body) VALUES (?,?,?,?)")
        }
        func end(_ table: String) throws(StoreError) -> Statement {
            try Statement(
                connection, "UPDATE \(table) SET ended_at = ?, ended_by = ? WHERE id = ? AND ended_at IS NULL")
        }
        silence = try insert("silence")
        drill = try insert("drill")
        endSilence = try end("silence")
        endDrill = try end("drill")
        forgetSilences = try Statement(connection, "DELETE FROM silence WHERE until < ?")
        forgetDrills = try Statement(connection, "DELETE FROM drill WHERE until < ?")
    }

    func note(_ act: AnnunciationAct, at now: Timestamp) throws(StoreError) {
        switch act {
        case .silence(let its):
            try forget(forgetSilences, now)
            try insert(silence, its.id, its.createdAt, its.until, its.json)
        case .drill(let its):
            try forget(forgetDrills, now)
            try insert(drill, its.id, its.createdAt, its.until, its.json)
        case .endSilence(let id, let by): try end(endSilence, id, by, now)
        case .endDrill(let id, let by): try end(endDrill, id, by, now)
        }
    }

    private func insert(
        _ statement: Statement, _ id: String, _ createdAt: Timestamp, _ until: Timestamp, _ body: String
    ) throws(StoreError) {
        statement.bind(1, id)
        statement.bind(2, createdAt)
        statement.bind(3, until)
        statement.bind(4, body)
        try statement.run()
    }

    private func forget(_ statement: Statement, _ now: Timestamp) throws(StoreError) {
        statement.bind(1, now + -Self.kept)
        try statement.run()
    }

    private func end(_ statement: Statement, _ id: String, _ by: String, _ now: Timestamp) throws(StoreError) {
        statement.bind(1, now)
        statement.bind(2, by)
        statement.bind(3, id)
        try statement.run()
    }

    /// Not ended by anybody; what has passed is for whoever takes them up. A row that cannot be read is left out.
    static func load<Body: Decodable>(_ connection: Connection, _ table: String) throws(StoreError) -> [Body] {
        let rows = try Statement(connection, "SELECT body FROM \(table) WHERE ended_at IS NULL ORDER BY created_at, id")
        var found: [Body] = []
        while try rows.step() {
            if let body = try? JSONDecoder().decode(Body.self, from: Data(rows.text(0).utf8)) { found.append(body) }
        }
        rows.reset()
        return found
    }
}

extension StoreReader {
    /// In force at `now`, newest first.
    /// - Throws: `StoreError`, also `invalidCursor`.
    public func silences(limit: Int, cursor: String?, now: Timestamp) throws(StoreError) -> Page<Silence> {
        try inForce("silence", .silences, limit, cursor, now)
    }

    /// In force at `now`, newest first.
    /// - Throws: `StoreError`, also `invalidCursor`.
    public func drills(limit: Int, cursor: String?, now: Timestamp) throws(StoreError) -> Page<Drill> {
        try inForce("drill", .drills, limit, cursor, now)
    }

    private func inForce<Body: Decodable & Sendable>(
        _ table: String, _ list: Cursor.List, _ limit: Int, _ cursor: String?, _ now: Timestamp
    ) throws(StoreError) -> Page<Body> {
        let before = try cursor.map { cursor throws(StoreError) in try Cursor(cursor, of: list) }
        return try read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT id, created_at, body FROM \(table)
                    WHERE ended_at IS NULL AND until > ? AND (created_at, id) < (?, ?)
                    ORDER BY created_at DESC, id DESC LIMIT ?
                    """,
                arguments: [now.milliseconds, before?.number ?? .max, before?.text ?? "", limit + 1])
            let shown = rows.prefix(limit)
            let next = rows.count > limit ? shown.last : nil
            return Page(
                items: shown.compactMap {
                    try? JSONDecoder().decode(Body.self, from: Data(($0["body"] as String).utf8))
                },
                next: next.map { Cursor(list, number: $0["created_at"], text: $0["id"]).wrapped })
        }
    }
}

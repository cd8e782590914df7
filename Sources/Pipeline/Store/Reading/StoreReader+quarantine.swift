import FireModel
import Foundation
import GRDB

extension StoreReader {
    /// Newest first. Payloads are large: the page ends early, but after at least one item, where it would
    /// hold more than `byteLimit` bytes of them.
    /// - Throws: `StoreError`, also `invalidCursor`.
    public func quarantine(limit: Int, byteLimit: Int = 8 << 20, cursor: String?) throws(StoreError) -> Page<
        QuarantineItem
    > {
        let below = try cursor.map { cursor throws(StoreError) in try Cursor(cursor, of: .quarantine).number } ?? .max
        return try read { db in
            let rows = try Row.fetchCursor(
                db, sql: "SELECT * FROM quarantine WHERE id < ? ORDER BY id DESC LIMIT ?",
                arguments: [below, limit + 1])
            var items: [QuarantineItem] = []
            var bytes = 0
            while let row = try rows.next() {
                bytes += row["size"] as Int
                if items.count == limit || (bytes > byteLimit && !items.isEmpty) {
                    return Page(items: items, next: items.last.map { Cursor(.quarantine, number: $0.id).wrapped })
                }
                items.append(QuarantineItem(row))
            }
            return Page(items: items, next: nil)
        }
    }

    public func quarantineItem(_ id: Int64) throws(StoreError) -> QuarantineItem? {
        try read { db in
            try Row.fetchOne(db, sql: "SELECT * FROM quarantine WHERE id = ?", arguments: [id]).map {
                QuarantineItem($0)
            }
        }
    }
}

extension QuarantineItem {
    fileprivate init(_ row: Row) {
        let word: String = row["reason"]
        let explanation: String = row["explanation"]
        self.init(
            id: row["id"], receivedAt: Timestamp(row["received_at"] as Int64), topic: row["topic"],
            reason: explanation.isEmpty ? word : "\(word): \(explanation)", payload: Array(row["payload"] as Data),
            publishedLength: row["published_length"],
            lane: UInt8(exactly: row["lane"] as Int64).flatMap(Lane.init) ?? .bulk)
    }
}

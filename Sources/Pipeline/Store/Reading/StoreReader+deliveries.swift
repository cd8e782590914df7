import FireModel
import GRDB

extension StoreReader {
    /// Newest first.
    /// - Throws: `StoreError`, also `invalidCursor`.
    public func deliveries(
        state: Delivery.State?, endpoint: String? = nil, limit: Int, cursor: String?
    ) throws(StoreError) -> Page<DeliverySummary> {
        var conditions = Conditions()
        if let cursor { conditions.add("sequence < ?", try Cursor(cursor, of: .deliveries).number) }
        conditions.match("state", state?.rawValue)
        conditions.match("endpoint", endpoint)
        let found = try read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM delivery \(conditions.sql) ORDER BY sequence DESC LIMIT \(limit + 1)",
                arguments: conditions.arguments
            ).prefix(limit + 1).map { (sequence: $0["sequence"] as Int64, item: try DeliverySummary($0, db)) }
        }
        return Page(
            items: found.prefix(limit).map(\.item),
            next: found.count > limit ? Cursor(.deliveries, number: found[limit - 1].sequence).wrapped : nil)
    }

    /// What waits for an endpoint with a sequence above `sequence`, in rising sequence, without snapshots.
    /// - Parameter fire: only fires, or only the rest; `nil`: both.
    public func pendingDeliveries(
        endpoint: String, fire: Bool? = nil, after sequence: Int64, limit: Int
    ) throws(StoreError) -> [Delivery] {
        // Two reads of an index that has the fires apart, rather than one that sorts everything that waits.
        let kinds = fire.map { [$0] } ?? [true, false]
        let found = try read { db in
            try kinds.flatMap { isFire in
                try Row.fetchAll(
                    db,
                    sql: """
                        SELECT * FROM delivery WHERE state = 'pending' AND endpoint = ? AND is_fire = ?
                        AND sequence > ? ORDER BY sequence LIMIT ?
                        """, arguments: [endpoint, isFire, sequence, limit]
                ).map { Delivery($0) }
            }
        }
        return Array(found.sorted { $0.sequence < $1.sequence }.prefix(limit))
    }

    /// The alarm as JSON as it was at the change. `nil`: not kept any more.
    public func deliverySnapshot(_ id: String) throws(StoreError) -> String? {
        try read { db in
            try String.fetchOne(
                db,
                sql: """
                    SELECT coalesce(d.snapshot, c.snapshot) FROM delivery d LEFT JOIN alarm_change c ON c.id = d.change
                    WHERE d.id = ?
                    """, arguments: [id])
        }
    }

    public struct PendingCount: Sendable, Equatable {
        public var endpoint: String
        public var count: Int
        public var oldestCreatedAt: Timestamp
    }

    public func pendingCounts() throws(StoreError) -> [PendingCount] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT p.endpoint, p.count, d.created_at FROM (
                      SELECT endpoint, count(*) AS count, min(sequence) AS first FROM delivery
                      WHERE state = 'pending' GROUP BY endpoint) p
                    JOIN delivery d ON d.sequence = p.first ORDER BY p.endpoint
                    """
            ).map { PendingCount(endpoint: $0[0], count: $0[1], oldestCreatedAt: Timestamp($0[2] as Int64)) }
        }
    }

    /// By the id of each active alarm, the endpoints that something of it was meant for.
    public func matchedEndpoints() throws(StoreError) -> [String: Set<String>] {
        try read { db in
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT DISTINCT d.alarm, d.endpoint FROM alarm a JOIN delivery d ON d.alarm = a.id
                    WHERE a.state = 'active' AND d.state <> 'cancelled'
                    """)
            var matched: [String: Set<String>] = [:]
            while let row = try rows.next() { matched[row[0], default: []].insert(row[1]) }
            return matched
        }
    }
}

extension Delivery {
    fileprivate init(_ row: Row) {
        self.init(
            id: row["id"], endpoint: row["endpoint"], alarm: row["alarm"], revision: row["revision"], type: row["type"],
            device: row["device"], time: Timestamp(row["time"] as Int64),
            receivedAt: Timestamp(row["received_at"] as Int64), isFire: row["is_fire"], isActive: row["is_active"],
            createdAt: Timestamp(row["created_at"] as Int64), dueAt: Timestamp(row["due_at"] as Int64), snapshot: nil)
        sequence = row["sequence"]
        attempts = row["attempts"]
    }
}

extension DeliverySummary {
    fileprivate init(_ row: Row, _ db: Database) throws {
        let state = Delivery.State(rawValue: row["state"]) ?? .pending
        let attempts = try Row.fetchAll(
            db, sql: "SELECT * FROM delivery_attempt WHERE delivery = ? ORDER BY number DESC LIMIT 20",
            arguments: [row["sequence"] as Int64])
        self.init(
            id: row["id"], endpoint: row["endpoint"], alarm: row["alarm"], type: row["type"], state: state,
            createdAt: Timestamp(row["created_at"] as Int64),
            nextAttemptAt: state == .pending ? Timestamp(row["due_at"] as Int64) : nil,
            attemptCount: row["attempts"], attempts: attempts.reversed().map { DeliveryAttempt($0, of: row["id"]) })
    }
}

extension DeliveryAttempt {
    fileprivate init(_ row: Row, of delivery: String) {
        self.init(
            delivery: delivery, at: Timestamp(row["at"] as Int64), status: row["status"], error: row["error"],
            answer: row["answer"], milliseconds: row["milliseconds"],
            state: Delivery.State(rawValue: row["state"]) ?? .pending,
            nextDueAt: (row["next_due_at"] as Int64?).map { Timestamp($0) })
    }
}

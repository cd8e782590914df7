import FireModel
import GRDB

extension StoreReader {
    /// Newest first.
    /// - Throws: `StoreError`, also `invalidCursor`.
    public func deliveries(
        _ filter: DeliveryFilter, limit: Int, cursor: String?
    ) throws(StoreError) -> Page<DeliverySummary> {
        var conditions = Conditions(filter)
        if let cursor { conditions.add("sequence < ?", try Cursor(cursor, of: .deliveries).number) }
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

    /// One with all that is kept of it.
    public func delivery(_ id: String) throws(StoreError) -> DeliveryRecord? {
        try read { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT d.*, coalesce(d.snapshot, c.snapshot) AS told FROM delivery d
                    LEFT JOIN alarm_change c ON c.id = d.change WHERE d.id = ?
                    """, arguments: [id])
            return try row.map { row in
                DeliveryRecord(
                    summary: try DeliverySummary(row, db), revision: row["revision"], device: row["device"],
                    time: Timestamp(row["time"] as Int64), snapshot: row["told"])
            }
        }
    }

    /// What waits for the first time for an endpoint with a sequence above `sequence`, in rising sequence, without
    /// snapshots.
    /// - Parameter fire: only fires, or only the rest; `nil`: both.
    public func pendingDeliveries(
        endpoint: String, fire: Bool? = nil, after sequence: Int64, limit: Int
    ) throws(StoreError) -> [Delivery] {
        // Two reads of an index that has the fires apart, rather than one that sorts everything that waits.
        let lanes: [PendingLane] = fire.map { [$0 ? .fire : .routine] } ?? [.fire, .routine]
        let found = try read { db in
            try lanes.flatMap { try pending(db, endpoint, $0, after: sequence, limit) }
        }
        return Array(found.sorted { $0.sequence < $1.sequence }.prefix(limit))
    }

    /// What is to be sent to an endpoint once more, likewise.
    public func pendingReplays(
        endpoint: String, after sequence: Int64, limit: Int
    ) throws(StoreError) -> [Delivery] {
        try read { try pending($0, endpoint, .replay, after: sequence, limit) }
    }

    /// As the column `lane` has it.
    private enum PendingLane: Int { case routine, fire, replay }

    private func pending(
        _ db: Database, _ endpoint: String, _ lane: PendingLane, after sequence: Int64, _ limit: Int
    ) throws -> [Delivery] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT * FROM delivery WHERE state = 'pending' AND endpoint = ? AND lane = ?
                AND sequence > ? ORDER BY sequence LIMIT ?
                """, arguments: [endpoint, lane.rawValue, sequence, limit]
        ).map { Delivery($0) }
    }

    /// The alarm as JSON as it was at the change. `nil`: not kept any more.
    public func deliverySnapshot(_ id: String) throws(StoreError) -> String? {
        try read { db in
            // Asked for each attempt at what is not in memory.
            try String.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT coalesce(d.snapshot, c.snapshot) FROM delivery d
                        LEFT JOIN alarm_change c ON c.id = d.change WHERE d.id = ?
                        """), arguments: [id])
        }
    }

    /// The deliveries that a selection means, by sequence: rising, above `sequence` and not above `last`.
    public func replayCandidates(
        _ selection: ReplaySelection, after sequence: Int64, through last: Int64, limit: Int
    ) throws(StoreError) -> [Int64] {
        var conditions = Conditions(selection.filter)
        conditions.add("sequence > ? AND sequence <= ?", sequence, last)
        if !selection.ids.isEmpty { conditions.match("id", anyOf: selection.ids) }
        return try read { db in
            try Int64.fetchAll(
                db, sql: "SELECT sequence FROM delivery \(conditions.sql) ORDER BY sequence LIMIT \(limit)",
                arguments: conditions.arguments)
        }
    }

    /// The newest delivery's; 0: there is none.
    public func lastDelivery() throws(StoreError) -> Int64 {
        try read { try Int64.fetchOne($0, sql: "SELECT max(sequence) FROM delivery") ?? 0 }
    }

    /// How many of these ids no delivery has.
    public func unknownDeliveries(_ ids: [String]) throws(StoreError) -> Int {
        guard !ids.isEmpty else { return 0 }
        let ids = Set(ids)
        var conditions = Conditions()
        conditions.match("id", anyOf: Array(ids))
        let known = try read { db in
            try Int.fetchOne(
                db, sql: "SELECT count(*) FROM delivery \(conditions.sql)", arguments: conditions.arguments) ?? 0
        }
        return ids.count - known
    }

    public struct PendingCount: Sendable, Equatable {
        public var endpoint: String
        public var count: Int
        public var oldestCreatedAt: Timestamp
    }

    /// How many wait for one endpoint.
    public func pendingCount(endpoint: String) throws(StoreError) -> Int {
        try read { db in
            try Int.fetchOne(
                db, sql: "SELECT count(*) FROM delivery WHERE state = 'pending' AND endpoint = ?",
                arguments: [endpoint]) ?? 0
        }
    }

    public func pendingCounts() throws(StoreError) -> [PendingCount] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT p.endpoint, p.count, coalesce(d.replayed_at, d.created_at) FROM (
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

extension Conditions {
    fileprivate init(_ filter: DeliveryFilter) {
        self.init()
        match("state", filter.state?.rawValue)
        match("endpoint", filter.endpoint)
        match("alarm", filter.alarm)
        if let from = filter.range.from { add("created_at >= ?", from.milliseconds) }
        if let to = filter.range.to { add("created_at < ?", to.milliseconds) }
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
        attempts = row["attempts"] - row["attempts_before"]
        replayedAt = (row["replayed_at"] as Int64?).map { Timestamp($0) }
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
            replayedAt: (row["replayed_at"] as Int64?).map { Timestamp($0) },
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

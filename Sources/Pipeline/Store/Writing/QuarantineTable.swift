import FireModel

/// Payloads that could not be read. Bounded, because whoever sends nonsense may send much of it.
final class QuarantineTable {
    struct Fill: Equatable {
        var rows: Int64
        var bytes: Int64
    }

    static let maximumRows: Int64 = 10_000
    static let maximumBytes: Int64 = 64 << 20
    /// Of the explanation and the topic, in bytes.
    static let keptText = 8192

    private var fill: Fill
    private var committedFill: Fill
    /// Fallen out in this batch.
    private var dropped: UInt64 = 0
    private let connection: Connection
    private let insert: Statement
    private let oldest: Statement
    private let delete: Statement

    init(_ connection: Connection) throws(StoreError) {
        self.connection = connection
        insert = try Statement(
            connection,
            """
            INSERT INTO quarantine(received_at, topic, device, lane, retained, reason, explanation, published_length,
              size, payload) VALUES (?,?,?,?,?,?,?,?,?,?)
            """)
        oldest = try Statement(connection, "SELECT id, received_at FROM quarantine ORDER BY id LIMIT 1")
        delete = try Statement(connection, "DELETE FROM quarantine WHERE id = ? RETURNING size")
        fill = Fill(
            rows: try connection.integer("SELECT count(*) FROM quarantine"),
            bytes: try connection.integer("SELECT total(size) FROM quarantine"))
        committedFill = fill
    }

    func insert(_ rejection: Rejection) throws(StoreError) {
        let payload =
            rejection.payload.count > Limits.maximumPayload
            ? Array(rejection.payload.prefix(Limits.maximumPayload)) : rejection.payload
        insert.bind(1, rejection.receivedAt)
        insert.bind(2, cut(rejection.topic, Self.keptText))
        insert.bind(3, rejection.device)
        insert.bind(4, Int64(rejection.lane.rawValue))
        insert.bind(5, rejection.retained)
        insert.bind(6, rejection.reason.rawValue)
        insert.bind(7, cut(rejection.explanation, Self.keptText))
        insert.bind(8, Int64(rejection.publishedLength))
        insert.bind(9, Int64(payload.count))
        insert.bind(10, payload)
        try insert.run()
        fill.rows += 1
        fill.bytes += Int64(payload.count)
        while fill.rows > Self.maximumRows || fill.bytes > Self.maximumBytes, let first = try first() {
            guard try remove(first.id) else { break }
            dropped += 1
        }
    }

    func remove(_ id: Int64) throws(StoreError) -> Bool {
        delete.bind(1, id)
        defer { delete.reset() }
        guard try delete.step() else { return false }
        fill.rows -= 1
        fill.bytes -= delete.int(0)
        _ = try delete.step()
        return true
    }

    /// Removes the oldest if it is older than `cutoff`.
    func expire(before cutoff: Timestamp) throws(StoreError) -> Bool {
        guard let first = try first(), first.receivedAt < cutoff, try remove(first.id) else { return false }
        dropped += 1
        return true
    }

    private func first() throws(StoreError) -> (id: Int64, receivedAt: Timestamp)? {
        defer { oldest.reset() }
        return try oldest.step() ? (oldest.int(0), oldest.time(1)) : nil
    }

    /// - Returns: How many fell out in the batch.
    func committed() -> UInt64 {
        defer { dropped = 0 }
        committedFill = fill
        return dropped
    }

    func rolledBack() {
        fill = committedFill
        dropped = 0
    }
}

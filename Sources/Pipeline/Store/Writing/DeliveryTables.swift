import FireModel

/// The outbox: what is to be told to whom, and the attempts at it.
final class DeliveryTables {
    private let insert: Statement
    private let find: Statement
    private let update: Statement
    private let saveAttempt: Statement
    private let dropAttempts: Statement
    private let nextEndpoint: Statement
    private let cancel: Statement
    private let judge: Statement
    private let replay: Statement

    /// Attempts kept of one delivery, the last: an active fire is tried for ever.
    static let keptAttempts: Int64 = 20
    /// Of an answer, in bytes.
    static let keptAnswer = 2048

    init(_ connection: Connection) throws(StoreError) {
        insert = try Statement(
            connection,
            """
            INSERT INTO delivery(id, endpoint, alarm, revision, type, device, time, received_at, is_fire, is_active,
              created_at, state, attempts, due_at, change, snapshot)
            VALUES (?,?,?,?,?,?,?,?,?,?,?,'pending',?,?,?,?)
            ON CONFLICT(id) DO NOTHING RETURNING sequence
            """)
        find = try Statement(connection, "SELECT sequence FROM delivery WHERE id = ?")
        // What was cancelled stays so: the attempt was under way when its endpoint left the configuration.
        update = try Statement(
            connection,
            """
            UPDATE delivery SET attempts = attempts + 1, due_at = coalesce(?3, due_at),
              state = CASE WHEN state = 'cancelled' AND ?2 <> 'delivered' THEN state ELSE ?2 END
            WHERE id = ?1 RETURNING sequence, attempts
            """)
        saveAttempt = try Statement(connection, "INSERT OR REPLACE INTO delivery_attempt VALUES (?,?,?,?,?,?,?,?,?)")
        dropAttempts = try Statement(connection, "DELETE FROM delivery_attempt WHERE delivery = ? AND number <= ?")
        nextEndpoint = try Statement(
            connection, "SELECT min(endpoint) FROM delivery WHERE state = 'pending' AND endpoint > ?")
        cancel = try Statement(
            connection,
            """
            UPDATE delivery SET state = 'cancelled' WHERE sequence IN
              (SELECT sequence FROM delivery WHERE state = 'pending' AND endpoint = ? LIMIT ?)
            """)
        judge = try Statement(
            connection,
            """
            SELECT state, endpoint,
              snapshot IS NOT NULL OR EXISTS (SELECT 1 FROM alarm_change WHERE alarm_change.id = delivery.change)
            FROM delivery WHERE sequence = ?
            """)
        // Two replays of one delivery differ in their time also where the clock stands, or was set back.
        replay = try Statement(
            connection,
            """
            UPDATE delivery SET state = 'pending', replayed_at = max(?2, coalesce(replayed_at + 1, ?2)),
              attempts_before = attempts, due_at = ?2 WHERE sequence = ?1
            """)
    }

    func append(_ delivery: inout Delivery, change: AlarmTables.StoredChange?) throws(StoreError) -> Bool {
        // Five endpoints, one snapshot.
        let shared = change.flatMap { $0.alarm == delivery.alarm && $0.snapshot == delivery.snapshot ? $0.id : nil }
        insert.bind(1, delivery.id)
        insert.bind(2, delivery.endpoint)
        insert.bind(3, delivery.alarm)
        insert.bind(4, Int64(delivery.revision))
        insert.bind(5, delivery.type)
        insert.bind(6, delivery.device)
        insert.bind(7, delivery.time)
        insert.bind(8, delivery.receivedAt)
        insert.bind(9, delivery.isFire)
        insert.bind(10, delivery.isActive)
        insert.bind(11, delivery.createdAt)
        insert.bind(12, Int64(delivery.attempts))
        insert.bind(13, delivery.dueAt)
        insert.bind(14, shared)
        insert.bind(15, shared == nil ? delivery.snapshot : nil)
        do {
            defer { insert.reset() }
            if try insert.step() {
                delivery.sequence = insert.int(0)
                _ = try insert.step()
                return true
            }
        }
        find.bind(1, delivery.id)
        defer { find.reset() }
        if try find.step() { delivery.sequence = find.int(0) }
        return false
    }

    func record(_ attempt: DeliveryAttempt) throws(StoreError) {
        guard let (sequence, number) = try noteState(attempt) else { return }
        saveAttempt.bind(1, sequence)
        saveAttempt.bind(2, number)
        saveAttempt.bind(3, attempt.at)
        saveAttempt.bind(4, attempt.status.map(Int64.init))
        saveAttempt.bind(5, attempt.error)
        saveAttempt.bind(6, attempt.answer.map { cut($0, Self.keptAnswer) })
        saveAttempt.bind(7, attempt.milliseconds)
        saveAttempt.bind(8, attempt.state.rawValue)
        saveAttempt.bind(9, attempt.nextDueAt?.milliseconds)
        try saveAttempt.run()
        guard number > Self.keptAttempts else { return }
        dropAttempts.bind(1, sequence)
        dropAttempts.bind(2, number - Self.keptAttempts)
        try dropAttempts.run()
    }

    private func noteState(_ attempt: DeliveryAttempt) throws(StoreError) -> (sequence: Int64, number: Int64)? {
        update.bind(1, attempt.delivery)
        update.bind(2, attempt.state.rawValue)
        update.bind(3, attempt.nextDueAt?.milliseconds)
        defer { update.reset() }
        guard try update.step() else { return nil }
        let found = (update.int(0), update.int(1))
        _ = try update.step()
        return found
    }

    /// Those that can be sent once more wait again, behind everything that was never sent.
    func replay(
        _ sequences: [Int64], endpoints: Set<String>, at now: Timestamp
    ) throws(StoreError) -> (outcome: ReplayOutcome, marks: [ReplayMark]) {
        var outcome = ReplayOutcome()
        var marks: [String: ReplayMark] = [:]
        for sequence in sequences {
            guard let found = try state(of: sequence) else { continue }
            if found.isPending {
                outcome.stillPending += 1
            } else if !endpoints.contains(found.endpoint) {
                outcome.endpointNotConfigured += 1
            } else if !found.isKept {
                outcome.snapshotNotKept += 1
            } else {
                replay.bind(1, sequence)
                replay.bind(2, now)
                try replay.run()
                outcome.replayed += 1
                var mark = marks[found.endpoint] ?? ReplayMark(endpoint: found.endpoint, first: sequence, count: 0)
                mark.first = min(mark.first, sequence)
                mark.count += 1
                marks[found.endpoint] = mark
            }
        }
        return (outcome, marks.values.sorted { $0.endpoint < $1.endpoint })
    }

    private func state(
        of sequence: Int64
    ) throws(StoreError) -> (isPending: Bool, endpoint: String, isKept: Bool)? {
        judge.bind(1, sequence)
        defer { judge.reset() }
        guard try judge.step() else { return nil }
        return (judge.text(0) == Delivery.State.pending.rawValue, judge.text(1), judge.int(2) != 0)
    }

    /// An endpoint something waits for and that is not among `names`.
    func foreignEndpoint(exceptFor names: Set<String>) throws(StoreError) -> String? {
        var last = ""
        while true {
            nextEndpoint.bind(1, last)
            defer { nextEndpoint.reset() }
            guard try nextEndpoint.step(), let endpoint = nextEndpoint.optionalText(0) else { return nil }
            if !names.contains(endpoint) { return endpoint }
            last = endpoint
        }
    }

    func cancel(_ endpoint: String, limit: Int) throws(StoreError) {
        cancel.bind(1, endpoint)
        cancel.bind(2, Int64(limit))
        try cancel.run()
    }
}

/// At most so many bytes, between characters.
func cut(_ text: String, _ bytes: Int) -> String {
    guard text.utf8.count > bytes else { return text }
    var end = text.utf8.index(text.startIndex, offsetBy: bytes)
    while end > text.startIndex, end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
    return String(text[..<end])
}

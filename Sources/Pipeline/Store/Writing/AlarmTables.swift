import FireModel

/// Alarms as they are, and what happened to them.
final class AlarmTables {
    /// The last change of the batch, whose snapshot its deliveries share.
    private(set) var lastChange: StoredChange?
    private let connection: Connection
    private let save: Statement
    private let saveChange: Statement
    private let findChange: Statement

    struct StoredChange {
        var id: Int64
        var alarm: String
        var snapshot: String
    }

    init(_ connection: Connection) throws(StoreError) {
        self.connection = connection
        save = try Statement(
            connection,
            """
            INSERT INTO alarm(id, rule, device, component, metric, category, severity, state, acknowledged, verdict,
              kind, area, received_at, revision, ordinal, body) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
            ON CONFLICT(id) DO UPDATE SET category = excluded.category, severity = excluded.severity,
              state = excluded.state, acknowledged = excluded.acknowledged, verdict = excluded.verdict,
              kind = excluded.kind, area = excluded.area, received_at = excluded.received_at,
              revision = excluded.revision, body = excluded.body
            WHERE excluded.revision >= alarm.revision
            """)
        saveChange = try Statement(
            connection,
            "INSERT OR IGNORE INTO alarm_change(alarm, kind, revision, at, cause, snapshot) VALUES (?,?,?,?,?,?)")
        findChange = try Statement(
            connection, "SELECT id, snapshot FROM alarm_change WHERE alarm = ? AND kind = ? AND at = ? AND cause = ?")
    }

    func append(_ change: AlarmChange) throws(StoreError) {
        let alarm = change.alarm
        let body = alarm.json
        save.bind(1, alarm.id)
        save.bind(2, alarm.rule)
        save.bind(3, alarm.device.id)
        save.bind(4, alarm.component)
        save.bind(5, alarm.metric)
        save.bind(6, alarm.category.rawValue)
        save.bind(7, alarm.severity.rawValue)
        save.bind(8, alarm.state.rawValue)
        save.bind(9, alarm.acknowledged)
        save.bind(10, alarm.verdict?.rawValue)
        save.bind(11, alarm.device.kind)
        save.bind(12, alarm.device.area)
        save.bind(13, alarm.receivedAt)
        save.bind(14, Int64(alarm.revision))
        save.bind(15, Int64(change.ordinal))
        save.bind(16, body)
        try save.run()
        guard change.kind != .occurrence else { return }
        try appendHistory(change, body)
    }

    private func appendHistory(_ change: AlarmChange, _ body: String) throws(StoreError) {
        saveChange.bind(1, change.alarm.id)
        saveChange.bind(2, change.kind.rawValue)
        saveChange.bind(3, Int64(change.alarm.revision))
        saveChange.bind(4, change.at)
        saveChange.bind(5, change.cause)
        saveChange.bind(6, body)
        try saveChange.run()
        if connection.changes > 0 {
            lastChange = StoredChange(id: connection.lastRowID, alarm: change.alarm.id, snapshot: body)
            return
        }
        findChange.bind(1, change.alarm.id)
        findChange.bind(2, change.kind.rawValue)
        findChange.bind(3, change.at)
        findChange.bind(4, change.cause)
        defer { findChange.reset() }
        lastChange =
            try findChange.step()
            ? StoredChange(id: findChange.int(0), alarm: change.alarm.id, snapshot: findChange.text(1)) : nil
    }

    func rolledBack() { lastChange = nil }
}

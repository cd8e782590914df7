import FireModel

/// What devices said around alarms that were judged.
final class ContextTable {
    private let save: Statement

    init(_ connection: Connection) throws(StoreError) {
        // A verdict that is corrected when the readings are gone must not take away what was kept.
        save = try Statement(
            connection,
            """
            INSERT INTO verdict_context(alarm, points, body) VALUES (?,?,?)
            ON CONFLICT(alarm) DO UPDATE SET points = excluded.points, body = excluded.body
            WHERE excluded.points >= verdict_context.points
            """)
    }

    func keep(_ context: VerdictContext) throws(StoreError) {
        var json = JSONWriter()
        VerdictContext.writeJSON(context.series, to: &json)
        save.bind(1, context.alarm)
        save.bind(2, Int64(context.pointCount))
        save.bind(3, json.text)
        try save.run()
    }
}

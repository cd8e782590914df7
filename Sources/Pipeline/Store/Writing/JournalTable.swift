import FireModel

/// The truth about what was decided (design 5): a row per commit, with every input of every decision in it.
final class JournalTable {
    /// What the next commit will write.
    var block = JournalBlockWriter()
    /// Row of the last commit.
    private(set) var last: Int64
    private var written = false
    private let codec: FrameCodec
    private let insert: Statement
    private let deleteSome: Statement

    init(_ connection: Connection) throws(StoreError) {
        // Journal rows live for an hour: to be quick is worth more than the last few per cent.
        codec = try FrameCodec(level: 1)
        insert = try Statement(connection, "INSERT INTO journal VALUES (?, ?)")
        deleteSome = try Statement(
            connection, "DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE id <= ? ORDER BY id LIMIT 8)")
        last = max(
            try connection.integer("SELECT coalesce(max(id), 0) FROM journal"),
            try connection.integer("SELECT value FROM meta WHERE name = 'sealed'"))
    }

    func write() throws(StoreError) {
        guard !block.isEmpty else { return }
        insert.bind(1, last + 1)
        insert.bind(2, try codec.seal(block.body, key: last + 1))
        try insert.run()
        written = true
    }

    func committed() {
        if written { last += 1 }
        rolledBack()
    }

    func rolledBack() {
        written = false
        block.clear()
    }

    /// Deletes a few rows that no restart needs any more.
    /// - Returns: Whether there were any.
    func deleteSome(upTo sealed: Int64) throws(StoreError) -> Bool {
        deleteSome.bind(1, sealed)
        try deleteSome.run()
        return deleteSome.changes > 0
    }

    /// Every input after row `sealed`, in order. What is damaged is told and passed over.
    static func replay(
        _ connection: Connection, after sealed: Int64, damaged: (String) -> Void,
        row: (_ id: Int64, _ inputs: inout JournalBlockReader) throws(FormatError) -> Void
    ) throws(StoreError) {
        let codec = try FrameCodec()
        let rows = try Statement(connection, "SELECT id, body FROM journal WHERE id > ? ORDER BY id")
        rows.bind(1, sealed)
        defer { rows.reset() }
        while try rows.step() {
            let id = rows.int(0)
            do throws(FormatError) {
                var inputs = try JournalBlockReader(try codec.open(rows.bytes(1), key: id))
                try row(id, &inputs)
            } catch {
                damaged("journal row \(id): \(error)")
            }
        }
    }
}

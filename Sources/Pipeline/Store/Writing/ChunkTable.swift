import FireModel

/// Rows of `chunk` and `rollup`: 32 neighbouring series of one segment.
final class ChunkTable {
    private let codec: FrameCodec
    private let find: Statement
    private let insert: Statement
    private let insertRollup: Statement
    private let damaged: (String) -> Void

    /// - Parameter level: of zstd; what is written once and read for months may cost more.
    init(_ connection: Connection, level: Int32, damaged: @escaping (String) -> Void = { _ in }) throws(StoreError) {
        codec = try FrameCodec(level: level)
        find = try Statement(connection, "SELECT body FROM chunk WHERE id = ?")
        insert = try Statement(connection, "INSERT INTO chunk VALUES (?, ?)")
        insertRollup = try Statement(connection, "INSERT OR REPLACE INTO rollup VALUES (?, ?)")
        self.damaged = damaged
    }

    /// Adds a row to a segment; with roll-ups of what has many readings an hour, unless it is a small one.
    func append(_ series: [ChunkBody.Series], bucket: Int32, to segment: inout Segment) throws(StoreError) {
        let row = Segment.row(segment.id, bucket)
        insert.bind(1, row)
        insert.bind(2, try codec.seal(ChunkBody.encode(series), key: row))
        try insert.run()
        if segment.level > 0 { try saveRollup(series, row, sparse: false) }
        segment.note(series)
    }

    /// Makes the roll-ups of a row complete: its readings are about to go.
    func completeRollup(_ row: Int64) throws(StoreError) {
        let series = try read(row)
        if !series.isEmpty { try saveRollup(series, row, sparse: true) }
    }

    private func saveRollup(_ series: [ChunkBody.Series], _ row: Int64, sparse: Bool) throws(StoreError) {
        guard let body = RollupBody.encode(series, sparse: sparse) else { return }
        insertRollup.bind(1, row)
        insertRollup.bind(2, try codec.seal(body, key: row))
        try insertRollup.run()
    }

    /// Empty where there is no row, or one that cannot be read.
    func read(_ row: Int64, wanted: UInt32 = .max) throws(StoreError) -> [ChunkBody.Series] {
        find.bind(1, row)
        defer { find.reset() }
        guard try find.step() else { return [] }
        do throws(FormatError) {
            return try ChunkBody.decode(try codec.open(find.bytes(0), key: row), wanted: wanted)
        } catch {
            damaged("chunk \(row): \(error)")
            return []
        }
    }
}

extension Segment {
    mutating func note(_ series: [ChunkBody.Series]) {
        for one in series {
            readings += Int64(one.run.count)
            least = min(least, one.run.times.first ?? .max)
            most = max(most, one.run.times.last ?? .min)
        }
    }
}

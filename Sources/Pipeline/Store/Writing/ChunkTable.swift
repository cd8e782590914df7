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
        insertRollup = try Statement(connection, "INSERT INTO rollup VALUES (?, ?)")
        self.damaged = damaged
    }

    /// Adds a row to a segment; with roll-ups, unless it is a small one.
    func append(_ series: [ChunkBody.Series], bucket: Int32, to segment: inout Segment) throws(StoreError) {
        let row = Segment.row(segment.id, bucket)
        insert.bind(1, row)
        insert.bind(2, try codec.seal(ChunkBody.encode(series), key: row))
        try insert.run()
        if segment.level > 0 {
            let hours = series.map { RollupBody.Series(place: $0.place, hours: RollupBody.hours(of: $0.samples)) }
            insertRollup.bind(1, row)
            insertRollup.bind(2, try codec.seal(RollupBody.encode(hours), key: row))
            try insertRollup.run()
        }
        segment.note(series)
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
            readings += Int64(one.samples.count)
            least = min(least, one.samples.first?.at ?? .max)
            most = max(most, one.samples.last?.at ?? .min)
        }
    }
}

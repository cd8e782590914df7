/// A stretch of stored history: the chunks that one seal, or one merge of several, has written.
///
/// Segments are stretches of arrival, not of time: what comes days late lies in the segment of the day it came,
/// whose span is the wider for it. So nothing that is stored is ever written into again, and the tree of chunks
/// only grows at its end.
struct Segment: Equatable, Sendable {
    enum State: String {
        /// Being written; nobody reads it, and a restart forgets it.
        case open
        case whole
        /// Its readings are past their time, its roll-ups are kept.
        case rolled
    }

    var id: Int64
    var state = State.open
    /// 0: of one seal, to be merged with its like. 1: large enough to stay, with roll-ups.
    var level: Int64
    /// Of the journal, the last row that is in it.
    var journal: Int64
    /// Times of its readings, both inclusive.
    var least = Int64.max
    var most = Int64.min
    var readings: Int64 = 0

    /// Merging would gain little where there is this much of each series.
    static func level(readings: Int, series: Int) -> Int64 { readings >= 32 * max(series, 1) ? 1 : 0 }

    /// Key of a row of `chunk` or `rollup`: those of a segment are neighbours, in the order of their series.
    static func row(_ segment: Int64, _ bucket: Int32) -> Int64 { segment << 27 | Int64(bucket) }

    /// Rows of this segment.
    var rows: ClosedRange<Int64> { Self.row(id, 0)...(Self.row(id + 1, 0) - 1) }

    func overlaps(_ from: Int64, _ to: Int64) -> Bool { readings > 0 && least < to && most >= from }

    /// The 32 neighbours a series is stored with.
    @inline(__always) static func bucket(_ series: Int32) -> Int32 { series / ChunkBody.width }

    static let columns = "id, state, level, journal, least, most, readings"
}

/// Segments as the writer knows them.
final class SegmentTable {
    /// Whole and rolled ones, by id.
    private(set) var segments: [Segment] = []
    /// Of them those an import still adds to: they are neither merged nor removed.
    var growing: Set<Int64> = []
    private let connection: Connection
    private let insert: Statement
    private let update: Statement
    private let delete: Statement

    init(_ connection: Connection) throws(StoreError) {
        self.connection = connection
        insert = try Statement(
            connection, "INSERT INTO segment(state, level, journal, least, most, readings) VALUES (?,?,?,?,?,?)")
        update = try Statement(
            connection,
            "UPDATE segment SET state = ?2, level = ?3, journal = ?4, least = ?5, most = ?6, readings = ?7 WHERE id = ?1"
        )
        delete = try Statement(connection, "DELETE FROM segment WHERE id = ?")
        try load()
    }

    func load() throws(StoreError) {
        segments = []
        let rows = try Statement(connection, "SELECT \(Segment.columns) FROM segment WHERE state <> 'open' ORDER BY id")
        while try rows.step() {
            segments.append(
                Segment(
                    id: rows.int(0), state: Segment.State(rawValue: rows.text(1)) ?? .whole, level: rows.int(2),
                    journal: rows.int(3), least: rows.int(4), most: rows.int(5), readings: rows.int(6)))
        }
    }

    /// Readings in chunks.
    var readings: Int64 { segments.reduce(0) { $0 + ($1.state == .whole ? $1.readings : 0) } }

    /// Those whose chunks may hold a reading of this time.
    func holding(_ time: Int64) -> [Segment] {
        segments.filter { $0.state == .whole && $0.overlaps(time, time + 1) }
    }

    /// A new one, open.
    func open(level: Int64, journal: Int64) throws(StoreError) -> Segment {
        var segment = Segment(id: 0, level: level, journal: journal)
        bind(insert, segment, from: 1)
        try insert.run()
        segment.id = connection.lastRowID
        return segment
    }

    func save(_ segment: Segment) throws(StoreError) {
        update.bind(1, segment.id)
        bind(update, segment, from: 2)
        try update.run()
    }

    func forget(_ id: Int64) throws(StoreError) {
        delete.bind(1, id)
        try delete.run()
    }

    /// The list as it is once a transaction that has changed it is committed.
    func committed(removed: Set<Int64> = [], saved: Segment? = nil) {
        segments.removeAll { removed.contains($0.id) || $0.id == saved?.id }
        if let saved { segments.append(saved) }
        segments.sort { $0.id < $1.id }
    }

    private func bind(_ statement: Statement, _ segment: Segment, from first: Int32) {
        statement.bind(first, segment.state.rawValue)
        statement.bind(first + 1, segment.level)
        statement.bind(first + 2, segment.journal)
        statement.bind(first + 3, segment.least)
        statement.bind(first + 4, segment.most)
        statement.bind(first + 5, segment.readings)
    }
}

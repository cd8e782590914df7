import FireModel

/// Readings, clustered on (series, time).
final class ReadingTable {
    /// Readings in the table once the transaction is committed; kept in `meta`, so that nobody counts rows.
    private(set) var count: Int64
    private var committedCount: Int64
    private let insert: Statement
    private let find: Statement
    private let neighbours: Statement
    private let saveCount: Statement
    /// Per series, where the last value without a time of its own was put: an array of a thousand of them in
    /// one message would otherwise look at each place a thousand times.
    private var lastPlaces: [Int32: (wanted: Int64, next: Int64)] = [:]

    /// Milliseconds a value without a time of its own may be moved: as many elements as a message has.
    static let reach = Int64(Limits.maximumElements)

    init(_ connection: Connection) throws(StoreError) {
        insert = try Statement(connection, "INSERT OR IGNORE INTO reading VALUES (?, ?, ?, ?, ?)")
        find = try Statement(connection, "SELECT value FROM reading WHERE series = ? AND ts = ?")
        neighbours = try Statement(
            connection, "SELECT ts, value FROM reading WHERE series = ? AND ts >= ? AND ts < ? ORDER BY ts")
        saveCount = try Statement(connection, "UPDATE meta SET value = ? WHERE name = 'readings'")
        count = try connection.integer("SELECT value FROM meta WHERE name = 'readings'")
        committedCount = count
        self.connection = connection
    }

    private let connection: Connection

    func admit(_ reading: inout Reading) throws(StoreError) -> Admission {
        if try store(reading) { return .new }
        if try stored(reading) == reading.value { return .duplicate }
        return reading.quality.hasDeviceTime ? .conflicting : try admitNearby(&reading)
    }

    /// Told again, the values of one message find the places they were given the first time.
    private func admitNearby(_ reading: inout Reading) throws(StoreError) -> Admission {
        let wanted = reading.at.milliseconds
        var place = wanted &+ 1
        if let last = lastPlaces[reading.series], last.wanted == wanted { place = last.next }
        let limit = wanted &+ Self.reach
        var found = false
        bind(neighbours, reading.series, place, limit)
        do {
            defer { neighbours.reset() }
            while !found, try neighbours.step(), neighbours.int(0) == place {
                found = neighbours.value(1) == reading.value
                if !found { place &+= 1 }
            }
        }
        guard place < limit else { return .conflicting }
        reading.at = Timestamp(milliseconds: place)
        lastPlaces[reading.series] = (wanted, place &+ 1)
        if found { return .duplicate }
        guard try store(reading) else { throw .corrupt("the place of a reading is free and taken") }
        return .new
    }

    private func store(_ reading: Reading) throws(StoreError) -> Bool {
        insert.bind(1, Int64(reading.series) + 1)
        insert.bind(2, reading.at)
        insert.bind(3, reading.value)
        insert.bind(4, Int64(reading.quality.rawValue))
        insert.bind(5, reading.detail)
        try insert.run()
        guard connection.changes > 0 else { return false }
        count += 1
        return true
    }

    private func stored(_ reading: Reading) throws(StoreError) -> Value? {
        find.bind(1, Int64(reading.series) + 1)
        find.bind(2, reading.at)
        defer { find.reset() }
        return try find.step() ? find.value(0) : nil
    }

    private func bind(_ statement: Statement, _ series: Int32, _ from: Int64, _ to: Int64) {
        statement.bind(1, Int64(series) + 1)
        statement.bind(2, from)
        statement.bind(3, to)
    }

    /// Rows that retention has deleted.
    func deleted(_ rows: Int64) { count -= rows }

    func writeCount() throws(StoreError) {
        guard count != committedCount else { return }
        saveCount.bind(1, count)
        try saveCount.run()
    }

    func committed() {
        committedCount = count
        lastPlaces.removeAll(keepingCapacity: true)
    }

    func rolledBack() {
        count = committedCount
        lastPlaces.removeAll(keepingCapacity: true)
    }
}

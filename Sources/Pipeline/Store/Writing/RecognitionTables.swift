import FireModel

/// By what messages are known again: those without a time of their own, and the last retained one of each topic.
final class RecognitionTables {
    private var redeliveries: [Redelivery] = []
    private var retained: [RetainedMark] = []
    /// Number of the next redelivery of each lane.
    private var next: [Lane: Int64] = [:]
    private let saveRedelivery: Statement
    private let saveRetained: Statement

    /// Redeliveries kept per lane: the messages that one session may hold unacknowledged.
    static let kept: Int64 = 10_000

    init(_ connection: Connection) throws(StoreError) {
        saveRedelivery = try Statement(connection, "INSERT OR REPLACE INTO redelivery VALUES (?,?,?,?,?,?)")
        saveRetained = try Statement(connection, "INSERT OR REPLACE INTO retained VALUES (?,?)")
        for lane in Lane.allCases {
            next[lane] = try connection.integer(
                "SELECT coalesce(max(number), 0) + 1 FROM redelivery WHERE lane = \(lane.rawValue)")
        }
    }

    var isEmpty: Bool { redeliveries.isEmpty && retained.isEmpty }

    func remember(_ redelivery: Redelivery) { redeliveries.append(redelivery) }
    func remember(_ mark: RetainedMark) { retained.append(mark) }

    func write() throws(StoreError) {
        var numbers = next
        for redelivery in redeliveries {
            let number = numbers[redelivery.lane, default: 1]
            saveRedelivery.bind(1, Int64(redelivery.lane.rawValue))
            saveRedelivery.bind(2, number % Self.kept)
            saveRedelivery.bind(3, number)
            saveRedelivery.bind(4, Int64(redelivery.packetID))
            saveRedelivery.bind(5, Int64(bitPattern: redelivery.contentHash))
            saveRedelivery.bind(6, redelivery.receivedAt)
            try saveRedelivery.run()
            numbers[redelivery.lane] = number + 1
        }
        for mark in retained {
            saveRetained.bind(1, Int64(bitPattern: mark.topicHash))
            saveRetained.bind(2, Int64(bitPattern: mark.contentHash))
            try saveRetained.run()
        }
        written = numbers
    }

    private var written: [Lane: Int64] = [:]

    func committed() {
        if !written.isEmpty { next = written }
        rolledBack()
    }

    func rolledBack() {
        written = [:]
        redeliveries.removeAll(keepingCapacity: true)
        retained.removeAll(keepingCapacity: true)
    }

    // MARK: - At the start

    static func redeliveries(_ connection: Connection) throws(StoreError) -> [Redelivery] {
        let rows = try Statement(
            connection, "SELECT lane, packet_id, content_hash, received_at FROM redelivery ORDER BY lane, number")
        var known: [Redelivery] = []
        while try rows.step() {
            guard let lane = UInt8(exactly: rows.int(0)).flatMap(Lane.init), let packetID = UInt16(exactly: rows.int(1))
            else { continue }
            known.append(
                Redelivery(
                    lane: lane, packetID: packetID, contentHash: UInt64(bitPattern: rows.int(2)),
                    receivedAt: rows.time(3)))
        }
        return known
    }

    static func retained(_ connection: Connection) throws(StoreError) -> [RetainedMark] {
        let rows = try Statement(connection, "SELECT topic_hash, content_hash FROM retained")
        var marks: [RetainedMark] = []
        while try rows.step() {
            marks.append(
                RetainedMark(topicHash: UInt64(bitPattern: rows.int(0)), contentHash: UInt64(bitPattern: rows.int(1))))
        }
        return marks
    }
}

import FireModel

/// What one lane has received and the broker may send once more: by this a message without a time of its own
/// keeps the time at which it came first, and a faulty one is quarantined once (contract 2, "Identity").
///
/// A message is such a redelivery only if the broker says so (DUP), packet id and content are those of an entry,
/// and that entry was perhaps not acknowledged when its connection ended. An entry is certainly acknowledged when
///
/// - a message has come first-hand under its packet id, which the broker does not use again before;
/// - a message has come first-hand in a later connection: those not acknowledged come before all others;
/// - its session was alive `lull` after it: the acknowledgement leaves with the commit, within a second.
///
/// What is forgotten too early is stored, and counted, a second time. What is kept too long could take a new fire
/// for one of weeks ago. So where it is in doubt, it is forgotten.
struct Redeliveries {
    private struct Entry {
        var contentHash: UInt64
        /// When it came first.
        var receivedAt: Timestamp
        /// When it came last.
        var seenAt: Timestamp
        var connection: Int
    }

    /// By packet id: the broker has one message at a time under each.
    private var entries: [UInt16: Entry] = [:]
    /// Connections are told apart by what comes in them: nothing but redeliveries can open one.
    private var connection = 1
    private var isOpening = true
    private var aliveAt: Timestamp?

    static let lull: Int64 = 5 * 60_000

    /// - Parameter aliveAt: when the gateway was last known to work.
    init(_ stored: [Redelivery], aliveAt: Timestamp?) {
        self.aliveAt = [aliveAt, stored.last?.receivedAt].compactMap(\.self).max()
        for known in stored {
            entries[known.packetID] = Entry(
                contentHash: known.contentHash, receivedAt: known.receivedAt, seenAt: known.receivedAt, connection: 0)
        }
    }

    /// A message came first-hand.
    mutating func received(_ packetID: UInt16, at time: Timestamp) {
        isAlive(at: time)
        if !entries.isEmpty { entries[packetID] = nil }
    }

    /// The session is connected, and what the broker had kept has come.
    mutating func isAlive(at time: Timestamp) {
        aliveAt = time
        guard isOpening else { return }
        isOpening = false
        if !entries.isEmpty { entries = entries.filter { $0.value.connection == connection } }
    }

    /// A message came with DUP.
    ///
    /// - Returns: when it came first; `nil`: it was not received before, or that is not certain.
    mutating func recorded(_ packetID: UInt16, contentHash: UInt64) -> Timestamp? {
        if !isOpening {
            isOpening = true
            connection += 1
        }
        guard let entry = entries[packetID], entry.contentHash == contentHash, isPerhapsUnacknowledged(entry) else {
            return nil
        }
        return entry.receivedAt
    }

    private func isPerhapsUnacknowledged(_ entry: Entry) -> Bool {
        // Redelivered before, and nothing but redeliveries since, over however many connections.
        if isOpening, entry.connection == connection { return true }
        guard let aliveAt else { return false }
        // Either way: after a step of our clock nothing is certain any more.
        return (aliveAt - entry.seenAt).magnitude <= Self.lull.magnitude
    }

    mutating func remember(_ redelivery: Redelivery, seenAt: Timestamp) {
        entries[redelivery.packetID] = Entry(
            contentHash: redelivery.contentHash, receivedAt: redelivery.receivedAt, seenAt: seenAt,
            connection: connection)
    }
}

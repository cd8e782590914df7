import FireModel
import GRDB
import Synchronization

/// The heads of a reader in another process, made of the journal: what the daemon has in memory, or would have.
final class JournalFollower: Sendable {
    let heads = HeadStore()
    private let read = Mutex(Position())

    private struct Position {
        var sealed: Int64 = -1
        var last: Int64 = 0
    }

    /// Brings the heads to what this snapshot holds.
    ///
    /// - Parameter sealed: the last row of the journal that this snapshot has in chunks.
    func follow(_ db: Database, _ sealed: Int64, _ codec: FrameCodec, damaged: (String) -> Void) throws {
        try read.withLock { position in
            if sealed != position.sealed {
                position = Position(sealed: sealed, last: sealed)
                heads.withLock {
                    $0.heads.removeAll()
                    $0.sealedUpTo = sealed
                }
            }
            let rows = try Row.fetchCursor(
                db.cachedStatement(sql: "SELECT id, body FROM journal WHERE id > ? ORDER BY id"),
                arguments: [position.last])
            while let row = try rows.next() {
                let id: Int64 = row[0]
                position.last = id
                let body = try row.withUnsafeData(atIndex: 1) { [UInt8]($0 ?? .init()) }
                do throws(FormatError) {
                    var inputs = try JournalBlockReader(try codec.open(body, key: id))
                    while let input = try inputs.next() {
                        guard let reading = input.stored else { continue }
                        heads.withLock { $0.heads.append(reading) }
                    }
                } catch {
                    damaged("journal row \(id): \(error)")
                }
            }
        }
    }
}

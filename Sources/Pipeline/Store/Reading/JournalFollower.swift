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
        /// Of the database, as each connection saw it last.
        var versions: [ObjectIdentifier: Int64] = [:]
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
            let version = try Int64.fetchOne(db.cachedStatement(sql: "PRAGMA data_version")) ?? 0
            // Nothing has been written since this connection looked, and what another has seen is no less.
            if position.versions[ObjectIdentifier(db)] == version { return }
            for commit in try JournalIndex(db, after: position.last, damaged: damaged).commits {
                position.last = commit.number
                let frame = try commit.frame(db)
                do throws(FormatError) {
                    var inputs = try JournalBlockReader(try codec.open(frame, key: commit.number))
                    while let input = try inputs.next() {
                        guard let reading = input.stored else { continue }
                        heads.withLock { $0.heads.append(reading) }
                    }
                } catch {
                    damaged("commit \(commit.number) of the journal: \(error)")
                }
            }
            position.versions[ObjectIdentifier(db)] = version
        }
    }
}

extension JournalIndex {
    init(_ db: Database, after sealed: Int64, damaged: (String) -> Void) throws {
        try self.init(after: sealed, damaged: damaged) { each in
            let rows = try Row.fetchCursor(db.cachedStatement(sql: "SELECT slot, body FROM journal"))
            while let row = try rows.next() {
                each(row[0], try row.withUnsafeData(atIndex: 1) { [UInt8]($0 ?? .init()) })
            }
        }
    }
}

extension JournalIndex.Commit {
    /// Of all its pieces.
    func frame(_ db: Database) throws -> [UInt8] {
        var frame: [UInt8] = []
        for piece in pieces {
            frame += try History.body(db, "journal", piece.slot, key: "slot")?[piece.range] ?? []
        }
        return frame
    }
}

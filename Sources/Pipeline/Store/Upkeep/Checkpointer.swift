import Foundation
import GRDB

/// Checkpoints of the write-ahead log.
struct Checkpointer: Sendable {
    private let connection: DatabaseQueue
    private let path: String

    /// Of the log, in bytes: below, a checkpoint would write the same pages again and again.
    static let worthwhile = 4 << 20
    /// From here on the log is to start anew, even if the writer must wait for it a moment.
    static let tooLarge = 128 << 20

    init(path: String) throws(StoreError) {
        self.path = path
        var configuration = Configuration()
        configuration.label = "firesense.checkpoint"
        configuration.foreignKeysEnabled = false
        // A restart of the log holds the writer while it waits for readers; not longer than this.
        configuration.busyMode = .timeout(0.05)
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA wal_autocheckpoint = 0")
            try db.execute(sql: "PRAGMA synchronous = FULL")
            try db.execute(sql: "PRAGMA cache_size = -1024")
        }
        do { connection = try DatabaseQueue(path: path, configuration: configuration) } catch {
            throw .from(error, path: path)
        }
    }

    func checkpointIfWorthwhile() throws(StoreError) {
        let size = fileSize(path + "-wal")
        guard size >= Self.worthwhile else { return }
        try checkpoint(size > Self.tooLarge ? .restart : .passive)
    }

    /// The log starts anew only when a checkpoint has reached its end. The writer goes on meanwhile, so a
    /// second, much shorter pass follows, and a third.
    func checkpoint(_ kind: Database.CheckpointMode) throws(StoreError) {
        do {
            try connection.writeWithoutTransaction { db in
                for _ in 0..<3 {
                    let done = try db.checkpoint(.passive)
                    if done.walFrameCount == done.checkpointedFrameCount { return }
                }
                if kind != .passive { _ = try db.checkpoint(kind) }
            }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
            // A reader or the writer is in its way: next time.
        } catch {
            throw .from(error, path: path)
        }
    }
}

/// 0 if there is none.
func fileSize(_ path: String) -> Int64 {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return (attributes?[.size] as? NSNumber)?.int64Value ?? 0
}

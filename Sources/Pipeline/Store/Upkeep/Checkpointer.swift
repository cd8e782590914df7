import Foundation
import GRDB
import Synchronization

/// Checkpoints of the write-ahead log, and between them the copies that are being made of the file.
///
/// Everything that is written into the database file is written here, one at a time.
final class Checkpointer: Sendable {
    private struct Work {
        var copy: FileCopy?
        /// Whose copy it is.
        var copyNumber = 0
        var isClosed = false
        /// Of the log as it was at the last checkpoint, how much is in the file.
        var pagesDone = 0
    }

    private let connection: DatabaseQueue
    private let path: String
    private let counters: StoreCounters
    /// Held while a checkpoint or a piece of a copy is under way.
    private let work = Mutex(Work())

    /// Of what the log has that the file has not, in pages of 4 KiB: below, a checkpoint would write the same pages
    /// again and again. The size of the log's file tells nothing once it has been so large.
    static let worthwhile = 1024
    /// From here on the log is to start anew, even if the writer must wait for it a moment.
    static let tooLarge = 128 << 20

    /// - Parameter counters: of the writer, who tells there how long the log is.
    init(path: String, counters: StoreCounters = StoreCounters()) throws(StoreError) {
        self.path = path
        self.counters = counters
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
        let told = counters.logPages.load(ordering: .relaxed)
        let pages = told < 0 ? Int(size / 4096) : told
        let done = work.withLock { $0.pagesDone }
        // Fewer than were brought in already: it has begun anew.
        let pending = pages < done ? pages : pages - done
        let isTooLarge = size > Self.tooLarge
        guard pending >= Self.worthwhile || (isTooLarge && pending > 0) else { return }
        try checkpoint(isTooLarge ? .restart : .passive)
    }

    /// The log starts anew only when a checkpoint has reached its end. The writer goes on meanwhile, so a
    /// second, much shorter pass follows, and a third.
    func checkpoint(_ kind: Database.CheckpointMode) throws(StoreError) {
        try work.withLock { work throws(StoreError) in
            do {
                for _ in 0..<3 {
                    if try pass(&work) { return }
                }
                // It would bring in what no copy is told of; and a copy does not last for ever.
                if kind != .passive, work.copy == nil {
                    _ = try connection.writeWithoutTransaction { try $0.checkpoint(kind) }
                }
            } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
                // A reader or the writer is in its way: next time.
            } catch {
                throw .from(error, path: path)
            }
        }
    }

    /// - Returns: Whether the whole log is in the file.
    private func pass(_ work: inout Work) throws -> Bool {
        if work.copy != nil { return try work.copy?.checkpoint(connection) ?? true }
        let done = try connection.writeWithoutTransaction { try $0.checkpoint(.passive) }
        work.pagesDone = done.checkpointedFrameCount
        return done.walFrameCount == done.checkpointedFrameCount
    }

    // MARK: - A copy of the file

    /// - Returns: Its number, for the calls below.
    /// - Throws: `StoreError.busy` when one is under way or the store is being closed.
    func beginCopy() throws(StoreError) -> Int {
        try work.withLock { work throws(StoreError) in
            guard !work.isClosed else { throw .busy("the store is being opened anew") }
            guard work.copy == nil else { throw .busy("another backup is being made") }
            do {
                var copy = try FileCopy(path: path)
                _ = try copy.checkpoint(connection)
                copy.began()
                work.copy = copy
            } catch {
                throw .from(error, path: path)
            }
            work.copyNumber += 1
            return work.copyNumber
        }
    }

    /// - Returns: `nil`: what is to be copied still waits for readers to let go of the log.
    func nextPiece(of number: Int) throws(StoreError) -> BackupRecord? {
        try work.withLock { work throws(StoreError) in
            guard work.copyNumber == number, work.copy != nil else {
                throw .busy("the store has been opened anew meanwhile")
            }
            do {
                return try work.copy?.next(connection)
            } catch {
                work.copy = nil
                throw .from(error, path: path)
            }
        }
    }

    func endCopy(_ number: Int) {
        work.withLock { work in
            if work.copyNumber == number { work.copy = nil }
        }
    }

    /// No copy goes on, none begins: somebody else may write into the file from now on.
    func endCopies() {
        work.withLock { work in
            work.isClosed = true
            work.copy = nil
        }
    }
}

/// 0 if there is none.
func fileSize(_ path: String) -> Int64 {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return (attributes?[.size] as? NSNumber)?.int64Value ?? 0
}

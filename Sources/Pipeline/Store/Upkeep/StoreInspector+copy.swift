import Foundation
import GRDB
import Glibc

extension StoreInspector {
    /// A daemon has the database. Where its lock may not be looked at, that is not known, and `false`.
    public static func isInUse(_ path: String) -> Bool {
        let descriptor = unsafe open(path + ".lock", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }

    /// The database no daemon runs on, as a file by itself. Should one start meanwhile, its log grows until this is done.
    ///
    /// - Parameters:
    ///   - copy: an empty file.
    ///   - progress: told how many of how many bytes are copied. What it throws ends the copy.
    /// - Throws: `StoreError`.
    public static func copy(
        _ path: String, to copy: NewFile, progress: @escaping (Int64, Int64) throws -> Void
    ) throws {
        let source = try StoreReader.open(path)
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        configuration.prepareDatabase { db in
            // A file that is not whole is thrown away; whoever publishes it brings it to the disk.
            try db.execute(sql: "PRAGMA synchronous = OFF")
        }
        do {
            let version = try source.read { try Schema.version(of: $0, path: path) }
            guard let version, version <= Schema.version else {
                throw StoreError.newerSchema(found: version ?? 0, known: Schema.version)
            }
            let page = try source.read { try Int64.fetchOne($0, sql: "PRAGMA page_size") ?? 4096 }
            let target = try DatabaseQueue(path: copy.temporaryPath, configuration: configuration)
            defer { try? target.close() }
            try source.backup(to: target, pagesPerStep: 256) {
                try progress(Int64($0.completedPageCount) * page, Int64($0.totalPageCount) * page)
            }
            try target.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = DELETE") }
        } catch let error as DatabaseError {
            // A full disk is that of the copy: the source is only read.
            throw error.resultCode == .SQLITE_FULL || error.resultCode == .SQLITE_IOERR
                ? BackupError(
                    "cannot write \(copy.temporaryPath): \(error.message ?? "full")",
                    remedy: "make room, or choose a place on another disk")
                : StoreError.from(error, path: path)
        }
    }
}

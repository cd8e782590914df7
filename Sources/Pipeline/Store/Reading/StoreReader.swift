import FireModel
import Foundation
import GRDB

/// Answers questions about what is stored, while a daemon writes or with none running. Read-only.
///
/// Every call blocks its thread: keep it off the task pool. None holds a snapshot longer than about a
/// second, because the write-ahead log grows while one is held: what may take longer pages by key through
/// many short reads.
public final class StoreReader: Sendable {
    let path: String
    private let pool: DatabasePool

    /// - Throws: `StoreError`: `cannotOpen`, `newerSchema`, `corrupt`.
    public init(path: String) throws(StoreError) {
        self.path = path
        pool = try Self.open(path)
        let found = try read { try Schema.version(of: $0, path: path) }
        guard found ?? 0 <= Schema.version else { throw .newerSchema(found: found ?? 0, known: Schema.version) }
        guard found == Schema.version else {
            throw .cannotOpen(
                path: path, reason: "it has an older schema",
                remedy: "start the daemon once, it brings the file up to date")
        }
    }

    private static func open(_ path: String) throws(StoreError) -> DatabasePool {
        guard unsafe access(path, R_OK) == 0 else { throw .reading(path, errno: errno) }
        var configuration = Configuration()
        configuration.label = "firesense.reader"
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = 4
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA cache_size = -4096") }
        do {
            let pool = try DatabasePool(path: path, configuration: configuration)
            _ = try pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM sqlite_schema") }
            return pool
        } catch {
            guard StoreError.from(error, path: path).needsWriteAccess, fileSize(path + "-wal") == 0 else {
                throw .from(error, path: path)
            }
        }
        // Whoever may not write in the directory cannot make the shared memory that a WAL database wants.
        // Without a log no daemon runs, the file is all there is, and it may be read as it lies.
        do {
            let name = path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? path
            return try DatabasePool(path: "file:\(name)?immutable=1", configuration: configuration)
        } catch {
            throw .from(error, path: path)
        }
    }

    /// One short snapshot.
    func read<T>(_ body: (Database) throws -> T) throws(StoreError) -> T {
        do {
            return try pool.read(body)
        } catch {
            throw .from(error, path: path)
        }
    }

    public func figures() throws(StoreError) -> StoreFigures {
        let (series, readings) = try read { db in
            (
                try Int64.fetchOne(db, sql: "SELECT max(id) FROM series") ?? 0,
                try Int64.fetchOne(db, sql: "SELECT value FROM meta WHERE name = 'readings'") ?? 0
            )
        }
        return StoreFigures(bytes: fileSize(path) + fileSize(path + "-wal"), series: series, readings: readings)
    }
}

extension StoreError {
    fileprivate static func reading(_ path: String, errno code: Int32) -> StoreError {
        switch code {
        case ENOENT, ENOTDIR:
            .cannotOpen(
                path: path, reason: "no such file", remedy: "correct store.path, or start the daemon, which creates it")
        case EACCES:
            .cannotOpen(
                path: path, reason: "no permission to read it", remedy: "be root, or the user the daemon runs as")
        default: .opening(path, errno: code)
        }
    }

    fileprivate var needsWriteAccess: Bool {
        if case .cannotOpen = self { true } else { false }
    }
}

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
    private let heads: HeadStore
    /// `nil`: the heads are the writer's own.
    private let follower: JournalFollower?
    /// Likewise; `nil`: the file is asked.
    let directory: SharedDirectory?
    private let codecs = CodecPool()
    private let counters: StoreCounters

    /// Beside a writer in this process: what it has in memory is part of the answers.
    /// - Throws: `StoreError`: `cannotOpen`, `newerSchema`, `corrupt`.
    public convenience init(beside writer: StoreWriter) throws(StoreError) {
        try self.init(
            path: writer.connection.path, heads: writer.heads, follower: nil, directory: writer.directory,
            counters: writer.counters)
    }

    /// By itself: what no segment has yet is read from the journal.
    /// - Throws: `StoreError`: `cannotOpen`, `newerSchema`, `corrupt`.
    public convenience init(path: String) throws(StoreError) {
        let follower = JournalFollower()
        try self.init(path: path, heads: follower.heads, follower: follower, directory: nil, counters: StoreCounters())
    }

    /// A file that nobody writes to, whatever is said beside it.
    convenience init(copy path: String) throws(StoreError) {
        let follower = JournalFollower()
        try self.init(
            path: path, heads: follower.heads, follower: follower, directory: nil, counters: StoreCounters(),
            isCopy: true)
    }

    private init(
        path: String, heads: HeadStore, follower: JournalFollower?, directory: SharedDirectory?,
        counters: StoreCounters, isCopy: Bool = false
    ) throws(StoreError) {
        self.path = path
        self.heads = heads
        self.follower = follower
        self.directory = directory
        self.counters = counters
        pool = try isCopy ? Self.openUnchanging(path) : Self.open(path)
        let found = try read { try Schema.version(of: $0, path: path) }
        guard found ?? 0 <= Schema.version else { throw .newerSchema(found: found ?? 0, known: Schema.version) }
        guard found == Schema.version else {
            throw .cannotOpen(
                path: path, reason: "it has an older schema",
                remedy: "start the daemon, which converts it, or run firesense migrate")
        }
    }

    private static var configuration: Configuration {
        var configuration = Configuration()
        configuration.label = "firesense.reader"
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = 4
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA cache_size = -4096") }
        return configuration
    }

    static func open(_ path: String) throws(StoreError) -> DatabasePool {
        guard unsafe access(path, R_OK) == 0 else { throw .reading(path, errno: errno) }
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
        return try openUnchanging(path)
    }

    static func openUnchanging(_ path: String) throws(StoreError) -> DatabasePool {
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

    /// One short snapshot, and the readings in it. It may be told twice.
    func history<T>(_ body: (Database, History) throws -> T) throws(StoreError) -> T {
        let codec = try codecs.take()
        defer { codecs.giveBack(codec) }
        let counters = counters
        let damaged = { (_: String) in counters.damaged.increment() }
        while true {
            do {
                return try pool.read { db in
                    let sealed = try Int64.fetchOne(db, sql: "SELECT value FROM meta WHERE name = 'sealed'") ?? 0
                    try follower?.follow(db, sealed, codec, damaged: damaged)
                    return try body(
                        db,
                        History(
                            heads: heads, sealed: sealed, headsKnowAll: follower == nil, codec: codec,
                            damaged: damaged))
                }
            } catch is History.SnapshotIsStale {
                continue
            } catch {
                throw .from(error, path: path)
            }
        }
    }

    /// The newest reading of each of these series; -1 stands for none. Beside a writer no snapshot is needed.
    func newest(_ series: [Int32]) throws(StoreError) -> [Sample?] {
        guard follower == nil else { return try history { try $1.newest($0, series) } }
        return heads.withLock { state in series.map { $0 < 0 ? nil : state.heads.last($0) } }
    }

    /// Chunks and journal rows that could not be read so far.
    public var damaged: UInt64 { counters.damaged.value }

    public func figures() throws(StoreError) -> StoreFigures {
        let (series, readings) = try history { db, history in
            (
                try Int64.fetchOne(db, sql: "SELECT max(id) FROM series") ?? 0,
                Int64(try history.recent(\.count))
                    + (try Int64.fetchOne(
                        db, sql: "SELECT coalesce(sum(readings), 0) FROM segment WHERE state = 'whole'") ?? 0)
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

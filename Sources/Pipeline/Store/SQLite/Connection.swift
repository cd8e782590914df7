import FireModel
import GRDB
import GRDBSQLite

/// The writer's connection: opened and migrated by GRDB, then used through SQLite's own interface alone.
///
/// GRDB watches transactions through its own calls; once statements run beside it, it is not called again.
/// Used by one thread at a time.
@safe final class Connection {
    let path: String
    let handle: OpaquePointer
    private let queue: DatabaseQueue
    private let lock: StoreLock

    /// - Parameter pageCache: in bytes.
    init(path: String, pageCache: Int = 16 << 20) throws(StoreError) {
        self.path = path
        lock = try StoreLock(databasePath: path)
        var configuration = Configuration()
        configuration.label = "firesense.writer"
        configuration.foreignKeysEnabled = false
        // Readers never hold a lock the writer needs; a checkpoint that restarts the log does, briefly.
        configuration.busyMode = .timeout(5)
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
            try Schema.prepare(queue, path: path)
            unsafe handle = unsafe try queue.unsafeRead { db in
                guard let handle = unsafe db.sqliteConnection else {
                    throw StoreError.unexpected("GRDB lends no connection")
                }
                // GRDB's hooks expect its own calls around every statement; from here on there are none.
                unsafe sqlite3_commit_hook(handle, nil, nil)
                unsafe sqlite3_rollback_hook(handle, nil, nil)
                unsafe sqlite3_set_authorizer(handle, nil, nil)
                return unsafe handle
            }
        } catch {
            throw .from(error, path: path)
        }
        try configure(pageCache: pageCache)
    }

    deinit { try? queue.close() }

    private func configure(pageCache: Int) throws(StoreError) {
        guard try text("PRAGMA journal_mode = WAL") == "wal" else {
            throw .cannotOpen(
                path: path, reason: "the file system does not carry a write-ahead log",
                remedy: "put store.path on a local file system")
        }
        // FULL: a commit is on the disk before the broker is told. Debian's SQLite overwrites what it
        // deletes unless told otherwise, which doubles the writes of retention. Checkpoints are made by
        // `StoreMaintenance`, never by the thread that fires wait for.
        for pragma in [
            "synchronous = FULL", "secure_delete = OFF", "wal_autocheckpoint = 0", "temp_store = MEMORY",
            "cache_size = -\(pageCache >> 10)", "journal_size_limit = \(64 << 20)",
        ] {
            try execute("PRAGMA \(pragma)")
        }
        guard try integer("PRAGMA synchronous") == 2, try integer("PRAGMA secure_delete") == 0 else {
            throw .unexpected("the connection does not take its settings")
        }
    }

    /// Tells `counters` with each commit how long the log is. They must outlive the connection.
    func reportLog(to counters: StoreCounters) {
        unsafe sqlite3_wal_hook(
            handle,
            { context, _, _, pages in
                guard let context = unsafe context else { return SQLITE_OK }
                unsafe Unmanaged<StoreCounters>.fromOpaque(context).takeUnretainedValue().logPages
                    .store(Int(pages), ordering: .relaxed)
                return SQLITE_OK
            }, Unmanaged.passUnretained(counters).toOpaque())
    }

    func execute(_ sql: String) throws(StoreError) { try Statement(self, sql).run() }

    // To the end, not to the first row: what a PRAGMA changes is committed behind it, and only there is told
    // that the commit failed.
    func integer(_ sql: String) throws(StoreError) -> Int64 {
        let statement = try Statement(self, sql)
        var first: Int64?
        while try statement.step() { first = first ?? statement.int(0) }
        return first ?? 0
    }

    func text(_ sql: String) throws(StoreError) -> String {
        let statement = try Statement(self, sql)
        var first: String?
        while try statement.step() { first = first ?? statement.text(0) }
        return first ?? ""
    }

    var isInTransaction: Bool { unsafe sqlite3_get_autocommit(handle) == 0 }
    /// Rows of the last INSERT, UPDATE or DELETE.
    var changes: Int64 { unsafe sqlite3_changes64(handle) }
    var lastRowID: Int64 { unsafe sqlite3_last_insert_rowid(handle) }

    func error(_ code: Int32) -> StoreError {
        .sqlite(code, unsafe String(cString: sqlite3_errmsg(handle)), path: path)
    }
}

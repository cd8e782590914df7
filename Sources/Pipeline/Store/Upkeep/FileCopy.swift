import FireModel
import GRDB
import GRDBSQLite

/// A copy of the database file, piece by piece, while the daemon writes.
///
/// The writer writes into the log alone; the file changes at checkpoints and at no other time. Between two of them it
/// is, byte by byte, the database as of the last. So the copy is the file, and once more those pages that a checkpoint
/// has written where the copy had been already. When none is left, the copy is the database as of the last checkpoint.
/// Neither the writer nor the log waits for it.
///
/// Which pages those are the log itself says, as long as the writer does not begin it anew: a reader keeps it from that
/// from before each checkpoint until it has been looked through.
struct FileCopy {
    /// A place in one generation of the log, by the salts that the writer gives to each.
    private struct Place: Equatable {
        var generation: UInt64
        var frames: Int
    }

    private let path: String
    private let reader: DatabaseQueue
    private let pageSize: Int64
    /// Bytes from the beginning of the file that are copied.
    private var position: Int64 = 0
    private var isAnnounced = false
    /// Pages, from 0, that were written again.
    private var changed: Set<Int64> = []
    /// Some of them, the last first, on their way.
    private var again: [Int64] = []
    /// Brought into the file.
    private var done = Place(generation: 0, frames: 0)
    /// Of the log, as the last checkpoint found it.
    private var seen = Place(generation: 0, frames: 0)
    /// What must be in the file for the copy to hold all that was durable when it began; `nil`: it is.
    private var goal: Place?

    private static let pieceSize: Int64 = 256 << 10

    init(path: String) throws {
        self.path = path
        var configuration = Configuration()
        configuration.label = "firesense.backup"
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        reader = try DatabaseQueue(path: path, configuration: configuration)
        pageSize = try reader.read { try Int64.fetchOne($0, sql: "PRAGMA page_size") ?? 4096 }
    }

    /// The first checkpoint has been made.
    mutating func began() { goal = isBehind ? seen : nil }

    /// The last checkpoint has left some of the log.
    private var isBehind: Bool { seen.frames > (done.generation == seen.generation ? done.frames : 0) }

    // MARK: - Checkpoints

    /// - Returns: Whether the whole log is in the file.
    mutating func checkpoint(_ connection: DatabaseQueue) throws -> Bool {
        var copy = self
        defer { self = copy }
        return try reader.read { reading in
            // Only the first SELECT takes the snapshot.
            _ = try Int.fetchOne(reading, sql: "SELECT count(*) FROM sqlite_schema")
            return try connection.writeWithoutTransaction { db in try copy.checkpoint(db) }
        }
    }

    private mutating func checkpoint(_ db: Database) throws -> Bool {
        let log = try DatabaseFile(db, .log, path)
        let generation = try log.generation()
        guard generation == seen.generation || !isBehind else {
            throw StoreError.busy("another program has brought the log into \(path)")
        }
        if let goal, goal.generation != generation { self.goal = nil }
        let result = try db.checkpoint(.passive)
        guard try log.generation() == generation else {
            // The snapshot needed nothing of the log, so the writer could begin it anew. A snapshot of that kind keeps
            // every checkpoint from writing: nothing has happened to the file.
            seen = Place(generation: generation, frames: 0)
            goal = nil
            return true
        }
        seen = Place(generation: generation, frames: result.walFrameCount)
        let from = done.generation == generation ? done.frames : 0
        if result.checkpointedFrameCount > from {
            for frame in from..<result.checkpointedFrameCount where position > 0 {
                let page = try log.page(ofFrame: frame, pageSize: pageSize)
                if page * pageSize < position { changed.insert(page) }
            }
            done = Place(generation: generation, frames: result.checkpointedFrameCount)
        }
        if let goal, done.generation == generation, done.frames >= goal.frames { self.goal = nil }
        return result.walFrameCount == result.checkpointedFrameCount
    }

    // MARK: - Pieces

    /// - Returns: `nil`: all is copied, but it does not hold yet what it must; a reader needs the log.
    mutating func next(_ connection: DatabaseQueue) throws -> BackupRecord? {
        var copy = self
        defer { self = copy }
        let record = try connection.writeWithoutTransaction { db in
            try copy.next(DatabaseFile(db, .database, path))
        }
        if record == nil { _ = try copy.checkpoint(connection) }
        return record
    }

    private mutating func next(_ file: DatabaseFile) throws -> BackupRecord? {
        let size = try file.size()
        if !isAnnounced {
            isAnnounced = true
            return .size(size)
        }
        if position < size {
            let offset = position
            position = min(size, offset + Self.pieceSize)
            return .bytes(offset, try piece(file, offset, Int(position - offset)))
        }
        if again.isEmpty {
            again = changed.sorted(by: >)
            changed.removeAll()
        }
        if let page = again.popLast() {
            return .bytes(page * pageSize, try piece(file, page * pageSize, Int(pageSize)))
        }
        return goal == nil ? .end(size) : nil
    }

    private func piece(_ file: DatabaseFile, _ offset: Int64, _ count: Int) throws -> [UInt8] {
        var bytes = try file.read(offset, count)
        // In the header, the forms for writing and reading: 1 is a file by itself, 2 is one with a log, which any reader
        // would have to make.
        if offset == 0 { (bytes[18], bytes[19]) = (1, 1) }
        return bytes
    }
}

/// A file of SQLite, through its own handle. To open it once more and close it would give back the locks that this
/// process has on it (fcntl(2)), and another process could take the log for nobody's.
@safe private struct DatabaseFile {
    enum Which {
        case database, log
    }

    private let handle: UnsafeMutablePointer<sqlite3_file>
    private let path: String

    init(_ db: Database, _ which: Which, _ path: String) throws {
        self.path = path
        var handle: UnsafeMutablePointer<sqlite3_file>?
        let operation = which == .database ? SQLITE_FCNTL_FILE_POINTER : SQLITE_FCNTL_JOURNAL_POINTER
        let code = unsafe sqlite3_file_control(db.sqliteConnection, "main", operation, &handle)
        guard code == SQLITE_OK, let handle = unsafe handle, unsafe handle.pointee.pMethods != nil else {
            throw StoreError.unexpected("SQLite lends no file (\(code))")
        }
        unsafe self.handle = unsafe handle
    }

    func size() throws -> Int64 {
        var size: Int64 = 0
        guard let code = unsafe handle.pointee.pMethods.pointee.xFileSize?(handle, &size), code == SQLITE_OK else {
            throw StoreError.io("the size of \(path)")
        }
        return size
    }

    func read(_ offset: Int64, _ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let code = unsafe bytes.withUnsafeMutableBytes {
            unsafe handle.pointee.pMethods.pointee.xRead?(handle, $0.baseAddress, Int32(clamping: $0.count), offset)
        }
        guard code == SQLITE_OK else {
            throw StoreError.io("reading \(count) bytes at \(offset) of \(path) (SQLite \(code ?? -1))")
        }
        return bytes
    }

    // MARK: The log (sqlite.org/fileformat2.html, "The Write-Ahead Log")

    /// The salts; 0 for a log that was never written.
    func generation() throws -> UInt64 {
        guard try size() >= 32 else { return 0 }
        return try read(16, 8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// From 0.
    func page(ofFrame frame: Int, pageSize: Int64) throws -> Int64 {
        try read(32 + Int64(frame) * (24 + pageSize), 4).reduce(0) { $0 << 8 | Int64($1) } - 1
    }
}

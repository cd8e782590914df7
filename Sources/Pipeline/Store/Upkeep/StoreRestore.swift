import FireModel
import Glibc
import GRDB
import GRDBSQLite

/// Puts a backup in the place of the database, with the daemon stopped.
public struct StoreRestore {
    private let backup: String
    private let path: String
    private let replace: Bool
    private let lock: StoreLock
    private let existing: stat?
    /// Of the backup, in bytes.
    public let size: Int64

    private static let suffix = ".restoring"
    /// Where the database is while it is not checked.
    public static func temporaryPath(_ path: String) -> String { path + suffix }

    /// Nothing is changed yet, and no daemon starts on the database as long as this is kept.
    ///
    /// - Parameters:
    ///   - backup: a file that `firesense backup` has made.
    ///   - path: of the database.
    ///   - replace: else a database that is there is an error.
    /// - Throws: `BackupError`.
    public init(_ backup: String, to path: String, replace: Bool) throws {
        self.backup = backup
        self.path = path
        self.replace = replace
        var file = stat()
        guard unsafe stat(backup, &file) == 0, unsafe access(backup, R_OK) == 0 else {
            throw NewFile.failure("read", backup)
        }
        guard file.st_mode & S_IFMT == S_IFREG else { throw BackupError("\(backup) is no file") }
        guard fileSize(backup + "-wal") == 0 else {
            throw BackupError(
                "\(backup) is the database of a daemon and no backup: \(backup)-wal has a part of it",
                remedy: "make a backup of it with firesense backup --database \(backup)")
        }
        size = Int64(file.st_size)
        var found = stat()
        existing = unsafe stat(path, &found) == 0 ? found : nil
        if let existing {
            guard existing.st_ino != file.st_ino || existing.st_dev != file.st_dev else {
                throw BackupError("\(backup) is the database itself")
            }
            guard replace else {
                throw BackupError(
                    "\(path) exists already", remedy: "say --force; the database that is there is kept beside it")
            }
        }
        let hadLock = unsafe access(path + ".lock", F_OK) == 0
        lock = try Self.lock(path)
        if !hadLock { try Self.give(path + ".lock", like: existing, folder: path) }
        try Self.expectRoom(for: size, path)
    }

    /// Copies, checks the copy, and lets it take the database's place: at every moment one of the two has the name.
    ///
    /// - Parameters:
    ///   - now: for the name of the database that was there.
    ///   - copied: told how many bytes more are copied.
    ///   - checked: told the share of the copy that is checked, 0 to 1.
    /// - Returns: what is in it, and where the database that was there is now.
    /// - Throws: `BackupError`, `StoreError`; the database is as it was.
    public func run(
        now: Timestamp, copied: (Int) -> Void, checked: (Double) -> Void
    ) throws -> (contents: StoreContents, kept: String?) {
        let new = try NewFile(path, replace: replace, suffix: Self.suffix)
        try copy(to: new, copied)
        try forget(new)
        let contents = try StoreInspector.examine(copy: new.temporaryPath, progress: checked)
        if let first = contents.damage.first {
            throw BackupError(
                "\(backup) is damaged: \(first)" + (contents.damage.count > 1 ? ", and more" : ""),
                remedy: "restore another backup")
        }
        let owner = try Self.owner(existing, path)
        try new.give(to: owner.st_uid, owner.st_gid, mode: existing.map { $0.st_mode & 0o777 } ?? 0o640)
        try new.finish()
        let kept = existing == nil ? nil : try keep(now)
        do {
            try new.publish(replace: replace)
        } catch {
            if let kept { giveBack(kept) }
            throw error
        }
        // Without a log it holds nothing, and the next daemon makes its own.
        unsafe unlink(path + "-shm")
        return (contents, kept)
    }

    private func copy(to new: NewFile, _ copied: (Int) -> Void) throws {
        let source = unsafe open(backup, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw NewFile.failure("read", backup) }
        defer { close(source) }
        var place: Int64 = 0
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = unsafe read(source, &buffer, buffer.count)
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw NewFile.failure("read", backup)
            }
            try new.write(Array(buffer[..<count]), at: place)
            try new.sync(from: 16 << 20)
            place += Int64(count)
            copied(count)
        }
        guard place > 0 else { throw BackupError("\(backup) is empty", remedy: "restore another backup") }
    }

    /// What was perhaps not acknowledged then is long settled. Kept, it could take a new message for one of that time.
    private func forget(_ new: NewFile) throws {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        do {
            let queue = try DatabaseQueue(path: new.temporaryPath, configuration: configuration)
            defer { try? queue.close() }
            guard let version = try queue.read({ try Schema.version(of: $0, path: backup) }), version > 0 else {
                throw BackupError("\(backup) holds nothing", remedy: "restore another backup")
            }
            guard version <= Schema.version else {
                throw StoreError.newerSchema(found: version, known: Schema.version)
            }
            try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = DELETE") }
            try queue.write { try $0.execute(sql: "DELETE FROM redelivery") }
        } catch let error as DatabaseError {
            throw StoreError.from(error, path: backup)
        }
    }

    // MARK: - The database that was there

    /// Gives it a second name, and sees that its log holds nothing any more: beside another file it would destroy that.
    private func keep(_ now: Timestamp) throws -> String {
        let time = now.rfc3339.prefix(19).filter { $0 != "-" && $0 != ":" }
        let kept = "\(path).before-\(time)Z"
        let log = path + "-wal"
        let hasLog = fileSize(log) > 0
        // Of a damaged database SQLite would throw it away unread.
        if hasLog, unsafe link(log, kept + "-wal") != 0 { throw NewFile.failure("keep", log) }
        if hasLog, bringInLog() { unsafe unlink(kept + "-wal") }
        do {
            guard unsafe link(path, kept) == 0 else { throw NewFile.failure("keep the database as", kept) }
            try NewFile.syncFolder(of: path)
            unsafe unlink(log)
            try NewFile.syncFolder(of: path)
        } catch {
            giveBack(kept)
            throw error
        }
        return kept
    }

    private func giveBack(_ kept: String) {
        unsafe rename(kept + "-wal", path + "-wal")
        unsafe unlink(kept)
    }

    /// - Returns: Whether all of the log is in the file.
    private func bringInLog() -> Bool {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        guard let queue = try? DatabaseQueue(path: path, configuration: configuration) else { return false }
        defer { try? queue.close() }
        let done = try? queue.writeWithoutTransaction { try $0.checkpoint(.truncate) }
        return done != nil && fileSize(path + "-wal") == 0
    }

    // MARK: - Whose it is

    private static func owner(_ existing: stat?, _ path: String) throws -> stat {
        if let existing { return existing }
        var folder = stat()
        guard unsafe stat(NewFile.folder(of: path), &folder) == 0 else { throw NewFile.failure("read", path) }
        return folder
    }

    /// The daemon must be able to open what root has made.
    private static func give(_ file: String, like existing: stat?, folder path: String) throws {
        let owner = try owner(existing, path)
        guard unsafe chown(file, owner.st_uid, owner.st_gid) == 0 else {
            throw NewFile.failure("set the owner of", file)
        }
    }

    private static func lock(_ path: String) throws -> StoreLock {
        do {
            return try StoreLock(databasePath: path)
        } catch {
            guard case .inUse(_, let process) = error else { throw error }
            throw BackupError(
                "a daemon has \(path)\(process.map { " (process \($0))" } ?? "")",
                remedy: "systemctl stop firesense, restore, systemctl start firesense")
        }
    }

    private static func expectRoom(for size: Int64, _ path: String) throws {
        var figures = statvfs()
        let folder = NewFile.folder(of: path)
        guard unsafe statvfs(folder, &figures) == 0 else { return }
        let free = Int64(clamping: UInt64(figures.f_bavail) * UInt64(figures.f_frsize))
        let needed = size + (4 << 20)
        guard free < needed else { return }
        throw BackupError(
            "\(folder) has \(free >> 20) MiB free, \((needed + (1 << 20) - 1) >> 20) MiB are needed",
            remedy: "make room; the database that is there is kept until you delete it")
    }
}

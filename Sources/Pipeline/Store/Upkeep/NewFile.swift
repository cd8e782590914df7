import Glibc

/// A file that appears under its name as a whole, or not at all.
///
/// It is written under another name beside it, brought to the disk, and renamed. What a process that was killed has
/// left under that name is taken over by the next.
public final class NewFile {
    public let path: String
    public let temporaryPath: String
    private var descriptor: Int32
    private var isPublished = false
    /// Written and perhaps not on the disk yet, in bytes.
    private var unsynced = 0

    /// - Parameters:
    ///   - replace: else a file that has the name already is an error.
    ///   - suffix: of the name it has meanwhile.
    ///   - mode: before the umask.
    public init(_ path: String, replace: Bool, suffix: String = ".part", mode: mode_t = 0o640) throws(BackupError) {
        self.path = path
        temporaryPath = path + suffix
        var existing = stat()
        if unsafe lstat(path, &existing) == 0 {
            guard existing.st_mode & S_IFMT == S_IFREG else { throw BackupError("\(path) is no file") }
            guard replace else {
                throw BackupError("\(path) exists already", remedy: "choose another name, or say --force")
            }
        }
        // The rights it is to have, not those of a file that somebody has left there.
        descriptor = unsafe open(temporaryPath, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, mode)
        guard descriptor >= 0 else { throw Self.failure("create", temporaryPath) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            descriptor = -1
            throw BackupError("\(temporaryPath) is being written by another firesense", remedy: "wait for it")
        }
        guard ftruncate(descriptor, 0) == 0, fchmod(descriptor, mode & ~Self.umask) == 0 else {
            throw Self.failure("write", temporaryPath)
        }
        Self.removeCompanions(of: temporaryPath)
    }

    deinit {
        guard descriptor >= 0 else { return }
        if !isPublished { Self.remove(temporaryPath) }
        close(descriptor)
    }

    /// What is left of one that was not finished.
    public static func remove(_ temporaryPath: String) {
        unsafe unlink(temporaryPath)
        removeCompanions(of: temporaryPath)
    }

    /// What SQLite has beside a file while it works on it. A journal of another file would destroy this one.
    private static func removeCompanions(of path: String) {
        for ending in ["-journal", "-wal", "-shm"] { unsafe unlink(path + ending) }
    }

    /// Nobody but a process itself knows its umask, and it can only be asked by setting it.
    private static let umask: mode_t = {
        let mask = Glibc.umask(0o077)
        _ = Glibc.umask(mask)
        return mask
    }()

    public func write(_ bytes: [UInt8], at place: Int64) throws(BackupError) {
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe pwrite(
                    descriptor, $0.baseAddress?.advanced(by: written), $0.count - written,
                    off_t(clamping: place) + written)
            }
            if count > 0 {
                written += count
            } else if count == 0 || errno != EINTR {
                throw Self.failure("write", temporaryPath)
            }
        }
        unsynced += bytes.count
    }

    /// Brings to the disk what was written, once it is so much: where much waits to be written, a commit of the daemon
    /// on the same disk waits for it, too.
    ///
    /// - Returns: how long that took.
    @discardableResult public func sync(from bytes: Int = 1 << 20) throws(BackupError) -> Duration {
        guard unsynced >= bytes else { return .zero }
        let start = ContinuousClock.now
        guard fdatasync(descriptor) == 0 else { throw Self.failure("write", temporaryPath) }
        unsynced = 0
        return start.duration(to: .now)
    }

    public func truncate(to size: Int64) throws(BackupError) {
        guard ftruncate(descriptor, off_t(clamping: size)) == 0 else { throw Self.failure("write", temporaryPath) }
    }

    func give(to owner: uid_t, _ group: gid_t, mode: mode_t) throws(BackupError) {
        guard fchown(descriptor, owner, group) == 0, fchmod(descriptor, mode) == 0 else {
            throw Self.failure("set the owner of", temporaryPath)
        }
    }

    /// On the disk, under the temporary name.
    public func finish() throws(BackupError) {
        guard fsync(descriptor) == 0 else { throw Self.failure("write", temporaryPath) }
    }

    /// Gives it its name.
    ///
    /// - Parameter replace: else a file that has come to have it meanwhile stays, and this is an error.
    public func publish(replace: Bool) throws(BackupError) {
        try finish()
        if !replace {
            // A link does what a rename cannot: it refuses to take the place of another.
            if unsafe link(temporaryPath, path) == 0 {
                unsafe unlink(temporaryPath)
                isPublished = true
                return try Self.syncFolder(of: path)
            }
            guard errno != EEXIST else {
                throw BackupError("\(path) has appeared meanwhile", remedy: "choose another name, or say --force")
            }
            // Media such as FAT know no links.
            guard unsafe access(path, F_OK) != 0 else { throw Self.failure("create", path) }
        }
        guard unsafe rename(temporaryPath, path) == 0 else { throw Self.failure("rename", temporaryPath) }
        isPublished = true
        try Self.syncFolder(of: path)
    }

    static func syncFolder(of path: String) throws(BackupError) {
        let folder = folder(of: path)
        let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", folder) }
        defer { close(descriptor) }
        // File systems that cannot bring a folder to the disk say EINVAL.
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw failure("write", folder) }
    }

    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Of the last call that failed.
    static func failure(_ deed: String, _ path: String) -> BackupError {
        let code = errno
        let remedy: String? =
            switch code {
            case ENOSPC, EDQUOT, EFBIG: "make room, or choose a place on another disk"
            case ENOENT, ENOTDIR: "create the folder \(folder(of: path)) first"
            case EACCES, EPERM: "choose a folder you may write in, or use sudo"
            case EROFS: "choose a place that can be written"
            default: nil
            }
        return BackupError("cannot \(deed) \(path): \(unsafe String(cString: strerror(code)))", remedy: remedy)
    }
}

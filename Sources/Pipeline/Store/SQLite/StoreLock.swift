import Glibc

/// One daemon per database: an advisory lock on a file beside it, held for life. The kernel gives it
/// back whatever the process dies of. Not SQLite's own exclusive mode, which would shut out readers.
final class StoreLock {
    private let descriptor: Int32

    init(databasePath: String) throws(StoreError) {
        let path = databasePath + ".lock"
        descriptor = unsafe open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw .opening(databasePath, errno: errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let holder = Self.holder(descriptor)
            close(descriptor)
            throw .inUse(path: databasePath, by: holder)
        }
        let text = Array("\(getpid())\n".utf8)
        // Only for the message of whoever comes second; the lock does not depend on it.
        if ftruncate(descriptor, 0) == 0 { _ = unsafe pwrite(descriptor, text, text.count, 0) }
    }

    deinit { close(descriptor) }

    private static func holder(_ descriptor: Int32) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = unsafe pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }
}

extension StoreError {
    /// What the system said when a file of the store was to be opened.
    static func opening(_ path: String, errno code: Int32) -> StoreError {
        let slash = path.lastIndex(of: "/")
        let directory = slash.map { String(path[..<$0]) } ?? "."
        switch code {
        case ENOSPC, EDQUOT: return .full("\(directory) has no space left")
        case EIO: return .io("opening a file in \(directory)")
        case ENOENT:
            return .cannotOpen(
                path: path, reason: "the directory \(directory) does not exist",
                remedy: "create it for the user firesense, mode 0750, or correct store.path")
        case ENOTDIR:
            return .cannotOpen(
                path: path, reason: "\(directory) is not a directory", remedy: "correct store.path")
        case EACCES, EPERM:
            return .cannotOpen(
                path: path, reason: "no permission to write in \(directory)",
                remedy: "give the directory to the user the daemon runs as")
        case EROFS:
            return .cannotOpen(
                path: path, reason: "the file system is read-only",
                remedy: "look at the kernel's log, then mount it writable")
        default:
            return .cannotOpen(
                path: path, reason: unsafe String(cString: strerror(code)), remedy: "check store.path and its directory"
            )
        }
    }
}

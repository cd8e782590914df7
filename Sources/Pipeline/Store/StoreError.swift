import FireModel

/// Why the store could not do what it was asked for. Each text says what to do about it.
public enum StoreError: Error, Equatable, Sendable {
    /// The directory or file is missing, not writable, read-only, or no database of ours.
    case cannotOpen(path: String, reason: String, remedy: String)
    /// Another daemon has the database.
    case inUse(path: String, by: Int32?)
    /// Written by a newer version of this program.
    case newerSchema(found: Int, known: Int)
    /// The file is damaged or not a database.
    case corrupt(String)
    /// The disk or the size bound is reached.
    case full(String)
    /// The disk answered with an error.
    case io(String)
    /// Another connection held its lock for too long.
    case busy(String)
    /// A cursor that this list never gave out.
    case invalidCursor
    /// The question reaches too far; how to narrow it.
    case tooMuch(String)
    /// SQLite refused something of ours: a fault in this program.
    case unexpected(String)

    /// Whether trying the same again later can help without anybody touching the file.
    public var isTransient: Bool {
        switch self {
        case .cannotOpen, .full, .io, .busy: true
        case .inUse, .newerSchema, .corrupt, .invalidCursor, .tooMuch, .unexpected: false
        }
    }
}

extension StoreError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .cannotOpen(let path, let reason, let remedy): "cannot open \(path): \(reason): \(remedy)"
        case .inUse(let path, let process):
            "\(path) is in use by another daemon\(process.map { " (process \($0))" } ?? ""): stop it, or give this one "
                + "another store.path"
        case .newerSchema(let found, let known):
            "the database has schema \(found), this program knows up to \(known): install the version that wrote it, "
                + "or a newer one"
        case .corrupt(let detail):
            "the database is damaged: \(detail): keep the file, save what 'sqlite3 FILE .recover' still reads, start "
                + "with an empty one"
        case .full(let detail):
            "no room to store: \(detail): free disk space, raise store.max_size or lower store.retention"
        case .io(let detail):
            "the disk answers with an error: \(detail): look at the kernel's log and replace the medium"
        case .busy(let detail): "the database stays locked: \(detail): end other programs that write to it"
        case .invalidCursor: "the cursor is not one this list gave out: start again without it"
        case .tooMuch(let detail): detail
        case .unexpected(let detail): "unexpected answer of SQLite: \(detail): please report this"
        }
    }
}

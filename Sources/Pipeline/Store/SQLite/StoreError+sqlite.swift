import GRDB
import GRDBSQLite

extension StoreError {
    /// - Parameter code: a result code of SQLite, primary or extended.
    static func sqlite(_ code: Int32, _ message: String, path: String) -> StoreError {
        let detail = "\(message) (SQLite \(code))"
        switch code & 0xFF {
        case SQLITE_FULL: return .full(detail)
        case SQLITE_IOERR, SQLITE_NOMEM: return .io(detail)
        case SQLITE_CORRUPT, SQLITE_NOTADB: return .corrupt("\(path): \(detail)")
        case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL: return .busy(detail)
        case SQLITE_READONLY, SQLITE_PERM:
            return .cannotOpen(
                path: path, reason: "not writable: \(detail)",
                remedy: "give the file and its directory to the user the daemon runs as, on a writable file system")
        case SQLITE_CANTOPEN:
            return .cannotOpen(
                path: path, reason: detail, remedy: "check that the file and its directory exist and may be read")
        default: return .unexpected(detail)
        }
    }

    /// Whatever GRDB throws.
    static func from(_ error: any Error, path: String) -> StoreError {
        switch error {
        case let error as StoreError: error
        case let error as DatabaseError:
            .sqlite(error.extendedResultCode.rawValue, error.message ?? "no message", path: path)
        default: .unexpected("\(error)")
        }
    }
}

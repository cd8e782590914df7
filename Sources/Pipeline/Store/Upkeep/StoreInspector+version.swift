import GRDB
import GRDBSQLite

extension StoreInspector {
    /// Version of SQLite in use, `3.40.1`.
    public static var libraryVersion: String { unsafe String(cString: sqlite3_libversion()) }

    public enum Form: Sendable {
        case today
        /// The daemon brings it into today's when it starts.
        case older
    }

    /// - Throws: `StoreError`, also for a form that is newer than this program.
    public static func form(of path: String) throws(StoreError) -> Form {
        let pool = try StoreReader.open(path)
        do {
            let version = try pool.read { try Schema.version(of: $0, path: path) } ?? 0
            guard version <= Schema.version else { throw StoreError.newerSchema(found: version, known: Schema.version) }
            return try version == Schema.version && !pool.read { try $0.tableExists("reading") } ? .today : .older
        } catch {
            throw .from(error, path: path)
        }
    }
}

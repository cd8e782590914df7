import GRDBSQLite

extension StoreInspector {
    /// Version of SQLite in use, `3.40.1`.
    public static var libraryVersion: String { unsafe String(cString: sqlite3_libversion()) }
}

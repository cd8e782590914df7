import GRDB

/// Looks at a database from outside, for `doctor`.
public enum StoreInspector {
    /// Reads the whole file, so it takes minutes on a large one; the daemon may go on meanwhile.
    /// - Returns: What is wrong, at most 20 findings; empty: nothing.
    /// - Throws: `StoreError` if it cannot be opened.
    public static func integrityCheck(path: String) throws(StoreError) -> [String] {
        let reader = try StoreReader(path: path)
        let findings = try reader.read { try String.fetchAll($0, sql: "PRAGMA quick_check(20)") }
        return findings == ["ok"] ? [] : findings
    }
}

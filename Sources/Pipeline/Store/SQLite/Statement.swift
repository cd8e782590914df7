import FireModel
import GRDBSQLite

/// A prepared statement, kept as long as whoever holds it.
///
/// Bind, step, read, reset. A failed binding is reported by the next step.
@safe final class Statement {
    private let connection: Connection
    private let handle: OpaquePointer
    private var bindingCode = SQLITE_OK

    init(_ connection: Connection, _ sql: String) throws(StoreError) {
        self.connection = connection
        var handle: OpaquePointer?
        let code = unsafe sqlite3_prepare_v3(
            connection.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
        guard code == SQLITE_OK, let handle = unsafe handle else { throw connection.error(code) }
        unsafe self.handle = unsafe handle
    }

    deinit { unsafe sqlite3_finalize(handle) }

    // MARK: Parameters, counted from 1

    func bind(_ index: Int32, _ value: Int64) { note(unsafe sqlite3_bind_int64(handle, index, value)) }
    func bind(_ index: Int32, _ value: Bool) { bind(index, value ? 1 : 0) }
    func bind(_ index: Int32, _ value: Timestamp) { bind(index, value.milliseconds) }

    func bind(_ index: Int32, _ value: Int64?) {
        if let value { bind(index, value) } else { bindNull(index) }
    }

    func bind(_ index: Int32, _ text: String?) {
        guard var text else { return bindNull(index) }
        // An empty string may have no address, and SQLite takes no address for NULL.
        guard !text.isEmpty else { return note(unsafe sqlite3_bind_text(handle, index, "", 0, nil)) }
        let code = text.withUTF8 { bytes in
            unsafe bytes.withMemoryRebound(to: CChar.self) {
                unsafe sqlite3_bind_text(handle, index, $0.baseAddress, Int32(clamping: $0.count), copied)
            }
        }
        note(code)
    }

    func bind(_ index: Int32, _ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return note(unsafe sqlite3_bind_zeroblob(handle, index, 0)) }
        note(unsafe sqlite3_bind_blob(handle, index, bytes, Int32(clamping: bytes.count), copied))
    }

    /// The type is kept: a number is REAL, a boolean INTEGER, a text TEXT. SQLite turns NaN into NULL, so
    /// that one is kept as the eight bytes of its pattern.
    func bind(_ index: Int32, _ value: Value) {
        switch value {
        case .number(let x) where x.isNaN:
            bind(index, (0..<8).map { UInt8(truncatingIfNeeded: x.bitPattern >> ($0 * 8)) })
        case .number(let x): note(unsafe sqlite3_bind_double(handle, index, x))
        case .boolean(let x): bind(index, x)
        case .text(let x): bind(index, x)
        }
    }

    private func bindNull(_ index: Int32) { note(unsafe sqlite3_bind_null(handle, index)) }

    private func note(_ code: Int32) {
        if code != SQLITE_OK, bindingCode == SQLITE_OK { bindingCode = code }
    }

    // MARK: Running

    /// `true`: there is a row to read.
    func step() throws(StoreError) -> Bool {
        guard bindingCode == SQLITE_OK else { throw connection.error(bindingCode) }
        switch unsafe sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw connection.error(code)
        }
    }

    /// Steps to the end and resets.
    func run() throws(StoreError) {
        defer { reset() }
        while try step() {}
    }

    /// Lets go of the row, of the lock a read holds, and of what was bound.
    func reset() {
        unsafe sqlite3_reset(handle)
        unsafe sqlite3_clear_bindings(handle)
        bindingCode = SQLITE_OK
    }

    /// Rows of the last INSERT, UPDATE or DELETE of this connection.
    var changes: Int64 { connection.changes }

    // MARK: Columns, counted from 0

    func int(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(handle, column) }
    func time(_ column: Int32) -> Timestamp { Timestamp(milliseconds: int(column)) }

    func optionalInt(_ column: Int32) -> Int64? {
        unsafe sqlite3_column_type(handle, column) == SQLITE_NULL ? nil : int(column)
    }

    func text(_ column: Int32) -> String {
        guard let bytes = unsafe sqlite3_column_text(handle, column) else { return "" }
        return unsafe String(
            decoding: UnsafeBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(handle, column))), as: UTF8.self
        )
    }

    func optionalText(_ column: Int32) -> String? {
        unsafe sqlite3_column_type(handle, column) == SQLITE_NULL ? nil : text(column)
    }

    func bytes(_ column: Int32) -> [UInt8] {
        guard let bytes = unsafe sqlite3_column_blob(handle, column) else { return [] }
        return unsafe Array(UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(handle, column))))
    }

    func value(_ column: Int32) -> Value? {
        switch unsafe sqlite3_column_type(handle, column) {
        case SQLITE_FLOAT: .number(unsafe sqlite3_column_double(handle, column))
        case SQLITE_INTEGER: .boolean(int(column) != 0)
        case SQLITE_TEXT: .text(text(column))
        case SQLITE_BLOB: Value(nanPattern: bytes(column))
        default: nil
        }
    }
}

/// SQLite makes a copy: names and texts do not outlive the call. (`SQLITE_TRANSIENT`, a macro that Swift
/// does not import.)
nonisolated(unsafe) private let copied = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)

extension Value {
    /// A NaN as `Statement.bind` keeps it.
    init?(nanPattern bytes: some Collection<UInt8>) {
        guard bytes.count == 8 else { return nil }
        self = .number(Double(bitPattern: bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }))
    }
}

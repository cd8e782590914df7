import ArgumentParser
import FireModel
import Foundation
import GRDBSQLite

/// `store-bench rows`: what a gateway would do without a store of its own.
struct Rows: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Into a plain SQLite table, a row a reading, clustered on (series, ts).")

    @Argument(help: "The database; must not exist.")
    var path: String
    @OptionGroup var options: FeedOptions
    @Option(help: "Readings a batch.")
    var batch = 1000

    func run() throws {
        guard !FileManager.default.fileExists(atPath: path) else { throw ValidationError("\(path) exists") }
        let table = try RowTable(path)
        var feed = options.feed
        let fleet = Fleet(catalogue: Catalogue(kinds: []))
        let written = Measures.bytesWritten()
        var (count, cpu) = (0, 0.0)
        var readings: [(series: Int32, at: Int64, value: Value)] = []
        func commit() throws {
            let start = Measures.threadSeconds()
            try table.insert(readings)
            cpu += Measures.threadSeconds() - start
            count += readings.count
            readings.removeAll(keepingCapacity: true)
        }
        for second in options.seconds {
            try feed.second(second) { report, device in
                let series = Filling.series(report, &device, fleet)
                for (index, entry) in report.measurement.told.enumerated() {
                    readings.append((series[index], report.at, entry.value))
                }
                if readings.count >= batch { try commit() }
            }
        }
        try commit()
        try table.finish()
        tell("readings", Double(count), "")
        tell("CPU to commit", cpu / Double(count) * 1e9, "ns/reading")
        tell("written in all", Double(Measures.bytesWritten() - written) / Double(count), "bytes/reading")
        tell("on disk", Double(Measures.size(path)) / Double(count), "bytes/reading")
    }
}

/// The table and its two statements.
@safe private final class RowTable {
    private let database: OpaquePointer
    private let insertion: OpaquePointer

    struct Refused: Error, CustomStringConvertible {
        var description: String
    }

    init(_ path: String) throws {
        var opened: OpaquePointer?
        guard unsafe sqlite3_open(path, &opened) == SQLITE_OK, let opened = unsafe opened else {
            throw Refused(description: "cannot open \(path)")
        }
        unsafe database = unsafe opened
        try unsafe Self.execute(
            opened,
            """
            PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = OFF; PRAGMA cache_size = -65536;
            CREATE TABLE reading (series INTEGER, ts INTEGER, value, PRIMARY KEY (series, ts)) WITHOUT ROWID;
            """)
        var prepared: OpaquePointer?
        let sql = "INSERT OR IGNORE INTO reading VALUES (?, ?, ?)"
        guard unsafe sqlite3_prepare_v2(opened, sql, -1, &prepared, nil) == SQLITE_OK, let prepared = unsafe prepared
        else { throw Refused(description: unsafe String(cString: sqlite3_errmsg(opened))) }
        unsafe insertion = unsafe prepared
    }

    func insert(_ readings: [(series: Int32, at: Int64, value: Value)]) throws {
        try unsafe Self.execute(database, "BEGIN")
        for reading in readings {
            unsafe sqlite3_bind_int64(insertion, 1, Int64(reading.series))
            unsafe sqlite3_bind_int64(insertion, 2, reading.at)
            switch reading.value {
            case .number(let x): unsafe sqlite3_bind_double(insertion, 3, x)
            case .boolean(let x): unsafe sqlite3_bind_int(insertion, 3, x ? 1 : 0)
            case .text(let x):
                // SQLITE_TRANSIENT: copied before the call returns.
                unsafe sqlite3_bind_text(insertion, 3, x, -1, unsafeBitCast(-1, to: sqlite3_destructor_type.self))
            }
            guard unsafe sqlite3_step(insertion) == SQLITE_DONE else {
                throw Refused(description: unsafe String(cString: sqlite3_errmsg(database)))
            }
            unsafe sqlite3_reset(insertion)
        }
        try unsafe Self.execute(database, "COMMIT")
    }

    func finish() throws { try unsafe Self.execute(database, "PRAGMA wal_checkpoint(TRUNCATE)") }

    private static func execute(_ database: OpaquePointer, _ sql: String) throws {
        guard unsafe sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK else {
            throw Refused(description: unsafe String(cString: sqlite3_errmsg(database)))
        }
    }

    deinit {
        unsafe sqlite3_finalize(insertion)
        unsafe sqlite3_close(database)
    }
}

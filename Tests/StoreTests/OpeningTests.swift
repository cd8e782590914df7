import FireModel
import Foundation
import GRDB
import Testing

@testable import FireStore

struct OpeningTests {
    @Test func writerSyncsEveryCommit() throws {
        let connection = try Bench().open().connection
        #expect(try connection.integer("PRAGMA synchronous") == 2)
        #expect(try connection.text("PRAGMA journal_mode") == "wal")
        #expect(try connection.integer("PRAGMA secure_delete") == 0)
        #expect(try connection.integer("PRAGMA wal_autocheckpoint") == 0)
    }

    @Test func secondWriterIsRefused() throws {
        let bench = try Bench()
        expectError({ $0 == .inUse(path: bench.path, by: getpid()) && !$0.isTransient }) {
            _ = try StoreWriter(path: bench.path, settings: StoreSettings())
        }
        bench.close()
        _ = try bench.restart()
    }

    @Test func newerSchemaIsRefused() throws {
        let bench = try Bench()
        try bench.open().connection.execute("INSERT INTO grdb_migrations VALUES ('99')")
        expectError({ $0 == .newerSchema(found: 99, known: Schema.version) }) { _ = try bench.reader() }
        expectError({ $0 == .newerSchema(found: 99, known: Schema.version) }) { _ = try bench.restart() }
    }

    @Test func fileThatIsNoDatabaseIsRefused() throws {
        let bench = try Bench()
        bench.close()
        try Data(repeating: 0x58, count: 10_000).write(to: URL(fileURLWithPath: bench.path))
        expectError({ if case .corrupt = $0 { true } else { false } }) { _ = try bench.restart() }
        expectError({ if case .corrupt = $0 { true } else { false } }) { _ = try bench.reader() }
    }

    @Test func databaseOfAnotherProgramIsRefused() throws {
        let bench = try Bench()
        let other = bench.folder.appendingPathComponent("other.sqlite").path
        try DatabaseQueue(path: other).write { try $0.execute(sql: "CREATE TABLE t(a)") }
        for attempt in [
            { _ = try StoreWriter(path: other, settings: StoreSettings()) }, { _ = try StoreReader(path: other) },
        ] {
            expectError({ if case .cannotOpen = $0 { true } else { false } }, attempt)
        }
        let tables = try DatabaseQueue(path: other).read {
            try Int.fetchOne($0, sql: "SELECT count(*) FROM sqlite_schema")
        }
        #expect(tables == 1)
    }

    @Test func damageInsideTheFileIsFound() throws {
        let bench = try Bench()
        let series = bench.series("h1", "pressure")
        var dice = Dice(seed: 1)
        for at in 0..<20_000 as Range<Int64> {
            try bench.admit(series, at, .text(String(dice.next())))
            if at % 100 == 0 { try bench.commit() }
        }
        try bench.commit()
        #expect(try StoreInspector.integrityCheck(path: bench.path) == [])
        bench.close()
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: bench.path))
        let size = try file.seekToEnd()
        for page in stride(from: size / 2, to: size, by: 4096) {
            try file.seek(toOffset: page / 4096 * 4096)
            file.write(Data(repeating: 0xFF, count: 4096))
        }
        try file.close()
        expectError({ if case .corrupt = $0 { true } else { false } }) {
            let findings = try StoreInspector.integrityCheck(path: bench.path)
            #expect(!findings.isEmpty)
            throw StoreError.corrupt("found")
        }
        let reader = try bench.reader()
        expectError({ if case .corrupt = $0 { true } else { false } }) {
            _ = try reader.readings(ReadingQuery(device: "h1", component: nil, metric: "pressure"))
        }
    }

    @Test(arguments: ["missing/firesense.sqlite", "file/firesense.sqlite"])
    func unusableDirectoryIsNamedWithItsRemedy(_ name: String) throws {
        let bench = try Bench()
        try Data().write(to: bench.folder.appendingPathComponent("file"))
        let path = bench.folder.appendingPathComponent(name).path
        expectError({
            guard case .cannotOpen(path, let reason, let remedy) = $0 else { return false }
            return !reason.isEmpty && remedy.contains("store.path") && $0.isTransient
        }) { _ = try StoreWriter(path: path, settings: StoreSettings()) }
        expectError({ if case .cannotOpen = $0 { true } else { false } }) { _ = try StoreReader(path: path) }
    }

    @Test func readerWorksWithTheDaemonStopped() throws {
        let bench = try Bench()
        try bench.admit(bench.series("h1", "pressure"), 0, .number(1))
        try bench.commit()
        bench.close()
        #expect(!FileManager.default.fileExists(atPath: bench.path + "-wal"))
        #expect(try bench.reader().figures().readings == 1)
        // And while one runs again, on the connection that was open before.
        let reader = try bench.reader()
        _ = try bench.restart()
        try bench.admit(0, 1, .number(2))
        try bench.commit()
        #expect(try reader.figures().readings == 2)
    }
}

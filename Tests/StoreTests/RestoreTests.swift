import FireModel
import Foundation
import GRDB
import Testing

@testable import FireStore

struct RestoreTests {
    /// A backup of `count` readings, in the bench's folder; its store is closed.
    private func backup(_ bench: Bench, _ count: Int64, isLarge: Bool = false) throws -> String {
        let series = bench.series("h1", "pressure")
        for at in 0..<count { try bench.admit(series, at, .number(Double(at))) }
        if isLarge {
            var dice = Dice(seed: 1)
            let texts = bench.series("h1", "state")
            for at in 0..<2000 as Range<Int64> {
                try bench.admit(texts, at, .text((0..<16).map { _ in String(dice.next(), radix: 36) }.joined()))
                if at % 100 == 99 { try bench.commit() }
            }
            try bench.seal()
        }
        try bench.open().remember(
            redelivery: Redelivery(lane: .urgent, packetID: 7, contentHash: 8, receivedAt: start))
        try bench.commit()
        bench.close()
        let file = try NewFile(bench.folder.path + "/backup", replace: false)
        try StoreInspector.copy(bench.path, to: file, progress: { _, _ in })
        try file.publish(replace: false)
        return file.path
    }

    private func restore(_ backup: String, to path: String, replace: Bool = false) throws -> String? {
        try StoreRestore(backup, to: path, replace: replace)
            .run(now: start, copied: { _ in }, checked: { _ in }).kept
    }

    @Test func intoAnEmptyPlaceAndTheDaemonGoesOn() throws {
        let bench = try Bench()
        let path = try backup(bench, 100)
        let place = bench.folder.appendingPathComponent("fresh")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        let target = place.path + "/firesense.sqlite"
        #expect(try restore(path, to: target) == nil)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: place.path).sorted() == [
                "firesense.sqlite", "firesense.sqlite.lock",
            ])
        let writer = try StoreWriter(path: target, settings: StoreSettings())
        let state = try writer.load(into: Fleet(catalogue: catalogue))
        #expect(state.latest.map(\.value) == [.number(99)])
        // A message of today must not be taken for one of the time of the backup.
        #expect(state.redeliveries.isEmpty)
        #expect(try StoreReader(beside: writer).figures().readings == 100)
    }

    @Test func whatWasThereIsKeptWithItsLog() throws {
        let bench = try Bench()
        let path = try backup(bench, 100)
        try bench.reopen()
        for at in 100..<150 { try bench.admit(0, Int64(at), .number(0)) }
        try bench.commit()
        // As a daemon that was killed leaves it: with a log that has not been brought in.
        let target = bench.folder.path + "/killed.sqlite"
        for ending in ["", "-wal"] {
            try FileManager.default.copyItem(atPath: bench.path + ending, toPath: target + ending)
        }
        bench.close()
        #expect(fileSize(target + "-wal") > 0)
        let refused = #expect(throws: BackupError.self) { try restore(path, to: target) }
        #expect(refused?.remedy?.contains("--force") == true)
        let kept = try #require(try restore(path, to: target, replace: true))
        #expect(kept == target + ".before-20261123T100000Z")
        #expect(
            try bench.files("killed") == [
                "killed.sqlite", "killed.sqlite.before-20261123T100000Z", "killed.sqlite.lock",
            ])
        #expect(try StoreReader(path: target).figures().readings == 100)
        #expect(try StoreReader(path: kept).figures().readings == 150)
    }

    @Test func whatWasThereAndIsDamagedIsKeptAsItIs() throws {
        let bench = try Bench()
        let path = try backup(bench, 100)
        let target = bench.folder.path + "/broken.sqlite"
        try Data(repeating: 0x58, count: 10_000).write(to: URL(filePath: target))
        try Data(repeating: 0x59, count: 5000).write(to: URL(filePath: target + "-wal"))
        let kept = try #require(try restore(path, to: target, replace: true))
        #expect(try StoreReader(path: target).figures().readings == 100)
        #expect(try Data(contentsOf: URL(filePath: kept)) == Data(repeating: 0x58, count: 10_000))
        #expect(try Data(contentsOf: URL(filePath: kept + "-wal")) == Data(repeating: 0x59, count: 5000))
    }

    @Test func aDamagedBackupIsRefusedAndNothingChanges() throws {
        let bench = try Bench()
        let path = try backup(bench, 100, isLarge: true)
        let size = fileSize(path)
        // The head of the file, a chunk, and the middle of the last values: not what is free and says nothing.
        let whole = try Data(contentsOf: URL(filePath: path))
        let places = try ["chunk", "last"].map { table in
            let body = try DatabaseQueue(path: path).read {
                try Data.fetchOne($0, sql: "SELECT body FROM \(table) ORDER BY length(body) DESC") ?? Data()
            }
            return try Int64(#require(whole.range(of: body.prefix(64))).lowerBound) + 8
        }
        for place in [50] + places {
            let damaged = bench.folder.path + "/damaged"
            try? FileManager.default.removeItem(atPath: damaged)
            try FileManager.default.copyItem(atPath: path, toPath: damaged)
            let file = try FileHandle(forUpdating: URL(filePath: damaged))
            try file.seek(toOffset: UInt64(place))
            file.write(Data(repeating: 0xAA, count: 200))
            try file.close()
            #expect(throws: (any Error).self) { try restore(damaged, to: bench.path, replace: true) }
        }
        let half = bench.folder.path + "/half"
        try Data(contentsOf: URL(filePath: path)).prefix(Int(size / 2)).write(to: URL(filePath: half))
        let nothing = bench.folder.path + "/nothing"
        try Data().write(to: URL(filePath: nothing))
        for wrong in [half, nothing, bench.folder.path + "/missing", bench.folder.path, bench.path] {
            #expect(throws: (any Error).self) { try restore(wrong, to: bench.path, replace: true) }
        }
        // Whoever reads a database with a log leaves an empty one.
        let files = try bench.files("firesense").filter { !$0.hasSuffix("-shm") && !$0.hasSuffix("-wal") }
        #expect(files == ["firesense.sqlite", "firesense.sqlite.lock"])
        #expect(try StoreReader(path: bench.path).figures().readings == 2100)
    }

    @Test func aDatabaseInUseAndOneWithALogAreNotTaken() throws {
        let bench = try Bench()
        let path = try backup(bench, 100)
        try bench.reopen()
        let inUse = #expect(throws: BackupError.self) { try restore(path, to: bench.path, replace: true) }
        #expect(inUse?.remedy?.contains("systemctl stop") == true)
        try bench.admit(0, 1000, .number(0))
        try bench.commit()
        let live = #expect(throws: BackupError.self) { try restore(bench.path, to: bench.folder.path + "/x") }
        #expect(live?.reason.contains("-wal") == true)
    }

    @Test func aNewerFormIsRefusedAndAnOlderOneTaken() throws {
        let bench = try Bench()
        let path = try backup(bench, 100)
        try DatabaseQueue(path: path).write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('99')") }
        expectError({ $0 == .newerSchema(found: 99, known: Schema.version) }) {
            _ = try restore(path, to: bench.folder.path + "/newer")
        }
        let old = bench.folder.path + "/old"
        try DatabaseQueue(path: old).write { db in
            try db.execute(sql: "CREATE TABLE grdb_migrations(identifier TEXT NOT NULL PRIMARY KEY)")
            try db.execute(sql: "INSERT INTO grdb_migrations VALUES ('1')")
            try db.execute(sql: Schema.first)
            try db.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
        }
        let target = bench.folder.path + "/converted.sqlite"
        #expect(try restore(old, to: target) == nil)
        #expect(try StoreInspector.form(of: target) == .older)
        _ = try StoreWriter(path: target, settings: StoreSettings())
        #expect(try StoreInspector.form(of: target) == .today)
    }

    @Test(.enabled(if: geteuid() == 0, "only root gives files away")) func theDaemonMayOpenWhatRootRestores() throws {
        let bench = try Bench()
        let path = try backup(bench, 10)
        let place = bench.folder.path + "/others"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        #expect(chown(place, 4242, 4343) == 0)
        _ = try restore(path, to: place + "/firesense.sqlite")
        for file in ["/firesense.sqlite", "/firesense.sqlite.lock"] {
            var entry = stat()
            #expect(stat(place + file, &entry) == 0)
            #expect(entry.st_uid == 4242 && entry.st_gid == 4343 && entry.st_mode & 0o777 == 0o640, "\(file)")
        }
    }
}

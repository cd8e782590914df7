import Foundation
import GRDB
import Testing

/// The modelled disk itself: what it must lose, what it must keep.
struct DiskTests {
    /// Sets up a table, then changes all of it; `synchronous` as SQLite names it.
    private func change(
        _ disk: Disk, journal: String, synchronous: String
    ) throws -> (before: Int64, after: Int64, connection: DatabaseQueue) {
        var configuration = Configuration()
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = \(synchronous)") }
        let queue = try DatabaseQueue(path: disk.path, configuration: configuration)
        try queue.writeWithoutTransaction { db in
            _ = try String.fetchAll(db, sql: "PRAGMA journal_mode = \(journal)")
            try db.execute(sql: "CREATE TABLE t(a); INSERT INTO t VALUES (zeroblob(20000))")
        }
        let before = disk.calls
        try queue.write { try $0.execute(sql: "UPDATE t SET a = randomblob(20000)") }
        return (before, disk.calls, queue)
    }

    /// The files of many survivals, by name.
    private func survivors(_ disk: Disk, _ calls: Int64) throws -> [[String: Data]] {
        try (0..<60 as Range<UInt64>).map { seed in
            let left = try Disk(survivorsOf: disk, calls: calls, seed: seed)
            var files: [String: Data] = [:]
            for name in try FileManager.default.contentsOfDirectory(atPath: left.folder.path) {
                files[name] = try Data(contentsOf: URL(fileURLWithPath: left.path(name)))
            }
            return files
        }
    }

    @Test func whatIsNotSyncedMayBeLostKeptOrTorn() throws {
        let disk = try Disk()
        let (_, after, _) = try change(disk, journal: "delete", synchronous: "OFF")
        let files = try survivors(disk, after)
        let whole = try Data(contentsOf: URL(fileURLWithPath: disk.path))
        #expect(files.contains { $0["firesense.sqlite"] == nil }, "the file is gone with its name")
        #expect(files.contains { $0["firesense.sqlite"] == whole })
        let torn = files.filter { survivor in
            guard let file = survivor["firesense.sqlite"], file.count == whole.count else { return false }
            return (0..<file.count / 512).contains { sector in
                let range = sector * 512..<sector * 512 + 512
                return file[range] == whole[range]
            } && file != whole
        }
        #expect(!torn.isEmpty, "some sectors of the new content and not all")
        #expect(files.allSatisfy { $0.keys.allSatisfy { !$0.hasSuffix("-shm") } })
    }

    @Test func whatIsSyncedStays() throws {
        let disk = try Disk()
        let (before, after, connection) = try change(disk, journal: "wal", synchronous: "FULL")
        // Whoever closes last takes the log away.
        defer { withExtendedLifetime(connection) {} }
        let log = try Data(contentsOf: URL(fileURLWithPath: disk.path + "-wal"))
        for files in try survivors(disk, after) { #expect(files["firesense.sqlite-wal"] == log) }
        // Before its sync the end of the log is open, behind the part that was synced.
        let early = try survivors(disk, after - 1)
        #expect(Set(early.map { $0["firesense.sqlite-wal"] }).count > 10)
        let settled = try survivors(disk, before)
        let kept = try #require(settled.first?["firesense.sqlite-wal"])
        #expect(settled.allSatisfy { $0["firesense.sqlite-wal"] == kept })
        #expect(early.allSatisfy { $0["firesense.sqlite-wal"]?.prefix(kept.count) == kept })
    }

    /// SQLite's EXTRA exists for this: the journal of a commit that has returned may be back.
    @Test(arguments: [("FULL", true), ("EXTRA", false)])
    func deletedFileMayBeBackUntilItsDirectoryIsSynced(_ synchronous: String, _ mayBeBack: Bool) throws {
        let disk = try Disk()
        let (_, after, _) = try change(disk, journal: "delete", synchronous: synchronous)
        let files = try survivors(disk, after)
        #expect(files.contains { $0["firesense.sqlite-journal"] != nil } == mayBeBack)
        #expect(files.contains { $0["firesense.sqlite-journal"] == nil })
    }

    @Test func oneSeedIsOneOutcome() throws {
        let disk = try Disk()
        let (_, after, _) = try change(disk, journal: "delete", synchronous: "OFF")
        // Also when the record is read from its beginning again.
        let first = try survivors(disk, after)
        _ = try survivors(disk, 3)
        #expect(try survivors(disk, after) == first)
    }

    @Test func everyCallFailsOnceThePowerIsGone() throws {
        let disk = try Disk()
        let queue = try DatabaseQueue(path: disk.path)
        try queue.write { try $0.execute(sql: "CREATE TABLE t(a)") }
        let calls = disk.calls
        disk.cutPower(after: calls)
        #expect(throws: DatabaseError.self) { try queue.write { try $0.execute(sql: "INSERT INTO t VALUES (1)") } }
        #expect(throws: DatabaseError.self) { try queue.read { try Int.fetchAll($0, sql: "SELECT a FROM t") } }
        #expect(throws: DatabaseError.self) { _ = try DatabaseQueue(path: disk.path) }
        disk.mend()
        #expect(throws: DatabaseError.self) { _ = try DatabaseQueue(path: disk.path) }
        #expect(disk.calls == calls)
    }

    @Test func otherDirectoriesAreLeftAlone() throws {
        let disk = try Disk()
        disk.cutPower(after: 0)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("beside-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let queue = try DatabaseQueue(path: folder.appendingPathComponent("other.sqlite").path)
        try queue.write { try $0.execute(sql: "CREATE TABLE t(a)") }
        #expect(disk.calls == 0)
    }

    @Test func aLimitTakesWhatFits() throws {
        let disk = try Disk()
        let queue = try DatabaseQueue(path: disk.path)
        try queue.write { try $0.execute(sql: "CREATE TABLE t(a)") }
        disk.limit(bytes: 50_000)
        let error = #expect(throws: DatabaseError.self) {
            try queue.write { try $0.execute(sql: "INSERT INTO t VALUES (zeroblob(100000))") }
        }
        #expect(error?.resultCode == .SQLITE_FULL)
        #expect(disk.size <= 50_000)
        // What is there already may be written over.
        try queue.write { try $0.execute(sql: "INSERT INTO t VALUES (1)") }
        disk.mend()
        try queue.write { try $0.execute(sql: "INSERT INTO t VALUES (zeroblob(100000))") }
    }
}

import FireModel
import Foundation
import GRDB
import Testing

@testable import FireStore

/// Backups while the daemon writes, and what a restore makes of them.
struct BackupTests {
    /// What a backup says, written to a file as the command does.
    private func write(_ record: BackupRecord, to file: NewFile) throws -> Bool {
        switch record {
        case .size: return true
        case .bytes(let place, let bytes): try file.write(bytes, at: place)
        case .end(let size):
            try file.truncate(to: size)
            try file.publish(replace: true)
            return false
        }
        return true
    }

    private func isSound(_ path: String) throws {
        let findings = try DatabaseQueue(path: path).read { try String.fetchAll($0, sql: "PRAGMA integrity_check") }
        #expect(findings == ["ok"])
        #expect(try StoreInspector.examine(copy: path).damage == [])
    }

    /// Each commit is one reading more, of a value that cannot be compressed, and an alarm that goes on changing.
    private final class Traffic {
        let bench: Bench
        let series: Int32
        private(set) var count: Int64 = 0
        private var dice = Dice(seed: 7)

        init(_ bench: Bench) {
            self.bench = bench
            series = bench.series("h1", "pressure")
        }

        func commit(_ readings: Int = 2) throws {
            for _ in 0..<readings {
                try bench.admit(
                    series, count * 1000, .text((0..<64).map { _ in String(dice.next(), radix: 36) }.joined()))
                count += 1
            }
            var alarm = alarm("a\(count % 7)", revision: Int(count))
            alarm.detail = "\(count)"
            try bench.open().append(change(.updated, alarm, cause: "\(count)"))
            try bench.commit()
        }
    }

    /// Every piece is taken between commits, checkpoints, seals and deletions, so that what was copied changes again and
    /// again. The copy is the database as of some commit after the beginning, to the last reading.
    @Test(arguments: [1, 2, 3, 4, 5]) func aCopyOfWhatGoesOnChangingIsWholeAndOfOneMoment(_ seed: UInt64) throws {
        let bench = try Bench()
        let traffic = Traffic(bench)
        var dice = Dice(seed: seed)
        for round in 0..<40 {
            try traffic.commit(50)
            if round % 8 == 7 { try bench.seal() }
        }
        let maintenance = try StoreMaintenance(path: bench.path, every: .seconds(3600))
        let checkpointer = try Checkpointer(path: bench.path)
        try checkpointer.checkpoint(.passive)
        let before = traffic.count
        let backup = try maintenance.backup()
        let file = try NewFile(bench.folder.path + "/copy", replace: false)
        var (pieces, again, copiedUpTo) = (0, 0, Int64(0))
        while true {
            guard let record = try backup.next() else { continue }
            pieces += 1
            if case .bytes(let place, let bytes) = record {
                if place < copiedUpTo { again += 1 }
                copiedUpTo = max(copiedUpTo, place + Int64(bytes.count))
            }
            if try !write(record, to: file) { break }
            for _ in 0..<Int.random(in: 0..<4, using: &dice) where pieces < 100 {
                try traffic.commit()
                if Int.random(in: 0..<10, using: &dice) == 0 { try bench.seal() }
                if Int.random(in: 0..<4, using: &dice) == 0 { try maintenance.checkpoint() }
            }
        }
        #expect(pieces > 5 && again > 0, "\(pieces) pieces, \(again) of them again")
        try isSound(file.path)
        let copied = try StoreReader(path: file.path).figures().readings
        #expect(copied >= before && copied <= traffic.count)
        // Of one moment: the alarms are those of the last reading that is in it.
        let reader = try StoreReader(path: file.path)
        #expect(try reader.alarms(AlarmFilter(), limit: 10, cursor: nil).items.map(\.revision).max() == Int(copied))
        // And it is in the form of a file by itself, with nothing beside it.
        #expect(try bench.files("copy") == ["copy"])
        // The daemon goes on from it as from its own.
        let fleet = Fleet(catalogue: catalogue)
        let writer = try StoreWriter(path: file.path, settings: StoreSettings())
        let state = try writer.load(into: fleet)
        #expect(state.latest.map(\.at) == [start + (copied - 1) * 1000])
    }

    @Test func aReaderThatHoldsTheLogIsWaitedForAndNothingIsMissing() throws {
        let bench = try Bench()
        let traffic = Traffic(bench)
        try traffic.commit(500)
        let maintenance = try StoreMaintenance(path: bench.path, every: .seconds(3600))
        try maintenance.checkpoint()
        let holder = try DatabasePool(path: bench.path)
        let file = try NewFile(bench.folder.path + "/copy", replace: false)
        let backup = try holder.read { db in
            _ = try Int.fetchOne(db, sql: "SELECT count(*) FROM journal")
            // Behind the back of the reader, which keeps it from the file.
            try traffic.commit(500)
            let backup = try maintenance.backup()
            var pieces = 0
            while let record = try backup.next() {
                pieces += 1
                #expect(try write(record, to: file), "ended without what was durable")
            }
            #expect(pieces > 1)
            return backup
        }
        var isOver = false
        for _ in 0..<1000 where !isOver {
            if let record = try backup.next() { isOver = try !write(record, to: file) }
        }
        #expect(isOver)
        try isSound(file.path)
        #expect(try StoreReader(path: file.path).figures().readings == 1000)
    }

    @Test func theLogDoesNotGrowWhileACopyIsMade() throws {
        let bench = try Bench()
        let traffic = Traffic(bench)
        try traffic.commit(500)
        let maintenance = try StoreMaintenance(path: bench.path, every: .seconds(3600))
        let backup = try maintenance.backup()
        // Somebody who takes a piece now and then, while ten times the log comes in.
        var largest: Int64 = 0
        for round in 0..<300 {
            try traffic.commit(60)
            try maintenance.checkpoint()
            largest = max(largest, fileSize(bench.path + "-wal"))
            if round % 20 == 0 { _ = try backup.next() }
        }
        #expect(fileSize(bench.path) > 8 << 20)
        #expect(largest < 1 << 20, "\(largest)")
    }

    @Test func oneAtATimeAndGivenUpWithItsOwner() throws {
        let bench = try Bench()
        try Traffic(bench).commit()
        let maintenance = try StoreMaintenance(path: bench.path)
        var first: StoreBackup? = try maintenance.backup()
        expectError({ if case .busy = $0 { true } else { false } }) { _ = try maintenance.backup() }
        #expect(try first?.next() != nil)
        first = nil
        let second = try maintenance.backup()
        #expect(try second.next() != nil)
        maintenance.endBackups()
        expectError({ if case .busy = $0 { true } else { false } }) { _ = try second.next() }
        expectError({ if case .busy = $0 { true } else { false } }) { _ = try maintenance.backup() }
    }

    /// What a checkpoint of somebody else has brought in is not known to the copy: it must not end well.
    @Test func anotherProgramsCheckpointIsNoticed() throws {
        let bench = try Bench()
        let traffic = Traffic(bench)
        try traffic.commit(500)
        let maintenance = try StoreMaintenance(path: bench.path, every: .seconds(3600))
        let holder = try DatabasePool(path: bench.path)
        let backup = try holder.read { db in
            _ = try Int.fetchOne(db, sql: "SELECT count(*) FROM journal")
            try traffic.commit(500)
            return try maintenance.backup()
        }
        try Checkpointer(path: bench.path).checkpoint(.restart)
        try traffic.commit()
        expectError({ if case .busy = $0 { true } else { false } }) {
            while let record = try backup.next() {
                if case .end = record { throw StoreError.unexpected("it ended well") }
            }
            throw StoreError.unexpected("it went on")
        }
    }

    @Test func recordsSurviveAnyCutting() throws {
        let records: [BackupRecord] = [.size(1 << 40), .bytes(4096, [1, 2, 3]), .bytes(0, []), .end(5)]
        let bytes = records.flatMap(\.encoded)
        for size in 1...bytes.count {
            var buffer: ArraySlice<UInt8> = []
            var taken: [BackupRecord] = []
            for part in stride(from: 0, to: bytes.count, by: size) {
                buffer += bytes[part..<min(part + size, bytes.count)]
                while let record = try BackupRecord.take(from: &buffer) { taken.append(record) }
            }
            #expect(taken == records && buffer.isEmpty)
        }
        for fault in [[3] + [UInt8](repeating: 0, count: 12), [1] + [UInt8](repeating: 255, count: 12)] {
            var buffer = fault[...]
            #expect(throws: BackupError.self) { try BackupRecord.take(from: &buffer) }
        }
    }

    // MARK: Without a daemon

    @Test func aStoppedStoreIsCopiedAsItIs() throws {
        let bench = try Bench()
        let traffic = Traffic(bench)
        try traffic.commit(500)
        try bench.seal()
        try traffic.commit(100)
        #expect(StoreInspector.isInUse(bench.path))
        bench.close()
        #expect(!StoreInspector.isInUse(bench.path))
        let file = try NewFile(bench.folder.path + "/copy", replace: false)
        try StoreInspector.copy(bench.path, to: file, progress: { _, _ in })
        try file.publish(replace: false)
        let contents = try StoreInspector.examine(copy: file.path)
        #expect(contents.damage == [] && contents.readings == 600 && contents.alarms == 2)
        #expect(contents.span == start...(start + 599_000))
        #expect(try bench.files("copy") == ["copy"])
    }

    // MARK: Files

    @Test func aFileThatIsThereStaysUnlessToldOtherwise() throws {
        let bench = try Bench()
        let path = bench.folder.path + "/copy"
        try Data("old".utf8).write(to: URL(filePath: path))
        #expect(throws: BackupError.self) { try NewFile(path, replace: false) }
        do {
            let file = try NewFile(path, replace: true)
            try file.write([1, 2], at: 0)
            // Two at once would write into each other.
            #expect(throws: BackupError.self) { try NewFile(path, replace: true) }
        }
        #expect(try Data(contentsOf: URL(filePath: path)) == Data("old".utf8))
        #expect(try bench.files("copy") == ["copy"])
        // What a killed process has left is taken over, whatever it was.
        try Data("rest of a longer one".utf8).write(to: URL(filePath: path + ".part"))
        try Data("a journal".utf8).write(to: URL(filePath: path + ".part-journal"))
        let file = try NewFile(path, replace: true)
        try file.write([1, 2], at: 0)
        try file.publish(replace: true)
        #expect(try Data(contentsOf: URL(filePath: path)) == Data([1, 2]))
        #expect(try bench.files("copy") == ["copy"])
        let late = try NewFile(bench.folder.path + "/late", replace: false)
        try Data("somebody else's".utf8).write(to: URL(filePath: late.path))
        #expect(throws: BackupError.self) { try late.publish(replace: false) }
        #expect(try String(contentsOfFile: late.path, encoding: .utf8) == "somebody else's")
    }
}

extension Bench {
    /// Names in its folder that begin so.
    func files(_ prefix: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix(prefix) }.sorted()
    }
}

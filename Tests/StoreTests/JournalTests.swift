import FireModel
import Foundation
import GRDB
import Testing

@testable import FireStore

/// What a restart is told (design 5, "Restart").
struct JournalTests {
    /// As `load` tells it, in words.
    private func told(_ bench: Bench) throws -> [String] {
        let fleet = Fleet(catalogue: catalogue)
        var told: [String] = []
        _ = try bench.open().load(
            into: fleet,
            checkpoint: { told.append("checkpoint \($0.map { "\($0.live) \($0.rules) \($0.engine)" } ?? "none")") },
            input: { input in
                switch input {
                case .reading(let reading, let isConflicting, let isRetry):
                    let marks = (isConflicting ? " conflicting" : "") + (isRetry ? " retry" : "")
                    told.append("\(reading.series) \(reading.at - start) \(reading.value)\(marks)")
                case .clocks(let live, let steady): told.append("live \(live) steady \(steady)")
                case .began: told.append("began")
                case .timePassed(let now): told.append("time passed \(now - start)")
                case .act(let bytes): told.append("act \(bytes)")
                case .rules(let text): told.append("rules \(text)")
                case .history(let reading): told.append("history \(reading.series)")
                }
            })
        return told
    }

    private func reopened(_ bench: Bench) throws -> [String] {
        bench.close()
        try bench.reopen()
        return try told(bench)
    }

    @Test func inputsAreToldAgainInTheirOrder() throws {
        let bench = try Bench()
        let series = bench.series("h1", "pressure")
        try bench.open().noteBeginning()
        try bench.open().note(rules: "R1")
        try bench.open().note(live: 100, steady: 7)
        try bench.admit(series, 5, .number(1))
        try bench.admit(series, 5, .number(1))
        try bench.admit(series, 5, .number(2))
        try bench.open().note(timePassed: start + 7)
        try bench.commit()
        try bench.open().note(act: [4, 5])
        try bench.open().note(live: 300, steady: 9)
        try bench.admit(series, 3, .boolean(true))
        try bench.commit()
        try bench.admit(series, 99, .number(9))
        let all = [
            "checkpoint none", "began", "rules R1", "live 100 steady 7", "0 5 1", "0 5 2 conflicting", "time passed 7",
            "act [4, 5]",
            "live 300 steady 9", "0 3 true",
        ]
        // What was not committed is not told.
        #expect(try reopened(bench) == all)
        #expect(try reopened(bench) == all)
    }

    @Test func sealCutsOffWhatTheCheckpointKnows() throws {
        let bench = try Bench()
        let series = bench.series("h1", "pressure")
        try bench.admit(series, 1, .number(1))
        try bench.commit()
        try bench.seal(checkpoint: StoredCheckpoint(engine: [1], rules: "R", live: 50))
        try bench.admit(series, 2, .number(2))
        try bench.commit()
        #expect(try reopened(bench) == ["checkpoint 50 R [1]", "0 2 2"])
        // What is sealed is written over, and numbers go on.
        try bench.seal(checkpoint: StoredCheckpoint(engine: [2], rules: "R", live: 60))
        #expect(try bench.open().journal.size == 0)
        #expect(try reopened(bench) == ["checkpoint 60 R [2]"])
        try bench.admit(series, 3, .number(3))
        try bench.commit()
        #expect(try bench.open().journal.last == 3)
        #expect(try bench.count("SELECT count(*) FROM journal") == 1)
        #expect(try reopened(bench) == ["checkpoint 60 R [2]", "0 3 3"])
        #expect(try bench.reader().figures().readings == 3)
    }

    /// Killed at any point of a seal: the rules go on from its checkpoint, the readings are there once.
    @Test(arguments: 0...6) func sealThatDoesNotEndIsForgotten(slices: Int) throws {
        let bench = try Bench()
        for number in 0..<200 as Range<Int64> { try bench.admit(bench.series("h\(number)", "pressure"), 1, .number(1)) }
        try bench.commit()
        try bench.seal(checkpoint: StoredCheckpoint(live: 10))
        for number in 0..<200 as Range<Int64> { try bench.admit(bench.series("h\(number)", "pressure"), 2, .number(2)) }
        try bench.commit()
        try bench.open().beginSeal(now: start, checkpoint: StoredCheckpoint(live: 20))
        for _ in 0..<slices { _ = try bench.open().retentionSlice(now: start, budget: .zero) }
        #expect(try bench.open().sealer.isUnderWay)
        try bench.admit(bench.series("h7", "pressure"), 3, .number(3))
        try bench.commit()
        #expect(try reopened(bench) == ["checkpoint 20  []", "7 3 3"])
        #expect(try bench.reader().figures().readings == 401)
        #expect(try bench.admit(bench.series("h7", "pressure"), 2, .number(2)).admission == .duplicate)
        try bench.commit()
        while try bench.open().retentionSlice(now: start) {}
        #expect(try StoreInspector.integrityCheck(path: bench.path) == [])
        #expect(try bench.count("SELECT count(*) FROM chunk") == 7)
    }

    /// A damaged body is told, counted, and costs only itself.
    @Test func damageCostsOnlyItself() throws {
        let bench = try Bench()
        for number in 0..<64 as Range<Int64> {
            for at in 0..<3 as Range<Int64> { try bench.admit(bench.series("h\(number)", "pressure"), at, .number(1)) }
        }
        try bench.commit()
        try bench.seal()
        for at in 10..<13 as Range<Int64> {
            try bench.admit(bench.series("h1", "pressure"), at, .number(1))
            try bench.commit()
        }
        try bench.open().connection.execute("UPDATE chunk SET body = zeroblob(length(body)) WHERE id % 2 = 0")
        // The second of three commits that lie in one page, in its frame.
        let page = try bench.page(1)
        let middle = try JournalPage.entries(page)[1].range.lowerBound + 8
        try bench.damage(page, at: middle)
        #expect(try StoreInspector.integrityCheck(path: bench.path).count == 3)
        let reader = try bench.reader()
        #expect(try reader.readings(ReadingQuery(device: "h1", component: nil, metric: "pressure"))?.count == 2)
        #expect(try reader.readings(ReadingQuery(device: "h40", component: nil, metric: "pressure"))?.count == 3)
        #expect(reader.damaged == 2)
        bench.close()
        try bench.reopen()
        #expect(try told(bench) == ["checkpoint 0  []", "1 10 1", "1 12 1"])
        #expect(try bench.open().counters.damaged.value == 1)
    }

    @Test func rowsOfTheFirstSchemaBecomeSegments() throws {
        let bench = try Bench()
        bench.close()
        try FileManager.default.removeItem(atPath: bench.path)
        var expected: [String: Int] = [:]
        try DatabaseQueue(path: bench.path).write { db in
            try db.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
            try db.execute(sql: "CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY)")
            try db.execute(sql: "INSERT INTO grdb_migrations VALUES ('1')")
            try db.execute(sql: Schema.first)
            var count = 0
            for device in 1...40 {
                try db.execute(
                    sql: "INSERT INTO device VALUES (?, ?, 'hydrant', '320102', ?, ?, NULL)",
                    arguments: [device, "h\(device)", start.milliseconds, start.milliseconds])
                try db.execute(
                    sql: "INSERT INTO series VALUES (?, ?, NULL, 'pressure', 0)", arguments: [device, device])
                for hour in 0..<(device * 3) {
                    try db.execute(
                        sql: "INSERT INTO reading VALUES (?, ?, ?, 1, ?)",
                        arguments: [
                            device, start.milliseconds + Int64(hour) * 3_600_000, Double(hour) / 10,
                            hour == 0 ? "detail" : nil,
                        ])
                    count += 1
                }
                expected["h\(device)"] = device * 3
            }
            // A clock that lost its battery must not cost a day each.
            try db.execute(sql: "INSERT INTO reading VALUES (1, 4102444800000, 1.0, 0, NULL)")
            try db.execute(sql: "UPDATE meta SET value = ? WHERE name = 'readings'", arguments: [count + 1])
        }
        var shares: [Double] = []
        let writer = try StoreWriter(path: bench.path, settings: StoreSettings(), onMigration: { shares.append($0) })
        #expect(shares == shares.sorted() && shares.last == 1)
        let reader = try StoreReader(beside: writer)
        expected["h1", default: 0] += 1
        for (device, count) in expected {
            let points = try reader.readings(ReadingQuery(device: device, component: nil, metric: "pressure"))
            #expect(points?.count == count)
        }
        #expect(try reader.figures().readings == Int64(expected.values.reduce(0, +)))
        #expect(try StoreInspector.integrityCheck(path: bench.path) == [])
        let state = try writer.load(into: Fleet(catalogue: catalogue))
        #expect(state.latest.count == 40 && state.latest[4].value == .number(1.4))
        #expect(try bench.count("SELECT count(*) FROM sqlite_schema WHERE name = 'reading'") == 0)
    }
}

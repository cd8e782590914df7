import FireModel
import Foundation
import Testing

@testable import FireStore

/// Bulks of old readings, judged beside the writer and written in slices.
struct ImportTests {
    /// What the daemon does with a batch, on one thread.
    private final class Line {
        let bench: Bench
        let target: ImportTarget
        /// Runs between the moment a batch is begun and the moment it is written.
        var meanwhile: () throws -> Void = {}

        init(_ bench: Bench) throws {
            self.bench = bench
            target = try ImportTarget()
        }

        @discardableResult
        func store(_ readings: [ImportedReading], now: Timestamp = start) throws -> ImportCounts {
            let batch = ImportBatch(readings)
            guard let span = batch.span else { return batch.counts }
            let writer = try bench.open()
            let cutoff = writer.retentionCutoff(now: now)
            let level = batch.level(cutoff: cutoff)
            let opened = try writer.beginImport(
                span, keeping: target.segments, opening: target.wants(batch, level: level) ? level : nil)
            if let opened { target.add(opened, level: level) }
            try bench.commit()
            let judged = try batch.judged(by: StoreReader(beside: writer))
            var counts = judged.counts
            let rows = try target.rows(judged, level: level)
            try meanwhile()
            var next = 0
            while next < rows.count {
                counts += try writer.write(rows, from: &next, until: .now)
                try bench.commit()
            }
            writer.importBatchEnded()
            return counts
        }
    }

    private func counts(_ stored: Int, _ duplicate: Int = 0, _ conflicting: Int = 0) -> ImportCounts {
        var counts = ImportCounts()
        counts.stored = stored
        counts.duplicate = duplicate
        counts.conflicting = conflicting
        return counts
    }

    private func reading(_ series: Int32, _ at: Int64, _ value: Double) -> ImportedReading {
        ImportedReading(series: series, at: start.milliseconds + at, value: .number(value))
    }

    private func points(_ reader: StoreReader, _ device: String = "h1", _ metric: String = "pressure") throws
        -> [String]
    {
        try #require(try reader.readings(ReadingQuery(device: device, component: nil, metric: metric))).map {
            "\($0.at - start) \($0.value)"
        }
    }

    @Test func oneIdentityIsStoredOnceHoweverItComes() throws {
        let bench = try Bench()
        let line = try Line(bench)
        let series = bench.series("h1", "pressure")
        // In a segment, in the heads, and late in the heads.
        try bench.admit(series, 10, .number(1))
        try bench.commit()
        try bench.seal()
        try bench.admit(series, 20, .number(2))
        try bench.admit(series, 15, .number(1.5))
        try bench.commit()
        let given = [
            reading(series, 5, 0.5), reading(series, 10, 1), reading(series, 15, 9), reading(series, 20, 2),
            reading(series, 30, 3), reading(series, 25, 2.5), reading(series, 5, 0.5), reading(series, 25, 7),
        ]
        #expect(try line.store(given) == counts(3, 3, 2))
        #expect(try line.store(given) == counts(0, 6, 2))
        let expected = ["5 0.5", "10 1", "15 1.5", "20 2", "25 2.5", "30 3"]
        #expect(try points(StoreReader(beside: bench.open())) == expected)
        #expect(try points(bench.reader()) == expected)
        // What comes live meets what was imported.
        #expect(try bench.admit(series, 25, .number(2.5)).admission == .duplicate)
        #expect(try bench.admit(series, 30, .number(4)).admission == .conflicting)
        #expect(try bench.admit(series, 5, .number(0.5)).admission == .duplicate)
        #expect(try bench.admit(series, 28, .number(2.8)).admission == .new)
        try bench.commit()
        _ = try bench.restart()
        #expect(try bench.admit(series, 25, .number(2.5)).admission == .duplicate)
        #expect(try bench.admit(series, 30, .number(3)).admission == .duplicate)
        let after = ["5 0.5", "10 1", "15 1.5", "20 2", "25 2.5", "28 2.8", "30 3"]
        #expect(try points(StoreReader(beside: bench.open())) == after)
        #expect(try StoreInspector.integrityCheck(path: bench.path) == [])
    }

    @Test func whatComesLiveMeanwhileCameFirst() throws {
        let bench = try Bench()
        let line = try Line(bench)
        let series = bench.series("h1", "pressure")
        try bench.admit(series, 0, .number(0))
        line.meanwhile = {
            // Into the middle of the batch, onto its newest, and behind it.
            for (at, value) in [(10, 1.0), (20, 7.0), (30, 3.0)] as [(Int64, Double)] {
                #expect(try bench.admit(series, at, .number(value)).admission == .new)
            }
            try bench.commit()
        }
        let stored = try line.store([
            reading(series, 5, 0.5), reading(series, 10, 1), reading(series, 15, 1.5), reading(series, 20, 2),
        ])
        #expect(stored == counts(2, 1, 1))
        let expected = ["0 0", "5 0.5", "10 1", "15 1.5", "20 7", "30 3"]
        #expect(try points(StoreReader(beside: bench.open())) == expected)
        #expect(try points(bench.reader()) == expected)
        #expect(try StoreInspector.integrityCheck(path: bench.path) == [])
    }

    @Test func rulesAreShownNothingOfIt() throws {
        let bench = try Bench()
        let line = try Line(bench)
        let series = bench.series("s1", "smoke", kind: "smoke")
        try bench.admit(series, 0, .boolean(false))
        try bench.commit()
        try line.store([
            ImportedReading(series: series, at: start.milliseconds - 5, value: .boolean(true)),
            ImportedReading(series: series, at: start.milliseconds + 5, value: .boolean(true)),
        ])
        bench.close()
        bench.fleet = Fleet(catalogue: catalogue)
        try bench.reopen()
        var shown: [JournalInput] = []
        _ = try bench.open().load(into: bench.fleet, input: { shown.append($0) })
        #expect(shown.count == 1)
        // And yet the newest reading is the imported one, here and for whoever reads beside.
        #expect(try bench.open().last(series)?.at == start + 5)
        #expect(try bench.reader().device("s1", now: start + 10)?.latest.first?.value == .boolean(true))
    }

    @Test func rollbackForgetsIt() throws {
        let bench = try Bench()
        let line = try Line(bench)
        let series = bench.series("h1", "pressure")
        try bench.admit(series, 0, .number(0))
        try bench.commit()
        let batch = ImportBatch([reading(series, -5, 1), reading(series, 5, 2)])
        let span = try #require(batch.span)
        let id = try #require(try bench.open().beginImport(span, keeping: [], opening: 0))
        line.target.add(id, level: 0)
        try bench.commit()
        let rows = try line.target.rows(batch.judged(by: StoreReader(beside: bench.open())), level: 0)
        var next = 0
        _ = try bench.open().write(rows, from: &next, until: .now)
        try bench.open().rollback()
        #expect(try !bench.open().canWrite(rows))
        try bench.admit(series, 5, .number(9))
        try bench.commit()
        #expect(try points(StoreReader(beside: bench.open())) == ["0 0", "5 9"])
        _ = try bench.restart()
        #expect(try points(bench.reader()) == ["0 0", "5 9"])
    }

    @Test func retentionTakesItAndRollupsStay() throws {
        let bench = try Bench()
        let line = try Line(bench)
        let series = bench.series("h1", "pressure")
        let day: Int64 = 86_400_000
        try line.store((0..<50).map { reading(series, -200 * day + $0 * 60_000, Double($0)) })
        try line.store([reading(series, -10, 1)])
        try bench.open().endImport()
        #expect(try points(bench.reader()).count == 51)
        while try bench.open().retentionSlice(now: start) {}
        // The newest of the first batch went the way of what comes live, and leaves with its segment.
        #expect(try points(bench.reader()) == ["\(-200 * day + 49 * 60_000) 49", "-10 1"])
        var query = ReadingQuery(device: "h1", component: nil, metric: "pressure")
        query.step = .seconds(3600)
        query.function = .count
        #expect(try bench.reader().readings(query)?.map(\.value) == [.number(50), .number(1)])
    }

    /// Series by series, as an export comes: the same few segments as where it comes from, not one for each batch.
    @Test func whatComesSeriesBySeriesFillsFewSegments() throws {
        let bench = try Bench()
        let line = try Line(bench)
        let all = (0..<320).map { bench.series("d\($0 / 8)", "m\($0 % 8)") }
        for window in stride(from: 0, to: 320, by: 32) {
            for from in [0, 1000] as [Int64] {
                let stored = try line.store(
                    all[window..<window + 32].flatMap { series in
                        (from..<from + 200).map { reading(series, $0 * 1000, Double($0)) }
                    })
                #expect(stored.stored == 6400)
            }
        }
        #expect(try bench.count("SELECT count(*) FROM segment WHERE state = 'whole'") == 2)
        #expect(try bench.reader().figures().readings == 128_000)
        #expect(try StoreInspector.integrityCheck(path: bench.path) == [])
        // The newest of each is in the journal until the next seal.
        try bench.seal()
        _ = try bench.restart()
        #expect(try bench.reader().figures().readings == 128_000)
    }

    /// Import, live readings, seals, merges, restarts and rollbacks in any order: a sorted dictionary.
    @Test(arguments: 1...4 as ClosedRange<UInt64>) func storeIsASortedDictionary(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        let settings = StoreSettings(retention: .init(raw: .seconds(4000 * 86_400)))
        let bench = try Bench(settings: settings)
        var line = try Line(bench)
        let names = (0..<70).map { ("d\($0 / 4)", "m\($0)") }
        func register() { for name in names { _ = bench.series(name.0, name.1) } }
        register()
        var model: [Int32: [Int64: Value]] = [:]
        var now: Int64 = 0
        func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &dice) }
        func value(_ series: Int32) -> Value {
            series % 3 == 0 ? .boolean(number(0..<2) == 0) : .number(Double(number(0..<50)) / 10)
        }
        func admit() throws {
            let series = Int32(number(0..<names.count))
            now += Int64(number(0..<500))
            let at = number(0..<4) == 0 ? now - Int64(number(0..<100_000)) : now
            let value = value(series)
            let known = model[series]?[at]
            let admission = try bench.admit(series, at, value).admission
            #expect(admission == (known == nil ? .new : known == value ? .duplicate : .conflicting))
            if known == nil { model[series, default: [:]][at] = value }
        }
        for _ in 0..<60 {
            switch number(0..<12) {
            case 0:
                try bench.commit()
                try bench.open().endImport()
                _ = try bench.restart(settings: settings)
                register()
                line = try Line(bench)
            case 1:
                try bench.commit()
                try bench.open().beginSeal(now: start + now, checkpoint: StoredCheckpoint())
            case 2...5:
                try bench.commit()
                for _ in 0..<20 { _ = try bench.open().retentionSlice(now: start + now, budget: .microseconds(300)) }
            case 6:
                try bench.open().endImport()
                line = try Line(bench)
            default:
                for _ in 0..<30 { try admit() }
                let from = now - Int64(number(0..<300_000))
                let few = number(1..<names.count)
                var given: [ImportedReading] = []
                for _ in 0..<number(1..<200) {
                    let series = Int32(number(0..<few))
                    let at =
                        number(0..<5) == 0
                        ? model[series]?.keys.randomElement(using: &dice) ?? from : from + Int64(number(0..<200_000))
                    given.append(
                        ImportedReading(series: series, at: start.milliseconds + at, value: value(series)))
                }
                line.meanwhile = {
                    for _ in 0..<number(0..<20) { try admit() }
                    try bench.commit()
                }
                let total = given.count
                let stored = try line.store(given, now: start + now)
                #expect(stored.stored + stored.duplicate + stored.conflicting == total)
                var fresh = 0
                for one in given where model[one.series]?[one.at - start.milliseconds] == nil {
                    model[one.series, default: [:]][one.at - start.milliseconds] = one.value
                    fresh += 1
                }
                #expect(stored.stored == fresh)
            }
        }
        try bench.commit()
        for reader in [try StoreReader(beside: bench.open()), try bench.reader()] {
            #expect(try reader.figures().readings == Int64(model.values.reduce(0) { $0 + $1.count }))
            for (series, its) in model {
                let name = names[Int(series)]
                let expected = its.sorted { $0.key < $1.key }.map { Point(at: start + $0.key, value: $0.value) }
                #expect(
                    try reader.readings(ReadingQuery(device: name.0, component: nil, metric: name.1)) == expected)
                let newest = try reader.device(name.0, now: start + now)?.latest.first { $0.metric == name.1 }
                #expect(newest?.value == expected.last?.value)
            }
        }
        #expect(try StoreInspector.integrityCheck(path: bench.path) == [])
    }
}

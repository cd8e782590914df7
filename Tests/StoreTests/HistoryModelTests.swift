import FireModel
import Foundation
import Testing

@testable import FireStore

/// The store against a sorted dictionary: whatever happens to it, it answers as the dictionary does.
struct HistoryModelTests {
    /// Steps of each seed; thousands more with `FIRESTORE_STEPS`.
    private static let steps = ProcessInfo.processInfo.environment["FIRESTORE_STEPS"].flatMap { Int($0) } ?? 1500

    private final class World {
        let bench: Bench
        var dice: Dice
        /// Per series and time.
        var model: [Int32: [Int64: Value]] = [:]
        var committed: [Int32: [Int64: Value]] = [:]
        var names: [(device: String, component: String?, metric: String)] = []
        var now: Int64 = 0
        var beside: StoreReader

        init(seed: UInt64) throws {
            dice = Dice(seed: seed)
            bench = try Bench(settings: World.settings)
            beside = try StoreReader(beside: bench.open())
            for number in 0..<40 {
                let name = ("d\(number / 3)", number % 7 == 0 ? "c\(number)" : nil, "m\(number)")
                names.append(name)
                _ = bench.series(name.0, name.2, component: name.1)
            }
        }

        static let settings = StoreSettings(retention: .init(raw: .seconds(400 * 86_400)))

        func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &dice) }

        func value(_ series: Int32) -> Value {
            switch series % 5 {
            case 0: .boolean(number(0..<10) == 0)
            case 1: .text(["idle", "charging", "满"].randomElement(using: &dice) ?? "")
            case 2: .number(FormatTests.number(&dice))
            default: .number(Double(number(300..<340)) / 1000)
            }
        }

        func admit() throws {
            let series = Int32(number(0..<names.count))
            now += Int64(number(0..<2000))
            let at =
                switch number(0..<20) {
                case 0: now - Int64(number(0..<40_000_000))
                case 1: model[series]?.keys.randomElement(using: &dice) ?? now
                default: now
                }
            let value = number(0..<30) == 0 ? model[series]?[at] ?? value(series) : value(series)
            let expected: Admission =
                switch model[series]?[at] {
                case nil: .new
                case value: .duplicate
                default: .conflicting
                }
            if expected == .new { model[series, default: [:]][at] = value }
            let result = try bench.admit(series, at, value, quality: number(0..<9) == 0 ? .implausiblyHigh : [])
            #expect(result.admission == expected, "series \(series) at \(at)")
        }

        func commit() throws {
            try bench.commit()
            committed = model
        }

        func restart() throws {
            let before = bench.fleet.series.count
            _ = try bench.restart(settings: World.settings)
            // What no commit has made known is to be told again.
            for (index, name) in names.enumerated() {
                #expect(bench.series(name.device, name.metric, component: name.component) == Int32(index))
            }
            #expect(bench.fleet.series.count == before)
            beside = try StoreReader(beside: bench.open())
        }

        func compare(with reader: StoreReader) throws {
            let series = Int32(number(0..<names.count))
            let name = names[Int(series)]
            var query = ReadingQuery(device: name.device, component: name.component, metric: name.metric)
            let from = now - Int64(number(0..<60_000_000))
            let to = from + Int64(number(1..<50_000_000))
            if number(0..<3) > 0 { query.range = TimeRange(from: start + from, to: start + to) }
            let all = model[series, default: [:]].filter { query.range.from == nil || ($0.key >= from && $0.key < to) }
                .sorted { $0.key < $1.key }
            if Bool.random(using: &dice) {
                let expected = all.map { Point(at: start + $0.key, value: $0.value) }
                #expect(try reader.readings(query) == expected)
                return
            }
            let step = [60_000, 3_600_000, 7_200_000, 86_400_000].randomElement(using: &dice) ?? 1
            query.step = .milliseconds(step)
            query.function = ReadingQuery.Function.allCases.randomElement(using: &dice) ?? .count
            let groups = Dictionary(grouping: all) { floored(start.milliseconds + $0.key, Int64(step)) }
            let expected = groups.keys.sorted().compactMap { key -> Point? in
                let rollup = Rollup(
                    groups[key, default: []].map { Sample(at: start.milliseconds + $0.key, value: $0.value) })
                return rollup.value(query.function).map { Point(at: Timestamp(milliseconds: key), value: $0) }
            }
            // Sums of what is no decimal depend on their order.
            let found = try #require(try reader.readings(query))
            guard series % 5 == 2, [.sum, .avg].contains(query.function) else { return #expect(found == expected) }
            #expect(found.map(\.at) == expected.map(\.at))
        }

        func compareAll(with reader: StoreReader, _ line: Int = #line) throws {
            #expect(try reader.figures().readings == Int64(model.values.reduce(0) { $0 + $1.count }))
            var found: [String: Int] = [:]
            try reader.export(ExportFilter(), batch: 1000) {
                for one in $0 { found["\(one.device)/\(one.metric)", default: 0] += 1 }
            }
            for (series, its) in model where !its.isEmpty {
                let name = names[Int(series)]
                #expect(found["\(name.device)/\(name.metric)"] == its.count, "line \(line)")
                let newest = its.max { $0.key < $1.key }
                let latest = try reader.device(name.device, now: start + now)?.latest.first { $0.metric == name.metric }
                #expect(latest?.value == newest?.value)
                #expect(latest.map { $0.at - start } == newest?.key)
            }
        }
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>) func storeIsASortedDictionary(seed: UInt64) throws {
        let world = try World(seed: seed)
        try world.commit()
        for _ in 0..<Self.steps {
            switch world.number(0..<200) {
            case 0..<6: try world.commit()
            case 6:
                try world.bench.open().rollback()
                world.model = world.committed
                try world.commit()
            case 7:
                try world.commit()
                try world.restart()
            case 8..<14:
                try world.commit()
                try world.bench.open().beginSeal(now: start + world.now, checkpoint: StoredCheckpoint())
            case 14..<50:
                try world.commit()
                _ = try world.bench.open().retentionSlice(
                    now: start + world.now, budget: .microseconds(world.number(0..<500)))
            case 50..<60: try world.compare(with: world.beside)
            case 60..<62:
                try world.commit()
                try world.compare(with: world.bench.reader())
            default: try world.admit()
            }
        }
        try world.commit()
        try world.compareAll(with: world.beside)
        try world.compareAll(with: world.bench.reader())
        while try world.bench.open().retentionSlice(now: start + world.now) {}
        try world.bench.seal(now: start + world.now)
        while try world.bench.open().retentionSlice(now: start + world.now) {}
        try world.compareAll(with: world.beside)
        try world.restart()
        try world.compareAll(with: world.beside)
        try world.compareAll(with: world.bench.reader())
        #expect(try StoreInspector.integrityCheck(path: world.bench.path) == [])
    }
}

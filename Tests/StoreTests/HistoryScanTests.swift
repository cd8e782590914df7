import FireModel
import Testing

@testable import FireStore

struct HistoryScanTests {
    private struct Line: Equatable, CustomStringConvertible {
        var at: Int64
        var series: Int
        var value: Value
        var description: String { "\(at) \(series) \(value)" }
    }

    /// Random readings of all types, sealed at random, some late, some never sealed: the scan gives what the export
    /// gives, in the order of time.
    @Test(arguments: 0..<30) func aScanGivesWhatTheExportGives(seed: Int) throws {
        var dice = Dice(seed: UInt64(seed))
        let bench = try Bench()
        let count = Int.random(in: 1..<90, using: &dice)
        let all = (0..<count).map { number in
            bench.series(
                "d\(number % 9)", "m\(number % 5)", component: number % 2 == 0 ? nil : "c\(number)",
                kind: number % 9 < 4 ? "hydrant" : "smoke")
        }
        let began = bench.series("p1", "event.fault", kind: "panel")
        let ended = bench.series("p1", "event.fault", kind: "panel", inactive: true)
        var clock: Int64 = 0
        for _ in 0..<Int.random(in: 1..<6, using: &dice) {
            for _ in 0..<Int.random(in: 0..<400, using: &dice) {
                clock += Int64.random(in: 0..<5000, using: &dice)
                let late = Int.random(in: 0..<20, using: &dice) == 0 ? Int64.random(in: 0..<600_000, using: &dice) : 0
                let at = max(0, clock - late)
                let value: Value =
                    switch Int.random(in: 0..<8, using: &dice) {
                    case 0: .boolean(at % 2 == 0)
                    case 1: .text("t\(at % 3)")
                    case 2: .number(Double(at) / 3)
                    default: .number(Double(at) / 100)
                    }
                let marks: Quality = Int.random(in: 0..<10, using: &dice) == 0 ? .receiptTime : []
                // Marked ones without a time of their own would be moved to a free millisecond.
                let quality: Quality = marks.isEmpty ? [] : .retained
                try bench.admit(all[Int.random(in: 0..<count, using: &dice)], at, value, quality: quality)
                if clock % 7 == 0 {
                    try bench.admit(began, at, .boolean(true))
                    try bench.admit(ended, at, .boolean(false))
                }
            }
            try bench.commit()
            if Bool.random(using: &dice) { try bench.seal() }
        }
        let reader = try bench.reader()
        var range = TimeRange()
        if Bool.random(using: &dice) { range.from = start + Int64.random(in: 0..<max(clock, 1), using: &dice) }
        if Bool.random(using: &dice) {
            range.to = (range.from ?? start) + Int64.random(in: 1..<max(clock, 2), using: &dice)
        }
        let target = [1, 7, 100, 1_000_000].randomElement(using: &dice) ?? 1
        var scan = try reader.scan(range, target: target)
        // Both halves of an event have one name; which half a value belongs to it says itself.
        func place(_ device: String, _ component: String?, _ metric: String, _ value: Value) -> Int? {
            scan.series.firstIndex {
                $0.device == device && $0.component == component && $0.metric == metric
                    && $0.isInactive == (metric == "event.fault" && value == .boolean(false))
            }
        }
        var expected: [Line] = []
        var filter = ExportFilter()
        filter.range = range
        try reader.export(filter) { batch in
            for it in batch {
                let series = try #require(place(it.device, it.component, it.metric, it.value))
                expected.append(Line(at: it.at.milliseconds, series: series, value: it.value))
            }
        }
        expected.sort { ($0.at, $0.series) < ($1.at, $1.series) }
        var found: [Line] = []
        var largest = 0
        while let batch = try scan.next() {
            let millisecond = Dictionary(grouping: batch.items, by: \.at).values.map(\.count).max() ?? 0
            largest = max(largest, millisecond == batch.items.count ? 0 : batch.items.count)
            found += batch.items.map { Line(at: $0.at, series: Int($0.series), value: batch.value($0)) }
        }
        #expect(found == expected)
        #expect(largest <= 2 * target)
    }

    @Test func onlyWhatIsWantedIsRead() throws {
        let bench = try Bench()
        let wanted = bench.series("h1", "pressure")
        for index in 0..<70 {
            try bench.admit(bench.series("h\(index)", "leak"), Int64(index), .boolean(true))
            try bench.admit(wanted, Int64(index), .number(Double(index)))
        }
        try bench.commit()
        try bench.seal()
        try bench.admit(wanted, 70, .number(70), quality: .implausiblyHigh)
        try bench.commit()
        var scan = try bench.reader().scan(TimeRange()) { kind, metric in kind == "hydrant" && metric == "pressure" }
        #expect(scan.series.map(\.metric) == ["pressure"])
        var values: [Value] = []
        var qualities: Set<UInt8> = []
        while let batch = try scan.next() {
            values += batch.items.map { batch.value($0) }
            qualities.formUnion(batch.items.map(\.quality.rawValue))
        }
        #expect(values == (0...70).map { .number(Double($0)) })
        #expect(qualities == [0, Quality.implausiblyHigh.rawValue])
        var nothing = try bench.reader().scan(TimeRange()) { _, _ in false }
        #expect(try nothing.next() == nil)
    }

    @Test func detailsComeAlong() throws {
        let bench = try Bench()
        var reading = Reading(
            series: bench.series("p1", "event.fault", kind: "panel"), at: start, receivedAt: start,
            value: .boolean(true), quality: [], backlog: false, detail: "loop 2")
        _ = try bench.open().admit(&reading, fleet: bench.fleet)
        try bench.commit()
        try bench.seal()
        var scan = try bench.reader().scan(TimeRange())
        let batch = try #require(try scan.next())
        let item = try #require(batch.items.first)
        #expect(batch.detail(item) == "loop 2")
        #expect(batch.value(item) == .boolean(true))
    }
}

import FireModel
import Testing

@testable import FireStore

struct ReadingTests {
    @Test func valuesComeBackToTheBit() throws {
        let bench = try Bench()
        let values: [Value] = [
            .number(0), .number(-0.0), .number(0.1), .number(1), .number(.leastNonzeroMagnitude),
            .number(-.greatestFiniteMagnitude), .number(.infinity), .number(-.infinity), .number(.nan),
            .number(Double(bitPattern: 0x7FF8_0000_0000_1234)), .number(9_007_199_254_740_991), .number(1e300),
            .boolean(true), .boolean(false), .text(""), .text("充电中"), .text("a\0b"), .text("12"), .text("true"),
        ]
        let series = bench.series("h1", "pressure")
        for (index, value) in values.enumerated() {
            #expect(try bench.admit(series, Int64(index), value).admission == .new)
        }
        for (index, value) in values.enumerated() {
            #expect(try bench.admit(series, Int64(index), value).admission == .duplicate)
        }
        try bench.commit()
        let points = try bench.reader().readings(ReadingQuery(device: "h1", component: nil, metric: "pressure"))
        #expect(points?.map(\.value) == values)
        #expect(points?.map { $0.at - start } == Array(0..<Int64(values.count)))
        let last = try bench.restart().latest
        #expect(last.map(\.value) == [.text("true")])
    }

    @Test func sameIdentityWithAnotherValueConflicts() throws {
        let bench = try Bench()
        let series = bench.series("h1", "pressure")
        #expect(try bench.admit(series, 0, .number(1)).admission == .new)
        #expect(try bench.admit(series, 0, .number(1)).admission == .duplicate)
        #expect(try bench.admit(series, 0, .number(2)).admission == .conflicting)
        #expect(try bench.admit(series, 0, .boolean(true)).admission == .conflicting)
        #expect(try bench.admit(bench.series("h2", "pressure"), 0, .number(2)).admission == .new)
        try bench.commit()
        #expect(try bench.admit(series, 0, .number(2)).admission == .conflicting)
        try bench.commit()
        #expect(try bench.reader().figures().readings == 2)
    }

    @Test func startAndEndOfAnEventInOneMillisecondAreBothKept() throws {
        let bench = try Bench()
        let active = bench.series("p1", "event.fault", kind: "panel")
        let inactive = bench.series("p1", "event.fault", kind: "panel", inactive: true)
        #expect(try bench.admit(active, 0, .boolean(true)).admission == .new)
        #expect(try bench.admit(inactive, 0, .boolean(false)).admission == .new)
        #expect(try bench.admit(active, 5, .boolean(true)).admission == .new)
        try bench.commit()
        let reader = try bench.reader()
        let points = try reader.readings(ReadingQuery(device: "p1", component: nil, metric: "event.fault"))
        #expect(points?.map(\.value) == [.boolean(true), .boolean(false), .boolean(true)])
        #expect(try reader.series(device: "p1") == [StoreReader.SeriesName(component: nil, metric: "event.fault")])
        #expect(try reader.device("p1", now: start)?.latest.map(\.value) == [.boolean(true)])
    }

    @Test func valueWithoutDeviceTimeTakesTheNextFreeMillisecond() throws {
        let bench = try Bench()
        let series = bench.series("h1", "pressure")
        try bench.admit(series, 2, .number(9))
        for quality in [Quality.receiptTime, .clock] {
            let base: Int64 = quality == .clock ? 100 : 0
            #expect(try bench.admit(series, base, .number(1), quality: quality) == (.new, start + base))
            #expect(try bench.admit(series, base, .number(1), quality: quality) == (.duplicate, start + base))
        }
        #expect(try bench.admit(series, 0, .number(2), quality: .receiptTime) == (.new, start + 1))
        #expect(try bench.admit(series, 0, .number(3), quality: .receiptTime) == (.new, start + 3))
        try bench.commit()
        // The same message once more: each value finds the place it was given.
        #expect(try bench.admit(series, 0, .number(1), quality: .receiptTime) == (.duplicate, start))
        #expect(try bench.admit(series, 0, .number(2), quality: .receiptTime) == (.duplicate, start + 1))
        #expect(try bench.admit(series, 0, .number(3), quality: .receiptTime) == (.duplicate, start + 3))
        try bench.commit()
        #expect(try bench.reader().figures().readings == 5)
    }

    @Test func searchForAFreeMillisecondEnds() throws {
        let bench = try Bench()
        let series = bench.series("h1", "pressure")
        for value in 0..<Int(Readings.reach) {
            #expect(try bench.admit(series, 0, .number(Double(value)), quality: .receiptTime).admission == .new)
        }
        #expect(try bench.admit(series, 0, .number(-1), quality: .receiptTime).admission == .conflicting)
        try bench.commit()
        #expect(try bench.reader().figures().readings == Readings.reach)
    }

    /// Any order of admissions, commits, rollbacks and restarts against a dictionary.
    @Test(arguments: 1...8 as ClosedRange<UInt64>) func admissionsFollowTheModel(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        let bench = try Bench()
        var model: [Int32: [Int64: Value]] = [:]
        var committed = model
        var placed: [Int32: (wanted: Int64, next: Int64)] = [:]
        var names: [String] = []
        for _ in 0..<1500 {
            switch Int.random(in: 0..<100, using: &dice) {
            case 0..<3:
                try bench.commit()
                committed = model
                placed = [:]
            case 3..<5:
                try bench.open().rollback()
                model = committed
                placed = [:]
            case 5:
                try bench.commit()
                _ = try bench.restart()
                committed = model
                placed = [:]
                #expect(names.indices.allSatisfy { bench.series(names[$0], "pressure") == Int32($0) })
            default:
                let name = "d\(Int.random(in: 0..<6, using: &dice))"
                let series = bench.series(name, "pressure")
                if Int(series) == names.count { names.append(name) }
                let at = Int64.random(in: 0..<40, using: &dice)
                let value = Value.number(Double(Int.random(in: 0..<4, using: &dice)))
                let hasTime = Bool.random(using: &dice)
                var place = at
                if !hasTime, let other = model[series]?[at], other != value {
                    place = at + 1
                    if let last = placed[series], last.wanted == at { place = last.next }
                    while let taken = model[series]?[place], taken != value { place += 1 }
                    placed[series] = (at, place + 1)
                }
                let expected: Admission =
                    switch model[series]?[place] {
                    case nil: .new
                    case value: .duplicate
                    default: .conflicting
                    }
                if expected == .new { model[series, default: [:]][place] = value }
                let result = try bench.admit(series, at, value, quality: hasTime ? [] : .receiptTime)
                #expect(result == (expected, start + place))
            }
        }
        try bench.commit()
        let reader = try bench.reader()
        #expect(try reader.figures().readings == Int64(model.values.reduce(0) { $0 + $1.count }))
        for (series, readings) in model {
            let points = try reader.readings(
                ReadingQuery(device: names[Int(series)], component: nil, metric: "pressure"))
            let expected = readings.sorted { $0.key < $1.key }.map { Point(at: start + $0.key, value: $0.value) }
            #expect(points == expected)
        }
    }
}

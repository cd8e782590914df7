import FireModel
import Foundation
import Testing

@testable import FireStore

/// Of thousandths.
private func exactSum(_ numbers: [Double]) -> Double {
    Double(numbers.reduce(0) { $0 + Int(($1 * 1000).rounded()) }) / 1000
}

struct QueryTests {
    @Test(arguments: ReadingQuery.Function.allCases)
    func stepsAgreeWithANaiveComputation(_ function: ReadingQuery.Function) throws {
        let bench = try Bench()
        var dice = Dice(seed: 7)
        let series = bench.series("h1", "state", component: "c")
        var all: [Point] = []
        var at: Int64 = -5_000_000
        for _ in 0..<3000 {
            at += Int64.random(in: 1...20_000, using: &dice)
            let value: Value =
                switch Int.random(in: 0..<10, using: &dice) {
                case 0: .text("x")
                case 1...3: .boolean(Bool.random(using: &dice))
                default: .number(Double(Int.random(in: -5000...5000, using: &dice)) / 1000)
                }
            try bench.admit(series, at, value)
            all.append(Point(at: start + at, value: value))
        }
        try bench.commit()
        let reader = try bench.reader()
        for step in [1, 777, 60_000, 3_600_000] as [Int64] {
            var query = ReadingQuery(device: "h1", component: "c", metric: "state")
            query.range = TimeRange(from: start + -1_000_000, to: start + 4_000_000)
            query.step = .milliseconds(step)
            query.function = function
            let chosen = all.filter { $0.at >= start + -1_000_000 && $0.at < start + 4_000_000 }
            let groups = Dictionary(grouping: chosen) { $0.at.milliseconds / step * step }
            let expected = groups.keys.sorted().compactMap { key -> Point? in
                let values = groups[key, default: []].map(\.value)
                let numbers = values.compactMap { value -> Double? in
                    switch value {
                    case .number(let x): x
                    case .boolean(let x): x ? 1 : 0
                    case .text: nil
                    }
                }
                let result: Value? =
                    switch function {
                    case .count: .number(Double(values.count))
                    case .last: values.last
                    case .first: values.first
                    case .sum: numbers.isEmpty ? nil : .number(exactSum(numbers))
                    case .avg: numbers.isEmpty ? nil : .number(exactSum(numbers) / Double(numbers.count))
                    case .min: numbers.min().map { .number($0) }
                    case .max: numbers.max().map { .number($0) }
                    }
                return result.map { Point(at: Timestamp(milliseconds: key), value: $0) }
            }
            #expect(try reader.readings(query) == expected)
            query.limit = 5
            #expect(try reader.readings(query) == Array(expected.prefix(5)))
        }
    }

    @Test func rawPointsRespectRangeAndLimit() throws {
        let bench = try Bench()
        let series = bench.series("h1", "pressure")
        for at in 0..<25_000 as Range<Int64> { try bench.admit(series, at, .number(Double(at))) }
        try bench.commit()
        let reader = try bench.reader()
        var query = ReadingQuery(device: "h1", component: nil, metric: "pressure")
        #expect(try reader.readings(query)?.count == 25_000)
        query.range = TimeRange(from: start + 10, to: start + 24_010)
        #expect(try reader.readings(query)?.map { $0.at - start } == Array(10..<24_010))
        query.limit = 12_345
        #expect(try reader.readings(query)?.map { $0.at - start } == Array(10..<12_355))
        query.metric = "flow"
        #expect(try reader.readings(query) == nil)
        query = ReadingQuery(device: "h1", component: "c", metric: "pressure")
        #expect(try reader.readings(query) == nil)
    }

    @Test func devicesAreFilteredAndPaged() throws {
        let bench = try Bench()
        for number in 0..<57 {
            let id = "d\(String(format: "%03d", number))"
            let series = bench.series(id, "pressure", kind: number % 3 == 0 ? "hydrant" : "smoke")
            if number % 4 != 0 { bench.fleet.setOnline(Int32(number), number % 4 == 1) }
            try bench.admit(series, Int64(number), .number(Double(number)), quality: .implausiblyHigh)
            try bench.admit(series, Int64(number) - 50, .number(0))
        }
        try bench.commit()
        let reader = try bench.reader()
        var found: [DeviceSummary] = []
        var cursor: String?
        repeat {
            let page = try reader.devices(DeviceFilter(), limit: 10, cursor: cursor, now: start + 30)
            found += page.items
            cursor = page.next
        } while cursor != nil
        #expect(found.map(\.device.id) == (0..<57).map { "d\(String(format: "%03d", $0))" })
        #expect(
            found[20].latest == [
                .init(component: nil, metric: "pressure", value: .number(20), at: start + 20, quality: .implausiblyHigh)
            ])
        // What is dated ahead says nothing about when it was seen.
        #expect(found[20].lastSeen == start + 20)
        #expect(found[40].lastSeen == start)
        #expect(found[40].latest.first?.at == start + 40)
        var filter = DeviceFilter()
        filter.kind = "hydrant"
        filter.state = .offline
        #expect(
            try reader.devices(filter, limit: 100, cursor: nil, now: start).items.count
                == (0..<57).count { $0 % 3 == 0 && $0 % 4 > 1 })
        filter.area = "nowhere"
        #expect(try reader.devices(filter, limit: 100, cursor: nil, now: start).items.isEmpty)
        #expect(try reader.device("d001", now: start)?.online == true)
        #expect(try reader.device("nobody", now: start) == nil)
    }

    @Test func latestOfAnEventIsTheNewerHalf() throws {
        let bench = try Bench()
        let active = bench.series("p1", "event.fault", kind: "panel")
        let inactive = bench.series("p1", "event.fault", kind: "panel", inactive: true)
        let reader = try bench.reader()
        func latest() throws -> [Value] {
            try bench.commit()
            return try reader.device("p1", now: start)?.latest.map(\.value) ?? []
        }
        try bench.admit(inactive, 0, .boolean(false))
        #expect(try latest() == [.boolean(false)])
        try bench.admit(active, 1, .boolean(true))
        #expect(try latest() == [.boolean(true)])
        try bench.admit(inactive, 1, .boolean(false))
        #expect(try latest() == [.boolean(false)])
        try bench.admit(active, 2, .boolean(true))
        #expect(try latest() == [.boolean(true)])
    }
}

import FireModel
import Foundation
import Testing

@testable import FireStore

/// Questions to many series at once, against what is known to be stored.
struct ManySeriesTests {
    /// Fifty devices of two kinds in three areas, some with components, whose readings lie in merged and small
    /// segments and in the heads; some came late.
    private final class Town {
        let bench: Bench
        let beside: StoreReader
        var dice = Dice(seed: 11)
        struct Series {
            var device: String
            var kind: String
            var area: String
            var component: String?
            var index: Int32
        }
        var series: [Series] = []
        /// Thousandths, per series and time.
        var stored: [Int32: [Int64: Int]] = [:]

        init(hours: Int64 = 40) throws {
            bench = try Bench(settings: StoreSettings(retention: .init(raw: .seconds(400 * 86_400))))
            beside = try StoreReader(beside: bench.open())
            for number in 0..<50 {
                let kind = number % 3 == 0 ? "smoke" : "hydrant"
                let area = "32010\(number % 4 % 3)"
                let id = "d\(number * 37 % 50)"
                let device = bench.fleet.addDevice(
                    id: id, kind: bench.fleet.kind(kind), area: bench.fleet.area(area), at: start)
                for component in [nil, "c1", "c2"].prefix(number % 3 + 1) {
                    // Others between them, so that buckets hold what is not asked for.
                    _ = bench.series(id, "battery", component: component, kind: kind)
                    let index = bench.fleet.addSeries(
                        device: device, component: component.map { bench.fleet.component($0) } ?? -1,
                        metric: bench.fleet.metric("pressure"))
                    series.append(
                        Series(device: id, kind: kind, area: area, component: component, index: index))
                }
            }
            for hour in 0..<hours {
                for _ in 0..<300 { try admit(hour * 3_600_000 + Int64.random(in: 0..<3_600_000, using: &dice)) }
                try admit(max(0, hour - 20) * 3_600_000 + 5)
                try bench.commit()
                guard hour < hours - 1 else { break }
                try bench.seal(now: start + hour * 3_600_000)
                while try bench.open().retentionSlice(now: start + hour * 3_600_000) {}
            }
        }

        func admit(_ at: Int64) throws {
            let one = series.randomElement(using: &dice) ?? series[0]
            guard stored[one.index]?[at] == nil else { return }
            let value = Int.random(in: -900...900, using: &dice)
            stored[one.index, default: [:]][at] = value
            try bench.admit(one.index, at, .number(Double(value) / 1000))
        }

        /// What a filter lets through, by group.
        func groups(_ query: SeriesQuery) -> [String: [Series]] {
            Dictionary(
                grouping: series.filter {
                    let filter = query.filter
                    return (filter.kind ?? $0.kind) == $0.kind && (filter.area ?? $0.area) == $0.area
                        && (filter.devices.isEmpty || filter.devices.contains($0.device))
                        && (filter.component == nil || filter.component == $0.component ?? "")
                }
            ) {
                switch query.grouping {
                case nil: "\($0.device)/\($0.component ?? "")"
                case .device: $0.device
                case .area: $0.area
                case .kind: $0.kind
                }
            }
        }

        func expected(_ query: SeriesQuery) -> [String: [Point]] {
            groups(query).mapValues { its in
                var all: [(at: Int64, series: Int32, value: Int)] = []
                for one in its {
                    for (at, value) in stored[one.index] ?? [:] {
                        let time = start + at
                        guard time >= query.range.from ?? time, query.range.to.map({ time < $0 }) ?? true else {
                            continue
                        }
                        all.append((time.milliseconds, one.index, value))
                    }
                }
                all.sort { ($0.at, $0.series) < ($1.at, $1.series) }
                guard let step = query.step?.wholeMilliseconds else {
                    return all.map { Point(at: Timestamp($0.at), value: .number(Double($0.value) / 1000)) }
                }
                let steps = Dictionary(grouping: all) { floored($0.at, step) }
                return steps.keys.sorted().map { key in
                    let values = steps[key, default: []].map(\.value)
                    let sum = Double(values.reduce(0, +)) / 1000
                    let value: Double =
                        switch query.function {
                        case .count: Double(values.count)
                        case .sum: sum
                        case .avg: sum / Double(values.count)
                        case .min: Double(values.min() ?? 0) / 1000
                        case .max: Double(values.max() ?? 0) / 1000
                        case .first: Double(values[0]) / 1000
                        case .last: Double(values[values.count - 1]) / 1000
                        }
                    return Point(at: Timestamp(key), value: .number(value))
                }
            }
        }

        /// All pages.
        func answer(_ query: SeriesQuery, _ reader: StoreReader) throws -> [SeriesPoints] {
            var query = query
            var items: [SeriesPoints] = []
            repeat {
                let page = try page(query, reader)
                items += page.items
                query.cursor = page.next
            } while query.cursor != nil
            return items
        }

        func page(_ query: SeriesQuery, _ reader: StoreReader) throws -> Page<SeriesPoints> {
            var scan = reader.series(query)
            while true { if let page = try scan.advance() { return page } }
        }
    }

    private func name(_ item: SeriesPoints, _ grouping: SeriesQuery.Grouping?) -> String {
        switch grouping {
        case nil: "\(item.device ?? "")/\(item.component ?? "")"
        case .device: item.device ?? ""
        case .area: item.area ?? ""
        case .kind: item.kind ?? ""
        }
    }

    private func question(_ dice: inout Dice, _ town: Town) -> SeriesQuery {
        var filter = SeriesFilter()
        filter.metric = "pressure"
        filter.kind = ["hydrant", "smoke", nil, nil].randomElement(using: &dice) ?? nil
        filter.area = ["320100", "320102", nil, nil].randomElement(using: &dice) ?? nil
        filter.component = ["", "c1", nil, nil].randomElement(using: &dice) ?? nil
        if Int.random(in: 0..<3, using: &dice) == 0 {
            filter.devices = (0..<10).map { _ in "d\(Int.random(in: 0..<60, using: &dice))" }
        }
        var query = SeriesQuery(filter)
        query.grouping = [nil, .device, .area, .kind].randomElement(using: &dice) ?? nil
        let from = Int64.random(in: -3_600_000..<120_000_000, using: &dice)
        if Bool.random(using: &dice) { query.range.from = start + from }
        if Bool.random(using: &dice) { query.range.to = start + from + Int64.random(in: 1..<100_000_000, using: &dice) }
        let isRaw = query.grouping != .area && query.grouping != .kind && Int.random(in: 0..<4, using: &dice) == 0
        if !isRaw {
            query.step = .milliseconds(
                [300_000, 3_600_000, 7_200_000, 86_400_000, 5_000_000].randomElement(using: &dice) ?? 1)
            query.function = ReadingQuery.Function.allCases.randomElement(using: &dice) ?? .avg
        }
        query.limit = [1, 7, 1000].randomElement(using: &dice) ?? 100
        return query
    }

    @Test func groupsAreWhatTheirReadingsComeTo() throws {
        let town = try Town()
        #expect(try town.bench.count("SELECT count(*) FROM segment WHERE level = 1") == 2)
        #expect(try town.bench.count("SELECT count(*) FROM segment WHERE level = 0") > 0)
        let other = try town.bench.reader()
        var dice = Dice(seed: 5)
        for _ in 0..<120 {
            let query = question(&dice, town)
            let expected = town.expected(query)
            for reader in [town.beside, other] {
                let items = try town.answer(query, reader)
                #expect(items.count == expected.count, "\(query)")
                for item in items {
                    let key = name(item, query.grouping)
                    #expect(item.points == expected[key], "\(key) \(query)")
                    #expect(item.series == town.groups(query)[key]?.count)
                    #expect(item.next == nil)
                }
                let names = items.map { name($0, query.grouping) }
                if query.grouping == .area || query.grouping == .kind { #expect(names == names.sorted()) }
            }
        }
    }

    @Test func bothHalvesOfAnEventAreOneSeries() throws {
        let bench = try Bench()
        let active = bench.series("p1", "event.fault", kind: "panel")
        let inactive = bench.series("p1", "event.fault", kind: "panel", inactive: true)
        // What ended lies in an earlier segment than what began at the same moment.
        try bench.admit(inactive, 60_000, .boolean(false))
        try bench.commit()
        try bench.seal()
        try bench.admit(active, 60_000, .boolean(true))
        try bench.admit(active, 0, .boolean(true))
        try bench.commit()
        var filter = SeriesFilter()
        filter.metric = "event.fault"
        for reader in [try StoreReader(beside: bench.open()), try bench.reader()] {
            var query = SeriesQuery(filter)
            var scan = reader.series(query)
            var page: Page<SeriesPoints>?
            while page == nil { page = try scan.advance() }
            #expect(page?.items.count == 1)
            #expect(page?.items.first?.points.map(\.value) == [.boolean(true), .boolean(true), .boolean(false)])
            query.step = .seconds(3600)
            query.function = .last
            scan = reader.series(query)
            page = nil
            while page == nil { page = try scan.advance() }
            #expect(page?.items.first?.points.map(\.value) == [.boolean(false)])
            var one = ReadingQuery(device: "p1", component: nil, metric: "event.fault")
            one.step = .seconds(3600)
            one.function = .last
            #expect(try reader.readings(one)?.map(\.value) == [.boolean(false)])
            #expect(try reader.latest(filter, limit: 10, cursor: nil).items.map(\.value) == [.boolean(false)])
        }
    }

    @Test func pageEndsWhereItsPointsWouldBeTooMany() throws {
        let town = try Town(hours: 3)
        var filter = SeriesFilter()
        filter.metric = "pressure"
        var query = SeriesQuery(filter)
        query.pointLimit = 30
        query.limit = 1000
        for step in [nil, Duration.seconds(600)] {
            query.step = step
            query.cursor = nil
            var items: [SeriesPoints] = []
            repeat {
                let page = try town.page(query, town.beside)
                #expect(page.items.count == 1 || page.items.reduce(0) { $0 + $1.points.count } <= 30)
                items += page.items
                query.cursor = page.next
            } while query.cursor != nil
            let expected = town.expected(query)
            #expect(items.count == expected.count)
            for item in items { #expect(item.points == expected[name(item, nil)]) }
        }
        // A group that has more by itself says where it goes on.
        query.grouping = .kind
        query.step = .seconds(60)
        let expected = town.expected(query)
        var points: [Point] = []
        var from: Timestamp?
        repeat {
            query.range.from = from
            let page = try town.page(query, town.beside)
            #expect(page.items.count == 1)
            #expect(page.next != nil)
            points += page.items[0].points
            from = page.items[0].next
        } while from != nil
        #expect(points == expected["hydrant"])
        query.step = nil
        query.grouping = .device
        query.filter.devices = ["d0"]
        query.pointLimit = 5
        points = []
        from = nil
        repeat {
            query.range.from = from
            let page = try town.page(query, town.beside)
            points += page.items[0].points
            from = page.items[0].next
        } while from != nil
        query.range.from = nil
        #expect(points == town.expected(query)["d0"])
    }

    @Test func newestValuesAreThoseOfTheDevices() throws {
        let town = try Town(hours: 4)
        var filter = SeriesFilter()
        filter.metric = "pressure"
        filter.kind = "hydrant"
        let wanted = town.series.filter { $0.kind == "hydrant" && town.stored[$0.index] != nil }
        for reader in [town.beside, try town.bench.reader()] {
            var items: [LatestReading] = []
            var cursor: String?
            repeat {
                let page = try reader.latest(filter, limit: 7, cursor: cursor)
                items += page.items
                cursor = page.next
            } while cursor != nil
            #expect(items.map(\.device) == wanted.map(\.device))
            for (item, one) in zip(items, wanted) {
                let newest = try #require(town.stored[one.index]?.max { $0.key < $1.key })
                #expect(item.at == start + newest.key)
                #expect(item.value == .number(Double(newest.value) / 1000))
                #expect(item.component == one.component)
                #expect(item.area == one.area)
            }
            filter.component = "c3"
            #expect(try reader.latest(filter, limit: 7, cursor: nil).items.isEmpty)
            filter.component = nil
            expectError({ $0 == .invalidCursor }) { _ = try reader.latest(filter, limit: 7, cursor: "bogus") }
            expectError({ $0 == .invalidCursor }) {
                var query = SeriesQuery(filter)
                query.cursor = "bogus"
                _ = try town.page(query, reader)
            }
        }
    }

    @Test func aMovedDeviceIsFoundInItsNewArea() throws {
        let bench = try Bench()
        let beside = try StoreReader(beside: bench.open())
        let series = bench.series("h1", "pressure")
        try bench.admit(series, 0, .number(0.3))
        func found(_ area: String) throws -> [Int] {
            try [beside, bench.reader()].map { reader in
                var filter = SeriesFilter()
                filter.area = area
                return try reader.latest(filter, limit: 10, cursor: nil).items.count
            }
        }
        #expect(try found("320102") == [0, 0], "not before it is committed")
        try bench.commit()
        #expect(try found("320102") == [1, 1])
        bench.fleet.touch(0, area: bench.fleet.area("320105"), at: start)
        try bench.commit()
        #expect(try found("320102") == [0, 0])
        #expect(try found("320105") == [1, 1])
        _ = try bench.restart()
        let again = try StoreReader(beside: bench.open())
        var filter = SeriesFilter()
        filter.area = "320105"
        #expect(try again.latest(filter, limit: 10, cursor: nil).items.map(\.device) == ["h1"])
    }

    @Test func rolledSegmentsAnswerWholeHours() throws {
        let town = try Town(hours: 20)
        // The first sixteen hours are past the time of raw readings: only their roll-ups are left.
        let most = Int64(try town.bench.count("SELECT most FROM segment WHERE level = 1"))
        let raw: Int64 = 400 * 86_400_000
        while try town.bench.open().retentionSlice(now: Timestamp(milliseconds: most + raw + 1)) {}
        #expect(try town.bench.count("SELECT count(*) FROM segment WHERE state = 'rolled'") == 1)
        let reader = try town.bench.reader()
        var filter = SeriesFilter()
        filter.metric = "pressure"
        var query = SeriesQuery(filter)
        query.grouping = .area
        query.step = .seconds(3600)
        for function in ReadingQuery.Function.allCases {
            query.function = function
            let expected = town.expected(query)
            for item in try town.answer(query, reader) { #expect(item.points == expected[item.area ?? ""]) }
        }
    }
}

import FireModel
import Foundation
import Testing

@testable import FireStore

struct RetentionTests {
    private let day: Int64 = 86_400_000

    /// Calls slices as the worker does until there is nothing to do.
    private func run(_ writer: StoreWriter, now: Timestamp, budget: Duration = .milliseconds(2)) throws -> Int {
        var slices = 0
        while try writer.retentionSlice(now: now, budget: budget) { slices += 1 }
        return slices
    }

    @Test func readingsLeaveByTheirTimeAndTheirRollUpsLater() throws {
        let bench = try Bench()
        let writer = try bench.open()
        // Two readings a day, fifteen days a segment; sixteen of them make a large one.
        for fifteen in 0..<16 as Range<Int64> {
            for device in 0..<5 {
                let series = bench.series("d\(device)", "pressure")
                for half in 0..<30 as Range<Int64> {
                    try bench.admit(series, (fifteen * 30 + half) * day / 2, .number(1))
                }
            }
            try bench.commit()
            try bench.seal()
        }
        #expect(try bench.count("SELECT count(*) FROM segment") == 16)
        _ = try run(writer, now: start, budget: .zero)
        #expect(try bench.count("SELECT count(*) FROM segment WHERE level = 1 AND state = 'whole'") == 1)
        #expect(try bench.reader().figures().readings == 5 * 480)
        #expect(try bench.count("SELECT count(*) FROM chunk") == 1)

        // Past their time by a day: only the roll-ups stay, and answer by the hour and longer.
        _ = try run(writer, now: start + 331 * day, budget: .zero)
        #expect(try bench.count("SELECT count(*) FROM chunk") == 0)
        #expect(try bench.reader().figures().readings == 0)
        #expect(writer.counters.readingsExpired.value == 5 * 480)
        var query = ReadingQuery(device: "d1", component: nil, metric: "pressure")
        #expect(try bench.reader().readings(query) == [])
        query.step = .seconds(86_400)
        query.function = .count
        #expect(try bench.reader().readings(query)?.reduce(0) { $0 + ($1.value.number ?? 0) } == 480)
        // Not again before the hour is over.
        #expect(try !writer.retentionSlice(now: start + 331 * day + 3_599_000))
        _ = try run(writer, now: start + 1500 * day, budget: .zero)
        #expect(try bench.count("SELECT count(*) FROM rollup") == 0)
        #expect(try bench.count("SELECT count(*) FROM segment") == 0)
        #expect(try writer.connection.integer("PRAGMA synchronous") == 2)
    }

    @Test func whatCameLateDoesNotLiveTwice() throws {
        let bench = try Bench()
        let writer = try bench.open()
        let series = bench.series("d1", "pressure")
        for segment in 0..<16 as Range<Int64> {
            try bench.admit(series, (100 + segment) * day, .number(1))
            // A hundred days late, each time.
            try bench.admit(series, segment * day, .number(2))
            try bench.commit()
            try bench.seal()
        }
        _ = try run(writer, now: start + 120 * day)
        let points = try bench.reader().readings(ReadingQuery(device: "d1", component: nil, metric: "pressure"))
        #expect(points?.map(\.at) == (100..<116).map { start + $0 * day })
        #expect(try StoreInspector.integrityCheck(path: bench.path) == [])
        #expect(try bench.reader().figures().readings == 16)
    }

    /// A clock that goes back by a month neither deletes nor stops anything.
    @Test func clockThatGoesBackDoesNoHarm() throws {
        let bench = try Bench()
        let writer = try bench.open()
        let series = bench.series("d1", "pressure")
        for step in 0..<50 as Range<Int64> {
            let now = start + (step < 25 ? step : step - 30) * day
            try bench.admit(series, step * day, .number(Double(step)))
            try bench.commit()
            if writer.isSealDue(now: now) { try writer.beginSeal(now: now, checkpoint: StoredCheckpoint()) }
            _ = try run(writer, now: now)
        }
        #expect(try bench.reader().figures().readings == 50)
        #expect(try bench.count("SELECT count(*) FROM segment") > 1)
    }

    @Test func retentionWaitsForTheBatch() throws {
        let bench = try Bench()
        try bench.admit(bench.series("h1", "pressure"), 0, .number(1))
        #expect(try bench.open().retentionSlice(now: start + 200 * day))
        try bench.commit()
        try bench.seal()
        #expect(try bench.reader().figures().readings == 1)
        _ = try run(bench.open(), now: start + 200 * day)
        #expect(try bench.reader().figures().readings == 0)
    }

    @Test func activeAlarmsAndPendingDeliveriesStay() throws {
        let bench = try Bench()
        let writer = try bench.open()
        for (id, state) in [
            ("active", AlarmState.active), ("waiting", .cleared), ("over", .cleared), ("young", .cleared),
        ] {
            let it = alarm(id, receivedAt: id == "young" ? start + 300 * day : start, state: state)
            try writer.append(change(.raised, it, cause: id))
            var delivery = delivery("d-\(id)", alarm: it)
            try writer.append(&delivery)
            if id != "waiting" { try writer.record(attempt("d-\(id)", at: 0, state: .delivered, status: 200)) }
        }
        try writer.quarantine(rejection([1]))
        try writer.quarantine(rejection([2], at: start + 1100 * day))
        try bench.commit()
        _ = try run(writer, now: start + 1110 * day)
        let reader = try bench.reader()
        #expect(
            try Set(reader.alarms(AlarmFilter(), limit: 10, cursor: nil).items.map(\.id)) == [
                "active", "waiting", "young",
            ])
        #expect(
            try Set(reader.deliveries(DeliveryFilter(), limit: 10, cursor: nil).items.map(\.id)) == [
                "d-active", "d-waiting", "d-young",
            ])
        #expect(try bench.count("SELECT count(*) FROM alarm_change") == 3)
        #expect(try bench.count("SELECT count(*) FROM delivery_attempt") == 2)
        #expect(try reader.quarantine(limit: 10, cursor: nil).items.map(\.payload) == [[2]])
        #expect(writer.counters.alarmsExpired.value == 1)
        #expect(writer.counters.quarantineDropped.value == 1)
    }

    @Test func sizeBoundEvictsTheOldestAndStoringGoesOn() throws {
        let size: Int64 = 2 << 20
        let bench = try Bench(settings: StoreSettings(maxSize: ByteSize(bytes: size)))
        let writer = try bench.open()
        let all = (0..<10).map { bench.series("d\($0)", "pressure") }
        var dice = Dice(seed: 1)
        var now = start
        // Four megabytes, a reading a minute and series.
        for at in 0..<1200 as Range<Int64> {
            now = start + at * 60_000
            for series in all {
                // Nothing that could be compressed much.
                let text = (0..<40).map { _ in String(dice.next()) }.joined()
                try bench.admit(series, at * 60_000, .text(text))
            }
            try bench.commit()
            if writer.isSealDue(now: now) { try writer.beginSeal(now: now, checkpoint: StoredCheckpoint()) }
            var slices = 0
            while slices < 20, try writer.retentionSlice(now: now) { slices += 1 }
        }
        let file = try FileManager.default.attributesOfItem(atPath: bench.path)[.size] as? Int64 ?? 0
        #expect(file <= size)
        #expect(writer.counters.readingsExpired.value > 3000)
        let left = try bench.reader().figures().readings
        #expect(left > 1000)
        // The newest are there without a gap.
        let points = try #require(
            try bench.reader().readings(ReadingQuery(device: "d0", component: nil, metric: "pressure")))
        #expect(points.last?.at == now)
        #expect(zip(points, points.dropFirst()).allSatisfy { $1.at - $0.at == 60_000 })
        #expect(left == Int64(points.count * 10))
    }

    @Test func boundFilledByOtherThingsRefusesReadings() throws {
        let bench = try Bench(settings: StoreSettings(maxSize: ByteSize(bytes: 2 << 20)))
        let writer = try bench.open()
        let series = bench.series("h1", "pressure")
        try bench.admit(series, 0, .number(1))
        let payload = [UInt8](repeating: 1, count: 100_000)
        for _ in 0..<17 { try writer.quarantine(rejection(payload)) }
        try bench.commit()
        for second in 0..<20 as Range<Int64> {
            let now = start + second * 2000
            if writer.isSealDue(now: now) { try writer.beginSeal(now: now, checkpoint: StoredCheckpoint()) }
            _ = try run(writer, now: now)
        }
        #expect(try bench.reader().figures().readings == 0)
        expectError({ if case .full = $0 { true } else { false } }) { try bench.admit(series, 1, .number(1)) }
        // Alarms still find room.
        try writer.append(change(.raised, alarm("a1")))
        try bench.commit()
        for id in 1...12 as ClosedRange<Int64> { try writer.removeQuarantined(id) }
        try bench.commit()
        _ = try run(writer, now: start + 60_000)
        #expect(try bench.admit(series, 1, .number(1)).admission == .new)
    }
}

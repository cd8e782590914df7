import FireModel
import Testing

@testable import FireStore

struct ContextTests {
    private func judged(_ bench: Bench) throws -> Alarm {
        var one = alarm("a1", receivedAt: start + 3_600_000)
        one.verdict = .falseAlarm
        try bench.open().append(change(.raised, one))
        return one
    }

    @Test func whatLiesAroundARaiseIsFound() throws {
        let bench = try Bench()
        let raise: Int64 = 3_600_000
        let own = bench.series("h1", "pressure")
        let ofPort = bench.series("h1", "pressure", component: "port-1")
        for second in -700...300 as ClosedRange<Int64> {
            try bench.admit(own, raise + second * 1000, .number(Double(second)))
        }
        try bench.admit(bench.series("h1", "leak"), raise - 600_000, .boolean(false))
        try bench.admit(bench.series("h1", "old"), raise - 600_001, .boolean(false))
        try bench.admit(ofPort, raise, .number(1))
        let one = try judged(bench)
        try bench.commit()
        let around = try bench.reader().surroundings(of: one)
        #expect(around.series.map(\.metric) == ["leak", "pressure"])
        // 200 of 721, as many on either side of the raise.
        let pressure = try #require(around.series.last)
        #expect(pressure.points.count == VerdictContext.mostPoints)
        let first = try #require(pressure.points.first), last = try #require(pressure.points.last)
        #expect(first.at - start >= raise - 100_000 && last.at - start <= raise + 100_000)
    }

    @Test func whatIsKeptOutlivesTheReadings() throws {
        let bench = try Bench()
        let series = bench.series("h1", "pressure")
        for index in 0..<5 { try bench.admit(series, 3_600_000 - Int64(index) * 60_000, .number(0.05)) }
        let one = try judged(bench)
        try bench.commit()
        let around = try bench.reader().surroundings(of: one)
        #expect(around.pointCount == 5)
        try bench.open().keep(around)
        try bench.commit()
        #expect(try bench.reader().context(of: "a1") == around.series)
        // Corrected when they are gone.
        try bench.open().keep(VerdictContext(alarm: "a1", series: []))
        try bench.commit()
        #expect(try bench.reader().context(of: "a1") == around.series)
        #expect(try bench.reader().context(of: "a2") == nil)
    }

    @Test func itGoesWithItsAlarm() throws {
        let bench = try Bench()
        var one = try judged(bench)
        one.state = .cleared
        one.revision = 2
        try bench.open().append(change(.cleared, one))
        try bench.open().keep(
            VerdictContext(
                alarm: "a1",
                series: [.init(component: "c", metric: "m", points: [Point(at: start, value: .text("x"))])]))
        try bench.commit()
        #expect(try bench.count("SELECT count(*) FROM verdict_context") == 1)
        let late = start + 10 * 365 * 86_400_000
        for _ in 0..<50 { _ = try bench.open().retentionSlice(now: late) }
        #expect(try bench.count("SELECT count(*) FROM alarm") == 0)
        #expect(try bench.count("SELECT count(*) FROM verdict_context") == 0)
    }
}

import FireModel
import Testing

/// Every expected figure here was worked out by hand.
@Suite struct RuleReportTests {
    private let start = Timestamp(milliseconds: 1_795_428_000_000)
    private let day: Int64 = 86_400_000

    private func row(
        _ rule: String = "r", _ device: String = "d", _ verdict: Verdict? = nil, at seconds: Int64,
        acknowledgedAfter: Int64? = nil, clearedAfter: Int64? = nil, severity: AlarmSeverity = .warning,
        drill: Bool = false
    ) -> AlarmRow {
        let at = start + seconds * 1000
        return AlarmRow(
            rule: rule, severity: severity, device: device, metric: "m", verdict: verdict, isDrill: drill,
            raisedAt: at, receivedAt: at, acknowledgedAt: acknowledgedAfter.map { at + $0 * 1000 },
            clearedAt: clearedAfter.map { at + $0 * 1000 })
    }

    private func value(_ report: RuleReport, _ name: String) throws -> Double {
        try #require(report.list.figures.first { $0.name == name }).value
    }

    @Test func verdictsAreCountedPerRuleAndDevice() throws {
        let rows = [
            row("a", "d1", .trueFire, at: 0), row("a", "d1", .trueAlarm, at: 3600),
            row("a", "d2", .falseAlarm, at: 7200),
            row("a", "d2", .test, at: 9000), row("a", "d2", .trueAlarm, at: 9500, drill: true),
            row("a", "d2", .fault, at: 9900), row("a", "d2", nil, at: 20_000), row("b", "d1", nil, at: 30_000),
        ]
        let report = RuleReport(rows, from: start, to: start + day)
        #expect(report.groups.map(\.rule) == ["a", "b"])
        let a = report.groups[0]
        #expect([a.raised, a.judgedTrue, a.judgedFalse, a.tests, a.unjudged] == [7, 2, 1, 2, 2])
        #expect(a.precision == 2.0 / 3)
        #expect(report.groups[1].precision == nil)
        let byDevice = RuleReport(rows, from: start, to: start + day, by: .device)
        #expect(byDevice.groups.map { "\($0.rule) \($0.device ?? "") \($0.raised)" } == ["a d2 5", "a d1 2", "b d1 1"])
        #expect(byDevice.groups.map(\.precision) == [0, 1, nil])
    }

    @Test func waitsAreMedianAndNinetiethPercentile() {
        let waits: [Int64] = [10, 20, 30, 40, 50, 60, 70, 80, 90, 1000]
        let rows = waits.enumerated().map { row(at: Int64($0) * 900, acknowledgedAfter: $1) } + [row(at: 10_000)]
        let figures = RuleReport(rows, from: start, to: start + day).groups[0]
        // Of ten: the fifth, and the ninth.
        #expect(figures.acknowledgedMedian == .seconds(50))
        #expect(figures.acknowledgedP90 == .seconds(90))
        let nobody = RuleReport([row(at: 0)], from: start, to: start + day).groups[0]
        #expect(nobody.acknowledgedMedian == nil && nobody.acknowledgedP90 == nil)
    }

    @Test(
        arguments: [
            ([0, 30, 60], 1), ([0, 30, 61], 0), ([0, 60, 120, 180, 240, 300], 1), ([0, 60, 120, 180, 240, 301], 0),
            ([0, 0], 0), ([500, 0, 530, 560], 1),
        ] as [([Int64], Int)])
    func chatteringIsThreeInAMinuteOrSixInFive(seconds: [Int64], count: Int) {
        let rows = seconds.map { row(at: $0) }
        #expect(RuleReport(rows, from: start, to: start + day).groups[0].chattering == count)
        // Of different devices they are no chattering.
        let apart = seconds.enumerated().map { row("r", "d\($0)", at: $1) }
        #expect(RuleReport(apart, from: start, to: start + day).groups[0].chattering == 0)
    }

    @Test func fleetingAndStale() throws {
        let rows = [
            row("r", "a", at: 0, clearedAfter: 9), row("r", "b", at: 0, clearedAfter: 10),
            row("r", "c", at: 0, clearedAfter: 86_400), row("r", "d", at: 0, clearedAfter: 86_401),
            row("r", "e", at: 0), row("r", "f", at: 86_400 + 1),
        ]
        let report = RuleReport(rows, from: start, to: start + 2 * day)
        #expect(report.groups[0].fleeting == 1)
        // d, and e that is still active; f is active for less than a day.
        #expect(report.groups[0].stale == 2)
        #expect(try value(report, "stale_per_day") == 1)
    }

    /// A day has 144 stretches of ten minutes. One of 11 begins a flood, 5 go on with it, 4 end it; 11 begin another
    /// one, and nothing for ten minutes ends that.
    @Test func floods() throws {
        let counts: [(Int64, Int)] = [(3, 10), (10, 11), (11, 5), (12, 4), (13, 10), (20, 12), (22, 11)]
        let rows = counts.flatMap { interval, count in
            (0..<count).map { row("r", "d\($0)", at: interval * 600 + Int64($0)) }
        }
        let report = RuleReport(rows, from: start, to: start + day)
        #expect(report.list.alarms == 63)
        #expect(try value(report, "floods") == 3)
        #expect(try value(report, "share_of_time_in_flood") == 4.0 / 144)
        #expect(try value(report, "share_of_10_minutes_with_more_than_10") == 3.0 / 144)
        #expect(try value(report, "alarms_per_hour_and_operator") == 63.0 / 24)
        let two = RuleReport(rows, from: start, to: start + day, operators: 2)
        #expect(abs(try value(two, "alarms_per_10_minutes_and_operator") - 63.0 / 24 / 6 / 2) < 1e-12)
        #expect(report.list.figures.first { $0.name == "floods" }?.isAcceptable == false)
    }

    @Test func topTenAndSeverities() throws {
        var rows = (0..<20).map { row("r", "d\($0)", at: Int64($0) * 1000, severity: $0 < 16 ? .info : .minor) }
        rows += (0..<3).map { row("r", "d7", at: 50_000 + Int64($0) * 1000, severity: .critical) }
        rows += [row("r", "d9", at: 70_000, severity: .major)]
        let report = RuleReport(rows, from: start, to: start + day)
        #expect(report.list.top.prefix(3).map { "\($0.device) \($0.count)" } == ["d7 4", "d9 2", "d0 1"])
        #expect(report.list.top.count == 10)
        #expect(try value(report, "share_of_top_10") == 14.0 / 24)
        #expect(try value(report, "share_critical") == 3.0 / 24)
        #expect(try value(report, "share_high") == 4.0 / 24)
        #expect(try value(report, "share_medium") == 4.0 / 24)
        #expect(try value(report, "share_low") == 16.0 / 24)
    }

    @Test func aShortTimeIsWarnedOf() {
        #expect(RuleReport([], from: start, to: start + 30 * day).warnings.isEmpty)
        #expect(RuleReport([], from: start, to: start + (30 * day - 1)).warnings.count == 1)
        // Without a beginning it is that of the first alarm.
        let report = RuleReport([row(at: 3600)], from: nil, to: start + 40 * day)
        #expect(report.from == start + 3_600_000)
        #expect(report.warnings.isEmpty)
        let empty = RuleReport([], from: nil, to: start)
        #expect(empty.from == start && empty.groups.isEmpty && empty.list.alarms == 0)
    }
}

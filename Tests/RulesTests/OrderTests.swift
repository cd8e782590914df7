import FireModel
import Testing

@testable import FireRules

/// What is late, what is ahead, and how long something lasted.
struct OrderTests {
    private let year = 365.0 * 86_400
    private let day = 86_400.0

    // MARK: Late

    @Test func endDatedBeforeABeginningWithoutTimeEndsNothing() {
        let bench = RuleBench([.faultEvent])
        bench.event("p-1", "fault", quality: .receiptTime)
        #expect(bench.event("p-1", "fault", active: false, at: -3600).isEmpty)
        #expect(bench.event("p-1", "restored", at: -3600).isEmpty)
        bench.wait(5)
        #expect(bench.event("p-1", "fault", active: false, quality: .receiptTime).map(\.kind) == [.cleared])
    }

    @Test func inputWithoutTimeIsNeverLate() {
        let bench = RuleBench([.lowPressure(for: .zero, clearFor: .zero)])
        bench.read("h-1", "hydrant", "pressure", .number(0.05), at: 300)
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.3), quality: .receiptTime).map(\.kind) == [.cleared])
    }

    /// A day's backlog that comes in any order, through two rules: only what is newest counts, and every fire.
    @Test func dayOldInputsOutOfOrderChangeNothing() {
        let bench = RuleBench([.lowPressure(for: .zero, clearFor: .zero), .faultEvent])
        bench.read("h-1", "hydrant", "pressure", .number(0.3), at: 0)
        bench.event("p-1", "fault", at: 0)
        bench.wait(1)
        for hour in [-3, -20, -7, -24, -1] {
            let at = Double(hour) * 3600
            #expect(bench.read("h-1", "hydrant", "pressure", .number(0.05), at: at, backlog: true).isEmpty)
            #expect(bench.event("p-1", "fault", active: false, at: at).isEmpty)
            #expect(bench.event("p-1", "restored", at: at).isEmpty)
        }
        #expect(bench.read("s-1", "smoke", "smoke", .boolean(false), at: 0).isEmpty)
        let fires = [-3, -20].flatMap {
            bench.read("s-1", "smoke", "smoke", .boolean(true), at: Double($0) * 3600, backlog: true)
        }
        #expect(fires.map(\.kind) == [.raised, .occurrence] && fires.allSatisfy(\.alarm.late))
    }

    @Test func implausibleValuesToldLateAreNoRun() {
        let bench = RuleBench()
        bench.read("h-1", "hydrant", "pressure", .number(0.3), at: 0)
        for second in [-30.0, -20, -10] {
            #expect(
                bench.read("h-1", "hydrant", "pressure", .number(300), at: second, quality: .implausiblyHigh).isEmpty)
        }
        // Nor does an old sound value end a run.
        for second in [1.0, 2] {
            bench.read("h-1", "hydrant", "pressure", .number(300), at: second, quality: .implausiblyHigh)
        }
        bench.read("h-1", "hydrant", "pressure", .number(0.3), at: -5)
        #expect(
            bench.read("h-1", "hydrant", "pressure", .number(300), at: 3, quality: .implausiblyHigh).map(\.kind) == [
                .raised
            ])
    }

    // MARK: Retries

    @Test(arguments: [false, true]) func retryEndsNothingThatBeganSince(_ isTimed: Bool) {
        let bench = RuleBench([.faultEvent])
        bench.event("p-1", "fault", at: isTimed ? 0 : nil, quality: isTimed ? [] : .receiptTime)
        bench.event("p-1", "fire", at: isTimed ? 0 : nil, quality: isTimed ? [] : .receiptTime)
        for name in ["restored", "reset"] {
            #expect(bench.event("p-1", name, quality: .receiptTime, receivedAt: -60, isRetry: true).isEmpty)
            #expect(bench.event("p-1", name, at: -60, receivedAt: -60, isRetry: true).isEmpty)
        }
        bench.wait(10)
        #expect(
            bench.event("p-1", "restored", quality: .receiptTime, receivedAt: 5, isRetry: true).map(\.kind) == [
                .cleared
            ])
        #expect(
            bench.event("p-1", "reset", quality: .receiptTime, receivedAt: 5, isRetry: true).map(\.kind) == [.cleared])
    }

    /// Dated by a device that is ahead, though not so far that its time is refused.
    @Test func retryEndsNothingThatIsDatedAfterIt() {
        let bench = RuleBench([.faultEvent])
        bench.event("p-1", "fault", at: 60)
        bench.event("p-1", "fire", at: 60)
        for name in ["restored", "reset"] {
            #expect(bench.event("p-1", name, quality: .receiptTime, receivedAt: 5, isRetry: true).isEmpty)
        }
    }

    // MARK: Ahead

    /// Neither the gateway's clock nor the device's was right; both are now.
    @Test func seriesIsNotMutedByATimeFarAhead() {
        let bench = RuleBench([.lowPressure(for: .zero, clearFor: .zero), .faultEvent])
        bench.read("h-1", "hydrant", "pressure", .number(0.3), at: year)
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.05), at: 1).map(\.kind) == [.raised])
        bench.event("p-1", "fault", at: year)
        #expect(bench.event("p-1", "restored", at: 1).map(\.kind) == [.cleared])
    }

    @Test func seriesIsNotMutedByAStoredTimeFarAhead() {
        let bench = RuleBench([.lowPressure(for: .zero, clearFor: .zero)])
        let ahead = RuleBench.start + Int64(year) * 1000
        bench.engine.seed(
            Reading(
                series: bench.series("h-1", "hydrant", "pressure"), at: ahead, receivedAt: ahead, value: .number(0.3),
                quality: [], backlog: false),
            live: 0)
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.05), at: 1).map(\.kind) == [.raised])
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.3), at: 0.5).isEmpty, "late")
    }

    /// Receipt times of a gateway whose clock was ahead.
    @Test func seriesIsNotMutedByOurOwnClock() {
        let bench = RuleBench([.lowPressure(for: .zero, clearFor: .zero)])
        bench.lose(year)
        bench.read("h-1", "hydrant", "pressure", .number(0.3), quality: .receiptTime)
        bench.lose(-year)
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.05), at: 1).map(\.kind) == [.raised])
    }

    // MARK: How long

    @Test func betweenTwoReceiptsTheirDifferenceCounts() {
        for steady in [nil, Int64(0)] {
            let bench = RuleBench([.lowPressure()])
            bench.steady = steady
            bench.read("h-1", "hydrant", "pressure", .number(0.09), quality: .receiptTime)
            bench.disconnect(3600)
            let raised = bench.read("h-1", "hydrant", "pressure", .number(0.09), quality: .receiptTime)
            #expect(raised.map(\.kind) == [.raised])
            #expect(raised.first?.alarm.raisedAt == RuleBench.start + 120_000)
        }
    }

    /// Forward, as when a gateway without a clock of its own has found the time.
    @Test(arguments: [86_400.0, -86_400]) func stepOfTheWallClockMakesNothingLonger(_ step: Double) {
        let bench = RuleBench([.lowPressure()])
        bench.steady = 0
        bench.read("h-1", "hydrant", "pressure", .number(0.09), quality: .receiptTime)
        bench.wait(60)
        bench.lose(step)
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.09), quality: .receiptTime).isEmpty)
        #expect(bench.wait(59).isEmpty)
        #expect(bench.wait(2).map(\.kind) == [.raised])
    }

    @Test func timeOfADeviceADayOffIsNotMeasuredBy() {
        let bench = RuleBench([.lowPressure()])
        bench.steady = 0
        bench.read("h-1", "hydrant", "pressure", .number(0.09), at: -3 * day)
        bench.wait(1)
        #expect(bench.read("h-1", "hydrant", "pressure", .number(0.09), at: -2 * day).isEmpty)
        bench.wait(100)
        #expect(bench.wait(20).map(\.kind) == [.raised])
    }
}

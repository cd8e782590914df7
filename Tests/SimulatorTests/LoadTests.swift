import FireModel
import Testing

@testable import firesense_simulator

@Suite struct LoadTests {
    private func all(_ limit: Schedule.Limit, rate: Double, connections: Int) -> [Duration] {
        (0..<connections).flatMap { connection in
            let schedule = Schedule(rate: rate, limit: limit, connection: connection, connections: connections)
            var due: [Duration] = []
            while let next = schedule.due(due.count) { due.append(next) }
            return due
        }.sorted()
    }

    @Test(arguments: [1, 2, 3, 7]) func connectionsTogetherKeepTheRate(connections: Int) {
        let due = all(.count(1000), rate: 500, connections: connections)
        #expect(due == (0..<1000).map { .milliseconds(2 * $0) })
    }

    @Test(arguments: [1, 2, 3, 7]) func aDurationHoldsRateTimesSeconds(connections: Int) {
        #expect(all(.duration(.seconds(10)), rate: 33, connections: connections).count == 330)
    }

    @Test func dueTimesDoNotDriftOverADay() {
        let schedule = Schedule(rate: 30_000, limit: .duration(.seconds(90_000)), connection: 0, connections: 1)
        #expect(schedule.due(30_000 * 86_400) == .seconds(86_400))
    }

    @Test func rateZeroIsDueAtOnce() {
        let counted = Schedule(rate: 0, limit: .count(10), connection: 1, connections: 3)
        // Messages 1, 4 and 7 of 0…9.
        #expect((0..<4).map { counted.due($0) } == [.zero, .zero, .zero, nil])
        let timed = Schedule(rate: 0, limit: .duration(.seconds(5)), connection: 0, connections: 1)
        #expect(timed.due(1_000_000_000) == .zero)
        #expect(!timed.isOver(elapsed: .seconds(4)))
        #expect(timed.isOver(elapsed: .seconds(5)))
    }

    @Test func aPacedRunSendsItsLateMessagesToo() {
        let schedule = Schedule(rate: 10, limit: .duration(.seconds(1)), connection: 0, connections: 1)
        #expect(!schedule.isOver(elapsed: .seconds(60)))
    }

    @Test func outcomesAddUp() {
        var first = Outcome()
        first.count(.hydrant, readings: 5, bytes: 100)
        first.acknowledged = 1
        first.latency.record(.milliseconds(1))
        first.worstLateness = .milliseconds(3)
        var second = Outcome()
        second.count(.hydrant, readings: 4, bytes: 90)
        second.count(.smoke, readings: 1, bytes: 50)
        second.statuses = 3
        second.acknowledged = 5
        second.latency.record(.milliseconds(9))
        second.failure = "no"
        first.add(second)
        #expect(first.sent == 6)
        #expect(first.readings == 13)
        #expect(first.acknowledged == 6)
        #expect(first.tallies[.hydrant] == .init(messages: 2, readings: 9, bytes: 190))
        #expect(first.worstLateness == .milliseconds(3))
        #expect(first.latency.count == 2)
        #expect(first.failure == "no")
    }

    @Test func latencyKeepsThreeDigits() {
        var latency = LatencyHistogram()
        for millisecond in 1...100 { latency.record(.milliseconds(millisecond)) }
        #expect(abs(latency.percentile(50).seconds - 0.050) < 0.0001)
        #expect(abs(latency.percentile(99).seconds - 0.099) < 0.0002)
        #expect(abs(latency.maximum.seconds - 0.100) < 0.0002)
        #expect(LatencyHistogram().maximum == .zero)
    }

    @Test func theGateOpensForAllOrForNobody() {
        func starts(_ ready: [Bool]) -> [ContinuousClock.Instant?] {
            let gate = StartGate(parties: ready.count)
            return onThreads(ready.map { isReady in { @Sendable in gate.arrive(ready: isReady) } })
        }
        let all = starts([true, true, true])
        #expect(all.allSatisfy { $0 != nil && $0 == all[0] })
        #expect(starts([true, false, true]) == [nil, nil, nil])
    }
}

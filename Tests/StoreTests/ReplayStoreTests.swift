import FireModel
import Foundation
import GRDB
import Testing

@testable import FireStore

/// Deliveries that are sent once more.
struct ReplayStoreTests {
    private let endpoints: Set<String> = ["duty", "city"]

    /// Ten that were delivered, one an alarm.
    private func delivered(_ bench: Bench, _ count: Int = 10, endpoint: String = "duty") throws {
        let writer = try bench.open()
        for number in 0..<count {
            let its = alarm("a\(number)", state: .cleared)
            try writer.append(change(.raised, its))
            var it = delivery(
                "\(endpoint)-\(number)", endpoint: endpoint, alarm: its, fire: number % 2 == 0,
                createdAt: start + Int64(number) * 1000)
            try writer.append(&it)
            try writer.record(attempt(it.id, at: 0, state: .delivered, status: 200))
        }
        try bench.commit()
    }

    private func candidates(_ bench: Bench, _ change: (inout ReplaySelection) -> Void) throws -> [Int64] {
        var selection = ReplaySelection()
        change(&selection)
        let reader = try bench.reader()
        return try reader.replayCandidates(selection, after: 0, through: try reader.lastDelivery(), limit: 1000)
    }

    @Test func replayWaitsApartFromWhatWasNeverSent() throws {
        let bench = try Bench()
        try delivered(bench)
        let writer = try bench.open()
        var new = delivery("new", alarm: alarm("a99"), fire: true)
        try writer.append(&new)
        let (outcome, marks) = try writer.replay([3, 1, 11], endpoints: endpoints, at: start + 5000)
        try bench.commit()
        #expect(outcome.replayed == 2)
        #expect(outcome.stillPending == 1)
        #expect(marks == [ReplayMark(endpoint: "duty", first: 1, count: 2)])
        let reader = try bench.reader()
        #expect(try reader.pendingDeliveries(endpoint: "duty", after: 0, limit: 9).map(\.id) == ["new"])
        let replays = try reader.pendingReplays(endpoint: "duty", after: 0, limit: 9)
        #expect(replays.map(\.sequence) == [1, 3], "in the order in which they were committed")
        #expect(replays.map(\.id) == ["duty-0", "duty-2"])
        #expect(replays.allSatisfy { $0.attempts == 0 && $0.replayedAt == start + 5000 })
        #expect(try reader.pendingReplays(endpoint: "duty", after: 1, limit: 9).map(\.sequence) == [3])
        #expect(try reader.pendingCounts().map(\.count) == [3])
    }

    @Test func attemptsAreCountedAnewAndTheOldOnesStay() throws {
        let bench = try Bench()
        try delivered(bench, 1)
        let writer = try bench.open()
        _ = try writer.replay([1], endpoints: endpoints, at: start + 5000)
        try writer.record(attempt("duty-0", at: 6000))
        try bench.commit()
        let reader = try bench.reader()
        #expect(try reader.pendingReplays(endpoint: "duty", after: 0, limit: 9).map(\.attempts) == [1])
        let record = try #require(try reader.delivery("duty-0"))
        #expect(record.summary.attemptCount == 2)
        #expect(record.summary.attempts.map(\.status) == [200, 503])
        #expect(record.summary.replayedAt == start + 5000)
        #expect(record.snapshot == alarm("a0", state: .cleared).json)
        #expect(try reader.delivery("none") == nil)
        try writer.record(attempt("duty-0", at: 7000, state: .delivered, status: 200))
        try bench.commit()
        #expect(try reader.pendingReplays(endpoint: "duty", after: 0, limit: 9).isEmpty)
    }

    @Test func twoReplaysOfOneDeliveryDifferWhateverTheClockSays() throws {
        let bench = try Bench()
        try delivered(bench, 1)
        let writer = try bench.open()
        var times: [Timestamp] = []
        for now in [start + 5000, start + 5000, start + -5000] {
            _ = try writer.replay([1], endpoints: endpoints, at: now)
            try bench.commit()
            times += try bench.reader().pendingReplays(endpoint: "duty", after: 0, limit: 9).compactMap(\.replayedAt)
            try writer.record(attempt("duty-0", at: 6000, state: .delivered, status: 200))
            try bench.commit()
        }
        #expect(times == [start + 5000, start + 5001, start + 5002])
    }

    @Test func whatCannotBeSentAgainIsLeftAlone() throws {
        let bench = try Bench()
        try delivered(bench, 2)
        try delivered(bench, 1, endpoint: "gone")
        let writer = try bench.open()
        try writer.record(attempt("duty-1", at: 0, state: .dead))
        try bench.commit()
        try writer.connection.execute("DELETE FROM alarm_change WHERE alarm = 'a1'")
        let (outcome, marks) = try writer.replay([1, 2, 3, 77], endpoints: endpoints, at: start)
        try bench.commit()
        var expected = ReplayOutcome()
        expected.replayed = 1
        expected.snapshotNotKept = 1
        expected.endpointNotConfigured = 1
        #expect(outcome == expected)
        #expect(marks.map(\.first) == [1])
        let states = try bench.reader().deliveries(DeliveryFilter(), limit: 9, cursor: nil).items.map(\.state)
        #expect(states == [.delivered, .dead, .pending])
    }

    @Test func selectionNarrowsDown() throws {
        let bench = try Bench()
        try delivered(bench)
        try delivered(bench, 3, endpoint: "city")
        let writer = try bench.open()
        try writer.record(attempt("duty-4", at: 0, state: .dead))
        try bench.commit()
        #expect(try candidates(bench) { $0.filter.endpoint = "city" } == [11, 12, 13])
        #expect(try candidates(bench) { $0.filter.state = .dead } == [5])
        #expect(
            try candidates(bench) { $0.filter.range = TimeRange(from: start + 2000, to: start + 4000) } == [3, 4, 13],
            "from is in it, to is not")
        #expect(
            try candidates(bench) {
                $0.filter.range.from = start + 2000
                $0.filter.endpoint = "duty"
                $0.ids = ["duty-1", "duty-7", "city-2", "none"]
            } == [8])
        let reader = try bench.reader()
        #expect(try reader.unknownDeliveries(["duty-1", "none", "none", "nobody"]) == 2)
        var all = ReplaySelection()
        all.filter.endpoint = "duty"
        #expect(try reader.replayCandidates(all, after: 3, through: 6, limit: 2) == [4, 5])
        #expect(try reader.replayCandidates(all, after: 5, through: 6, limit: 2) == [6])
    }

    @Test func listIsFiltered() throws {
        let bench = try Bench()
        try delivered(bench)
        try delivered(bench, 3, endpoint: "city")
        let reader = try bench.reader()
        func ids(_ change: (inout DeliveryFilter) -> Void) throws -> [String] {
            var filter = DeliveryFilter()
            change(&filter)
            return try reader.deliveries(filter, limit: 100, cursor: nil).items.map(\.id)
        }
        #expect(try ids { $0.alarm = "a2" } == ["city-2", "duty-2"])
        #expect(
            try ids {
                $0.alarm = "a2"
                $0.endpoint = "duty"
            } == ["duty-2"])
        #expect(try ids { $0.range = TimeRange(from: start + 8000, to: start + 9000) } == ["duty-8"])
    }

    @Test func replayOfARemovedEndpointIsCancelled() throws {
        let bench = try Bench()
        try delivered(bench, 3)
        let writer = try bench.open()
        _ = try writer.replay([1, 2, 3], endpoints: endpoints, at: start)
        try bench.commit()
        while try writer.cancelDeliveries(exceptFor: ["city"], limit: 2) { try bench.commit() }
        #expect(try bench.reader().pendingCounts().isEmpty)
        #expect(try bench.reader().deliveries(wanted(.cancelled), limit: 9, cursor: nil).items.count == 3)
    }

    @Test func retentionKeepsWhatIsStillToBeSent() throws {
        let bench = try Bench()
        try delivered(bench, 2)
        let writer = try bench.open()
        _ = try writer.replay([1], endpoints: endpoints, at: start)
        try bench.commit()
        let later = start + 10 * 365 * 86_400_000
        for _ in 0..<50 { _ = try writer.retentionSlice(now: later, budget: .seconds(1)) }
        let left = try bench.reader().deliveries(DeliveryFilter(), limit: 9, cursor: nil).items
        #expect(left.map(\.id) == ["duty-0"])
        #expect(try bench.reader().deliverySnapshot("duty-0") != nil)
    }

    /// A database of schema 3, with deliveries that wait and one that is done.
    @Test func olderDatabaseGainsReplaysAndLosesNothing() throws {
        let bench = try Bench()
        try delivered(bench, 1)
        for (id, fire) in [("w1", true), ("w2", false)] {
            var it = delivery(id, alarm: alarm("a50"), fire: fire)
            try bench.open().append(&it)
        }
        try bench.commit()
        bench.close()
        try DatabaseQueue(path: bench.path).writeWithoutTransaction { db in
            try db.execute(
                sql: """
                    DROP INDEX delivery_pending;
                    ALTER TABLE delivery DROP COLUMN lane;
                    ALTER TABLE delivery DROP COLUMN replayed_at;
                    ALTER TABLE delivery DROP COLUMN attempts_before;
                    CREATE INDEX delivery_pending ON delivery(endpoint, is_fire, sequence) WHERE state = 'pending';
                    DELETE FROM grdb_migrations WHERE identifier = '4';
                    """)
        }
        _ = try bench.restart()
        let reader = try bench.reader()
        #expect(try reader.pendingDeliveries(endpoint: "duty", fire: true, after: 0, limit: 9).map(\.id) == ["w1"])
        #expect(try reader.pendingDeliveries(endpoint: "duty", fire: false, after: 0, limit: 9).map(\.id) == ["w2"])
        let (outcome, _) = try bench.open().replay([1], endpoints: endpoints, at: start)
        try bench.commit()
        #expect(outcome.replayed == 1)
        #expect(try reader.pendingReplays(endpoint: "duty", after: 0, limit: 9).map(\.id) == ["duty-0"])
        #expect(try StoreInspector.integrityCheck(path: bench.path) == [])
    }

    /// Who looks for first deliveries reads an index that has the replays apart.
    @Test func pendingOnesAreFoundByTheirIndex() throws {
        let bench = try Bench()
        try delivered(bench, 1)
        let plan = try DatabaseQueue(path: bench.path).read { db in
            try Row.fetchAll(
                db,
                sql: """
                    EXPLAIN QUERY PLAN SELECT * FROM delivery WHERE state = 'pending' AND endpoint = 'duty' AND lane = 2
                    AND sequence > 5 ORDER BY sequence LIMIT 9
                    """
            ).map { $0["detail"] as String }
        }
        #expect(plan.count == 1)
        #expect(plan.first?.contains("delivery_pending (endpoint=? AND lane=? AND sequence>?)") == true, "\(plan)")
    }
}

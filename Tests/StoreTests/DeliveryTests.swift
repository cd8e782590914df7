import FireModel
import Testing

@testable import FireStore

func wanted(_ state: Delivery.State? = nil, endpoint: String? = nil) -> DeliveryFilter {
    var filter = DeliveryFilter()
    filter.state = state
    filter.endpoint = endpoint
    return filter
}

struct DeliveryTests {
    @Test func deliveriesShareTheSnapshotOfTheirChange() throws {
        let bench = try Bench()
        let writer = try bench.open()
        let first = alarm("a1")
        var later = alarm("a1", revision: 2)
        later.occurrences = 9
        try writer.append(change(.raised, first))
        var one = delivery("d1", alarm: first)
        var two = delivery("d2", endpoint: "city", alarm: first)
        #expect(try writer.append(&one))
        #expect(try writer.append(&two))
        try writer.append(change(.updated, later, cause: "more"))
        var three = delivery("d3", alarm: later)
        var odd = delivery("d4", alarm: first)
        #expect(try writer.append(&three))
        #expect(try writer.append(&odd))
        #expect([one, two, three, odd].map(\.sequence) == [1, 2, 3, 4])
        try bench.commit()
        #expect(try bench.count("SELECT count(*) FROM delivery WHERE snapshot IS NULL") == 3)
        let reader = try bench.reader()
        for it in [one, two, three, odd] { #expect(try reader.deliverySnapshot(it.id) == it.snapshot) }
        #expect(try reader.deliverySnapshot("none") == nil)
    }

    @Test func deliveryToldTwiceKeepsItsPlace() throws {
        let bench = try Bench()
        let writer = try bench.open()
        var it = delivery("d1", alarm: alarm("a1"))
        try writer.append(&it)
        try writer.record(attempt("d1", at: 0, state: .delivered, status: 200))
        try bench.commit()
        var again = delivery("d1", alarm: alarm("a1"))
        #expect(try !writer.append(&again))
        #expect(again.sequence == it.sequence)
        try bench.commit()
        #expect(try bench.reader().pendingDeliveries(endpoint: "duty", after: 0, limit: 9).isEmpty)
    }

    @Test func pendingOnesComeInOrderOfCommit() throws {
        let bench = try Bench()
        let writer = try bench.open()
        for number in 1...30 {
            var it = delivery(
                "d\(number)", endpoint: number % 5 == 0 ? "city" : "duty", alarm: alarm("a1"), fire: number % 3 == 0,
                createdAt: start + Int64(number))
            try writer.append(&it)
        }
        try writer.append(change(.raised, alarm("a1")))
        try writer.append(change(.raised, alarm("gone", state: .cleared)))
        var old = delivery("old", endpoint: "old", alarm: alarm("gone"))
        try writer.append(&old)
        try writer.record(attempt("d1", at: 3))
        try writer.record(attempt("d2", at: 3, state: .dead))
        try writer.record(attempt("nobody", at: 3, state: .dead))
        try bench.commit()
        let reader = try bench.reader()
        let duty = (1...30).filter { $0 % 5 != 0 && $0 != 2 }
        let all = try reader.pendingDeliveries(endpoint: "duty", after: 0, limit: 100)
        #expect(all.map(\.sequence) == duty.map(Int64.init))
        #expect(all.first?.attempts == 1)
        #expect(all.first?.dueAt == start + 1003)
        #expect(all.allSatisfy { $0.snapshot == nil })
        let fires = try reader.pendingDeliveries(endpoint: "duty", fire: true, after: 6, limit: 3)
        #expect(fires.map(\.sequence) == [9, 12, 18])
        #expect(try reader.pendingDeliveries(endpoint: "duty", after: 6, limit: 4).map(\.sequence) == [7, 8, 9, 11])
        #expect(
            try reader.pendingCounts() == [
                .init(endpoint: "city", count: 6, oldestCreatedAt: start + 5),
                .init(endpoint: "duty", count: 23, oldestCreatedAt: start + 1),
                .init(endpoint: "old", count: 1, oldestCreatedAt: start),
            ])
        #expect(try reader.matchedEndpoints() == ["a1": ["duty", "city"]])
    }

    @Test func removedEndpointIsCancelledBitByBit() throws {
        let bench = try Bench()
        let writer = try bench.open()
        for number in 0..<25 {
            var it = delivery("d\(number)", endpoint: "e\(number % 3)", alarm: alarm("a1"))
            try writer.append(&it)
        }
        try bench.commit()
        var rounds = 0
        while try writer.cancelDeliveries(exceptFor: ["e1"], limit: 5) {
            try bench.commit()
            rounds += 1
        }
        #expect(rounds == 4)
        #expect(!writer.hasPending)
        let reader = try bench.reader()
        #expect(try reader.pendingCounts().map(\.endpoint) == ["e1"])
        #expect(try reader.deliveries(wanted(.cancelled), limit: 100, cursor: nil).items.count == 17)
        // An attempt that was under way does not bring it back; that it arrived is a fact.
        try writer.record(attempt("d0", at: 1))
        try writer.record(attempt("d2", at: 1, state: .delivered, status: 204))
        try bench.commit()
        #expect(try reader.deliveries(wanted(.cancelled), limit: 100, cursor: nil).items.count == 16)
        #expect(try reader.deliveries(wanted(.delivered), limit: 100, cursor: nil).items.map(\.id) == ["d2"])
    }

    @Test func listShowsTheLastAttemptsAndPages() throws {
        let bench = try Bench()
        let writer = try bench.open()
        for number in 0..<25 {
            var it = delivery("d\(number)", endpoint: "e\(number % 2)", alarm: alarm("a1"))
            try writer.append(&it)
        }
        for number in 0..<50 {
            var it = attempt("d3", at: Int64(number))
            it.answer = String(repeating: "火", count: 2000)
            try writer.record(it)
        }
        try bench.commit()
        #expect(try bench.count("SELECT count(*) FROM delivery_attempt") == 20)
        let reader = try bench.reader()
        var ids: [String] = []
        var cursor: String?
        repeat {
            let page = try reader.deliveries(wanted(.pending), limit: 10, cursor: cursor)
            ids += page.items.map(\.id)
            cursor = page.next
        } while cursor != nil
        #expect(ids == (0..<25).reversed().map { "d\($0)" })
        let it = try #require(
            try reader.deliveries(DeliveryFilter(), limit: 100, cursor: nil).items.first { $0.id == "d3" })
        #expect(it.attempts.map { $0.at - start } == Array(30..<50))
        #expect(it.attempts.allSatisfy { ($0.answer?.utf8.count ?? 0) <= 2048 && $0.answer?.last == "火" })
        #expect(it.nextAttemptAt == start + 1049)
        #expect(try reader.deliveries(wanted(endpoint: "e1"), limit: 100, cursor: nil).items.count == 12)
    }
}

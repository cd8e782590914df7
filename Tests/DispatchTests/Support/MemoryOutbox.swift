import FireDispatch
import FireModel
import Synchronization

/// An outbox in memory that does what the database does: gives sequences, pages through what is pending, and
/// writes down what became of it.
final class MemoryOutbox: Outbox {
    struct Broken: Error {}

    private struct State {
        var rows: [Delivery] = []
        var states: [String: Delivery.State] = [:]
        var attempts: [DeliveryAttempt] = []
        var troubles: [EndpointTrouble] = []
        var largestPage = 0
        var isBroken = false
    }
    private let state = Mutex(State())

    /// The commit: what comes back has its sequence.
    func append(_ deliveries: [Delivery]) -> [Delivery] {
        state.withLock { state in
            deliveries.map { delivery in
                var delivery = delivery
                delivery.sequence = Int64(state.rows.count + 1)
                state.rows.append(delivery)
                state.states[delivery.id] = .pending
                return delivery
            }
        }
    }

    func pending(endpoint: String, fire: Bool, after sequence: Int64, limit: Int) async throws -> [Delivery] {
        try state.withLock { state in
            if state.isBroken { throw Broken() }
            let page = state.rows.filter {
                $0.endpoint == endpoint && $0.isFire == fire && $0.replayedAt == nil && $0.sequence > sequence
                    && state.states[$0.id] == .pending
            }.prefix(limit).map { delivery in
                var delivery = delivery
                delivery.snapshot = nil
                return delivery
            }
            state.largestPage = max(state.largestPage, page.count)
            return Array(page)
        }
    }

    func pendingReplays(endpoint: String, after sequence: Int64, limit: Int) async throws -> [Delivery] {
        try state.withLock { state in
            if state.isBroken { throw Broken() }
            let page = state.rows.filter {
                $0.endpoint == endpoint && $0.replayedAt != nil && $0.sequence > sequence
                    && state.states[$0.id] == .pending
            }.prefix(limit)
            return Array(page)
        }
    }

    /// Marks what is done with; what to tell the dispatcher.
    func replay(_ ids: [String], at: Timestamp) -> [ReplayMark] {
        state.withLock { state in
            var marks: [String: ReplayMark] = [:]
            for index in state.rows.indices
            where ids.contains(state.rows[index].id) && state.states[state.rows[index].id] != .pending {
                let row = state.rows[index]
                state.states[row.id] = .pending
                state.rows[index].replayedAt = at
                marks[row.endpoint, default: ReplayMark(endpoint: row.endpoint, first: row.sequence, count: 0)].count +=
                    1
            }
            return Array(marks.values)
        }
    }

    func pendingCount(endpoint: String) async throws -> Int {
        try state.withLock { state in
            if state.isBroken { throw Broken() }
            return state.rows.count { $0.endpoint == endpoint && state.states[$0.id] == .pending }
        }
    }

    func snapshot(of id: String) async throws -> String? {
        try state.withLock { state in
            if state.isBroken { throw Broken() }
            return state.rows.first { $0.id == id }?.snapshot
        }
    }

    func record(_ attempt: DeliveryAttempt) {
        state.withLock { state in
            state.attempts.append(attempt)
            state.states[attempt.delivery] = attempt.state
        }
    }

    func cancelPending(exceptFor endpoints: [String]) {
        state.withLock { state in
            for row in state.rows where state.states[row.id] == .pending && !endpoints.contains(row.endpoint) {
                state.states[row.id] = .cancelled
            }
        }
    }

    func endpointTroubled(_ trouble: EndpointTrouble) { state.withLock { $0.troubles.append(trouble) } }

    var attempts: [DeliveryAttempt] { state.withLock { $0.attempts } }
    var troubles: [EndpointTrouble] { state.withLock { $0.troubles } }
    var largestPage: Int { state.withLock { $0.largestPage } }
    func count(_ wanted: Delivery.State) -> Int { state.withLock { $0.states.values.count { $0 == wanted } } }
    func breaks(_ isBroken: Bool) { state.withLock { $0.isBroken = isBroken } }
}

import FireModel
import FireRing
import FireSettings
import FireTelemetry
import Synchronization

/// What other threads ask of the worker: it alone changes rules, alarms and the store, so there is one
/// writer and nothing to lock. Bounded; what must not be lost is refused when full, what may be is counted.
final class WorkerInbox: Sendable {
    enum Request: Sendable {
        case act(OperatorAct, on: Alarm, reply: Reply<Result<Alarm, OperatorActError>>)
        /// Before the verdict it belongs to, so that it is durable no later.
        case keep(VerdictContext)
        case announce(AnnunciationAct, reply: Reply<Result<Void, AnnunciationError>>)
        case retry(QuarantineItem, reply: Reply<RetryAnswer>)
        case reload(LoadedConfiguration, reply: Reply<Bool>)
        case cancelDeliveries(exceptFor: [String])
        /// A slice of a replay, by sequence; `nil`: the store cannot be written.
        case replay([Int64], reply: Reply<ReplayOutcome?>)
        case system(SystemReport)
        case importing(ImportRequest)
        case stop
    }

    enum RetryAnswer: Sendable {
        case accepted(readings: Int)
        case stillUnreadable(reason: String)
        case storeNotWritable
    }

    /// Answered once, after the commit that made the answer true.
    struct Reply<Answer: Sendable>: Sendable {
        let continuation: CheckedContinuation<Answer, Never>
        func callAsFunction(_ answer: Answer) { continuation.resume(returning: answer) }
    }

    private struct State {
        var requests: [Request] = []
        var attempts: [DeliveryAttempt] = []
    }

    /// Operators are few; more than this waiting means that the worker stands.
    private static let maximumRequests = 1000
    /// Results of deliveries while the store cannot be written. What falls out is delivered once more
    /// after the next start, under its id.
    private static let maximumAttempts = 20_000

    private let state = Mutex(State())
    let droppedAttempts = Counter()
    private let waiter: Waiter

    init(waiter: Waiter) { self.waiter = waiter }

    /// `false`: full.
    func post(_ request: Request) -> Bool {
        let accepted = state.withLock { state in
            guard state.requests.count < Self.maximumRequests else { return false }
            state.requests.append(request)
            return true
        }
        waiter.wake()
        return accepted
    }

    /// Not woken for: results ride along with the next commit.
    func post(_ attempt: DeliveryAttempt) {
        let dropped = state.withLock { state in
            guard state.attempts.count < Self.maximumAttempts else { return true }
            state.attempts.append(attempt)
            return false
        }
        if dropped { droppedAttempts.increment() }
    }

    func takeRequests() -> [Request] {
        state.withLock { state in
            defer { state.requests.removeAll(keepingCapacity: true) }
            return state.requests
        }
    }

    func takeAttempts() -> [DeliveryAttempt] {
        state.withLock { state in
            defer { state.attempts.removeAll(keepingCapacity: true) }
            return state.attempts
        }
    }

    var hasAttempts: Bool { state.withLock { !$0.attempts.isEmpty } }
}

/// A trouble of the gateway itself that begins, goes on, or ends.
struct SystemReport: Sendable {
    var condition: SystemConditionID
    var component: String?
    var isActive: Bool
    var detail: String?
}

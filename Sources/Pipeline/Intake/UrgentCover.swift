import FireRing
import Synchronization

/// What the bulk session may leave to the urgent one under `catch_all`: only what the broker is known to have
/// put into the urgent session as well. Shared by both sessions.
///
/// The urgent session writes down since when the broker has kept it with every filter granted; the bulk
/// session asks whether that was before anything that reaches it now was published. In doubt it takes the
/// message itself: the store knows twins by their identity, and nobody knows a fire that was let go twice.
public final class UrgentCover: Sendable {
    typealias Instant = ContinuousClock.Instant

    private enum State: Equatable {
        /// Not connected in this process yet.
        case unknown
        /// The broker has forgotten the session, or does not grant its filters.
        case lost
        /// `nil`: since before this process.
        case since(Instant?)
    }

    private let state = Mutex(State.unknown)
    private let isDoubted = Atomic<Bool>(false)
    private let isComing = Atomic<Bool>(false)
    private let listener = Mutex<Waiter?>(nil)

    public init() {}

    // MARK: For the urgent session

    /// It will try to connect.
    func begin() { isComing.store(true, ordering: .releasing) }

    /// Its first attempt is over, well or badly.
    func settle() {
        guard isComing.exchange(false, ordering: .acquiringAndReleasing) else { return }
        listener.withLock { $0 }?.wake()
    }

    /// The broker has granted all filters.
    /// - Parameter sessionPresent: it had kept the session when this connection began.
    func confirmed(sessionPresent: Bool, at now: Instant) {
        state.withLock { state in
            switch state {
            case .since: break
            case .unknown where sessionPresent: state = .since(nil)
            case .unknown, .lost: state = .since(now)
            }
        }
        isDoubted.store(false, ordering: .relaxed)
        settle()
    }

    func lost() { state.withLock { $0 = .lost } }

    /// Somebody asks for a new confirmation.
    var wantsProof: Bool { isDoubted.load(ordering: .relaxed) }

    // MARK: For the bulk session

    /// Whether the first attempt of the urgent session is still to end; `waiter` is woken when it does.
    func isAwaited(by waiter: Waiter) -> Bool {
        listener.withLock { $0 = waiter }
        return isComing.load(ordering: .acquiring)
    }

    /// The broker has forgotten the bulk session: probably this one with it, even if its thread has not noticed yet.
    func doubt() {
        lost()
        isDoubted.store(true, ordering: .relaxed)
    }

    /// - Parameter instant: nothing that arrives now was published before; `nil`: it may be older than this process.
    func holds(since instant: Instant?) -> Bool {
        guard case .since(let start) = state.withLock({ $0 }) else { return false }
        guard let start else { return true }
        return instant.map { start <= $0 } ?? false
    }
}

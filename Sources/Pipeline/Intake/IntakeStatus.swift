import FireModel
import Synchronization

/// How a lane is connected; switched by the worker at any time.
public enum IntakeMode: UInt8, Sendable, AtomicRepresentable, CustomStringConvertible {
    /// The lane's own session, which the broker keeps; acknowledged after commit.
    case persistent
    /// Not connected: the broker queues. For a store that cannot be written.
    case parked
    /// Urgent lane only: a clean QoS 0 session with nothing to acknowledge, while the persistent one waits.
    case rescue

    public var description: String {
        switch self {
        case .persistent: "persistent"
        case .parked: "parked"
        case .rescue: "rescue"
        }
    }
}

/// What people and `/readyz` are told of a lane's connection.
public struct IntakeStatus: Sendable, Equatable {
    public var mode = IntakeMode.persistent
    /// Connected and subscribed.
    public var isConnected = false
    /// Connected, and still reading what the broker had kept for us.
    public var isDraining = false
    /// When `isConnected` last changed.
    public var since: Timestamp?
    /// The broker had kept the session, when last connected.
    public var sessionPresent = false
    /// Why the last attempt failed or the last connection ended; `nil` while connected.
    public var lastError: String?
    /// What the broker does not let us subscribe to.
    public var refusedFilters: [String] = []
    /// Since the process was started.
    public var wasEverConnected = false
}

/// Orders to the thread of a session and its status, between it and everybody else.
final class IntakeBoard: Sendable {
    let mode: Atomic<IntakeMode>
    let isStopping = Atomic<Bool>(false)
    private let deadline = Mutex<ContinuousClock.Instant?>(nil)
    private let current: Mutex<IntakeStatus>

    init(_ mode: IntakeMode) {
        self.mode = Atomic(mode)
        current = Mutex(IntakeStatus(mode: mode))
    }

    var status: IntakeStatus { current.withLock { $0 } }
    func update(_ change: (inout IntakeStatus) -> Void) { current.withLock { change(&$0) } }

    func stop(by instant: ContinuousClock.Instant) {
        deadline.withLock { $0 = instant }
        isStopping.store(true, ordering: .releasing)
    }

    /// `nil` while not stopping.
    var stopDeadline: ContinuousClock.Instant? {
        isStopping.load(ordering: .acquiring) ? deadline.withLock { $0 } : nil
    }
}

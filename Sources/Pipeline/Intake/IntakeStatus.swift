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
    /// Connected, and every native filter is granted as asked: nothing that is published passes us by.
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
    /// Rises when there is a reason not to wait for the next attempt to connect.
    let renewals = Atomic<UInt64>(0)
    /// For the next connection.
    let password: Mutex<Secret?>
    private let deadline = Mutex<ContinuousClock.Instant?>(nil)
    private let current: Mutex<IntakeStatus>

    init(_ mode: IntakeMode, password: Secret?) {
        self.mode = Atomic(mode)
        self.password = Mutex(password)
        current = Mutex(IntakeStatus(mode: mode))
    }

    var status: IntakeStatus { current.withLock { $0 } }
    func update(_ change: (inout IntakeStatus) -> Void) { current.withLock { change(&$0) } }

    func renew(password: Secret?) {
        self.password.withLock { $0 = password }
        renewals.add(1, ordering: .releasing)
    }

    func stop(by instant: ContinuousClock.Instant) {
        deadline.withLock { $0 = instant }
        isStopping.store(true, ordering: .releasing)
    }

    /// `nil` while not stopping.
    var stopDeadline: ContinuousClock.Instant? {
        isStopping.load(ordering: .acquiring) ? deadline.withLock { $0 } : nil
    }
}

import FireModel
import FireRing
import Synchronization

/// Between the intake of one lane and the worker: messages one way, "committed" the other.
public final class Handover: Sendable {
    public let lane: Lane
    /// The intake's thread produces, the worker consumes.
    public let ring: ByteRing<MessageHeader>
    /// Written by the intake: everything up to this sequence must be committed now.
    public let wanted = Atomic<UInt64>(0)
    /// Written by the worker: everything up to this sequence is durable.
    public let committed = Atomic<UInt64>(0)
    /// Raised by the worker when it has thrown away what it took and had not committed. `committed` goes on rising
    /// over what is lost so: a connection that began before must not acknowledge by it any more.
    public let epoch = Atomic<UInt64>(0)
    /// Set by the worker when it has committed before being asked, for an event or a changed alarm.
    public let hurry = Atomic<Bool>(false)
    /// The worker sleeps on it, for both lanes.
    public let workerWaiter: Waiter
    /// The intake sleeps on it, together with its socket.
    public let intakeWaiter: Waiter

    /// - Parameters:
    ///   - slots: messages the ring holds; twice what a burst may hold is never full.
    ///   - bytes: of the ring's arena; at least `smallestArena`.
    /// - Throws: `WaiterError`.
    public init(lane: Lane, slots: Int, bytes: Int, workerWaiter: Waiter) throws(WaiterError) {
        self.lane = lane
        ring = ByteRing(slots: slots, bytes: max(bytes, Self.smallestArena))
        self.workerWaiter = workerWaiter
        intakeWaiter = try Waiter()
    }

    /// The longest message: an MQTT topic and a payload, which is cut to its limit.
    static let largestMessage = 65_535 + Limits.maximumPayload
    /// Holds the longest message and half as much again.
    public static let smallestArena = 1 << 20

    // MARK: For the worker

    /// Everything up to `sequence` is durable: the intake may acknowledge it.
    public func commit(upTo sequence: UInt64, inHurry: Bool = false) {
        if inHurry { hurry.store(true, ordering: .relaxed) }
        // Release: pairs with the acquire of `committed` in the intake, which acknowledges on the strength
        // of it; the commit itself is ordered by the system call that made it durable.
        committed.store(sequence, ordering: .releasing)
        intakeWaiter.wake()
    }

    /// What was taken and not committed is thrown away; the broker has to send it again.
    public func giveUp() {
        // Release: whoever acquires a later `committed` sees it as well, as one thread writes both.
        epoch.add(1, ordering: .releasing)
        intakeWaiter.wake()
    }

    /// Acquire: pairs with the release of `wanted` in the intake, so that everything up to it is in the ring.
    public var wantedSequence: UInt64 { wanted.load(ordering: .acquiring) }
}

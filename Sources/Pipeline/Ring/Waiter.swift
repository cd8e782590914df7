import Glibc
import Synchronization

/// Lets one thread sleep until another has something for it; apart from the ring, as one worker waits
/// for several rings.
///
/// Only the owner calls `wait`, `prepareToSleep` and `drain`; anyone may call `wake`. A wake-up is a
/// mark, not a count: after it the owner looks at everything it waits for.
public final class Waiter: Sendable {
    private enum State {
        static let awake: UInt32 = 0
        static let woken: UInt32 = 1
        static let asleep: UInt32 = 2
    }

    /// Looks before sleeping, some microseconds: shorter than putting a thread to sleep and waking it
    /// costs, and too short to matter on a single core.
    private static let spins = 200

    /// Becomes readable when the owner was woken after `prepareToSleep`, for poll(2). The reading end of
    /// a pipe: an eventfd would be one descriptor less, but Swift's Glibc module does not have it.
    public let fileDescriptor: Int32
    /// Seen by tests, which play the waker that writes late.
    let writingEnd: Int32
    private let state = Atomic<UInt32>(State.awake)

    /// - Throws: `WaiterError`, when the process has no file descriptor left.
    public init() throws(WaiterError) {
        var ends: [Int32] = [-1, -1]
        if unsafe pipe(&ends) != 0 { throw WaiterError(code: errno) }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        fileDescriptor = ends[0]
        writingEnd = ends[1]
    }

    deinit {
        close(fileDescriptor)
        close(writingEnd)
    }

    /// Wakes the owner, or keeps it from falling asleep. One atomic operation when it is awake.
    public func wake() {
        // Release: pairs with the acquires in `wait`, `prepareToSleep` and `drain`. What the caller wrote
        // before (a message, a sequence) is seen by the owner after it has taken the mark. An exchange and
        // not a look first: a mark read as still set could be one the owner is just taking.
        if state.exchange(State.woken, ordering: .acquiringAndReleasing) == State.asleep {
            // Cannot fail for want of room: at most one byte is written for each time the owner sleeps.
            var byte: UInt8 = 0
            _ = unsafe write(writingEnd, &byte, 1)
        }
    }

    /// Returns when woken (`true`) or when `deadline` has come (`false`); without one it waits for ever.
    @discardableResult
    public func wait(until deadline: ContinuousClock.Instant?) -> Bool {
        for _ in 0..<Self.spins where state.load(ordering: .relaxed) == State.woken { break }
        guard prepareToSleep() else { return true }
        while true {
            var descriptor = pollfd(fd: fileDescriptor, events: Int16(POLLIN), revents: 0)
            let ready = unsafe poll(&descriptor, 1, millisecondsToPoll(until: deadline))
            // Interrupted by a signal: neither woken nor late.
            if ready < 0, errno == EINTR { continue }
            if ready == 0, let deadline, ContinuousClock.now < deadline { continue }
            return drain()
        }
    }

    /// Announces sleep, so that `wake` will make `fileDescriptor` readable. `false`: woken since the last
    /// time; do not sleep. After sleeping, however it ended, `drain` must be called.
    public func prepareToSleep() -> Bool {
        // Acquire: pairs with the release in `wake`, in the case that it came first.
        let (isAsleep, _) = state.compareExchange(
            expected: State.awake, desired: State.asleep, ordering: .acquiringAndReleasing)
        if !isAsleep { state.store(State.awake, ordering: .relaxed) }
        return isAsleep
    }

    /// Ends the sleep. `true`: there was a wake-up.
    @discardableResult
    public func drain() -> Bool {
        // Acquire: pairs with the release in `wake`.
        let isWoken = state.exchange(State.awake, ordering: .acquiringAndReleasing) == State.woken
        // Read also when there was no wake-up: the byte of the last one comes late when its waker stood between
        // its exchange and its write, and one left in the pipe would end every sleep from then on at once. If it
        // is still not there the next sleep ends early, once, and takes it away.
        var bytes: (UInt64, UInt64) = (0, 0)
        _ = unsafe read(fileDescriptor, &bytes, 16)
        return isWoken
    }
}

/// No pipe could be had.
public struct WaiterError: Error, CustomStringConvertible {
    let code: Int32
    public var description: String {
        "cannot create a pipe: \(unsafe String(cString: strerror(code))); raise LimitNOFILE of the service"
    }
}

/// The timeout of poll(2), rounded up so that it does not end just before the deadline; -1: none.
func millisecondsToPoll(until deadline: ContinuousClock.Instant?) -> Int32 {
    guard let deadline else { return -1 }
    let (seconds, attoseconds) = (deadline - .now).components
    if seconds < 0 || attoseconds < 0 { return 0 }
    return Int32(clamping: min(seconds, 1_000_000) * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
}

import FireModel
import FireRing
import Glibc
import Logging
import Synchronization

/// The MQTT session of one lane, on a thread of its own.
public final class IntakeSession: Sendable {
    private let settings: IntakeSettings
    private let handover: Handover
    private let counters: IntakeCounters
    private let cover: UrgentCover
    private let logger: Logger
    private let board: IntakeBoard
    private let ended: Waiter
    private let isRunning = Atomic<Bool>(false)

    /// - Parameter cover: the same for both lanes.
    /// - Throws: `WaiterError`.
    public init(
        _ settings: IntakeSettings, handover: Handover, counters: IntakeCounters, cover: UrgentCover, logger: Logger,
        mode: IntakeMode = .persistent
    ) throws(WaiterError) {
        self.settings = settings
        self.handover = handover
        self.counters = counters
        self.cover = cover
        var logger = logger
        logger[metadataKey: "lane"] = "\(handover.lane)"
        self.logger = logger
        board = IntakeBoard(Self.possible(mode, handover.lane), password: settings.password)
        ended = try Waiter()
    }

    /// Without `stop` the thread leaves as after a crash: nothing more is acknowledged.
    deinit {
        board.stop(by: .now)
        handover.intakeWaiter.wake()
    }

    /// Starts the thread. Connecting, waiting for a broker that is not there, and reconnecting is its business.
    /// - Throws: `IntakeError.noThread`.
    public func start() throws(IntakeError) {
        guard isRunning.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
        else { return }
        if handover.lane == .urgent { cover.begin() }
        let loop: @Sendable () -> Void = { [settings, handover, counters, cover, logger, board, ended] in
            IntakeLoop(settings, handover: handover, counters: counters, cover: cover, board: board, logger: logger)
                .run()
            ended.wake()
        }
        let name = "intake-\(handover.lane)"
        guard startThread(named: name, loop) else {
            isRunning.store(false, ordering: .releasing)
            throw .noThread
        }
    }

    public var status: IntakeStatus { board.status }

    public var mode: IntakeMode { board.mode.load(ordering: .relaxed) }

    /// `stop` was called.
    public var isStopping: Bool { board.isStopping.load(ordering: .relaxed) }

    /// Switches at once, from any thread: what was read and is not committed comes again with the next
    /// persistent connection. The bulk lane has no rescue; for it `.rescue` means `.parked`.
    public func setMode(_ mode: IntakeMode) {
        let mode = Self.possible(mode, handover.lane)
        guard board.mode.exchange(mode, ordering: .acquiringAndReleasing) != mode else { return }
        board.update { $0.mode = mode }
        handover.intakeWaiter.wake()
    }

    /// For the next connection, which is tried at once if there is none: it may have been refused for the old one.
    public func renew(password: Secret?) {
        board.renew(password: password)
        handover.intakeWaiter.wake()
    }

    /// Ends the burst, waits for its commit, acknowledges it, says goodbye. What is not done by `deadline`
    /// is left: nothing is acknowledged that is not committed. Blocks; for one caller, once.
    /// - Returns: whether the thread has ended.
    @discardableResult
    public func stop(by deadline: ContinuousClock.Instant) -> Bool {
        guard isRunning.load(ordering: .acquiring) else { return true }
        board.stop(by: deadline)
        handover.intakeWaiter.wake()
        // A moment more: the thread looks at the same deadline.
        return ended.wait(until: deadline + .milliseconds(500))
    }

    private static func possible(_ mode: IntakeMode, _ lane: Lane) -> IntakeMode {
        lane == .bulk && mode == .rescue ? .parked : mode
    }
}

public enum IntakeError: Error, CustomStringConvertible {
    case noThread
    public var description: String { "cannot start a thread; raise TasksMax of the service" }
}

private final class Body {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
}

private func startThread(named name: String, _ run: @escaping @Sendable () -> Void) -> Bool {
    let body = Unmanaged.passRetained(
        Body {
            nameThread(name)
            // OpenSSL writes without MSG_NOSIGNAL; a closed connection is an error of the write.
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, SIGPIPE)
            pthread_sigmask(SIG_BLOCK, &signals, nil)
            run()
        })
    var thread = pthread_t()
    let code = pthread_create(
        &thread, nil,
        { context in
            if let context { Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run() }
            return nil
        }, body.toOpaque())
    guard code == 0 else {
        body.release()
        return false
    }
    pthread_detach(thread)
    return true
}

/// At most 15 bytes, seen in `top -H` and in core dumps. Without GNU extensions there is no call for it.
private func nameThread(_ name: String) {
    let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    _ = name.withCString { write(file, $0, strlen($0)) }
    close(file)
}

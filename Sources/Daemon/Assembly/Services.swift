import FireDispatch
import FireIntake
import FireModel
import FireRing
import FireSystemd
import FireTelemetry
import Foundation
import Logging
import ServiceLifecycle
import Synchronization

/// The worker's thread, as a service: started first and stopped last, after the last message was
/// committed and the last result of a delivery written down.
struct WorkerService: Service {
    let thread: WorkerThread
    let inbox: WorkerInbox

    func run() async throws {
        thread.start()
        try? await gracefulShutdown()
        _ = inbox.post(.stop)
        await thread.ended()
    }
}

/// The thread that owns the worker.
///
/// `@unchecked Sendable`: the worker is made on the starting thread, handed over by `start`, and from then on
/// touched by its own thread only.
final class WorkerThread: @unchecked Sendable {
    private var worker: Worker?
    private let end = AsyncStream<Void>.makeStream()

    init(_ worker: Worker) { self.worker = worker }

    func start() {
        let thread = Thread { [self] in
            // Only from inside does the name reach the kernel, and with it `top -H` and a debugger.
            Thread.current.name = "worker"
            worker?.run()
            worker = nil
            end.continuation.finish()
        }
        thread.stackSize = 8 << 20
        thread.start()
    }

    func ended() async { for await _ in end.stream {} }
}

/// Both MQTT sessions. On stop they take in no more, wait for the commit of what they have read,
/// acknowledge it, and say goodbye.
struct IntakeService: Service {
    let sessions: [IntakeSession]
    /// Shorter than systemd's TimeoutStopSec, with room for the stages behind.
    static let stopLimit = Duration.seconds(20)

    func run() async throws {
        for session in sessions { try session.start() }
        try? await gracefulShutdown()
        await withTaskGroup(of: Void.self) { group in
            for session in sessions {
                group.addTask {
                    await onOwnThread("intake-stop") { _ = session.stop(by: .now.advanced(by: Self.stopLimit)) }
                }
            }
        }
    }
}

struct DispatchService: Service {
    let dispatcher: Dispatcher
    let endpoints: [Endpoint]
    let destinations: [Destination]
    static let stopLimit = Duration.seconds(5)

    func run() async throws {
        await dispatcher.start(endpoints: endpoints, destinations: destinations)
        try? await gracefulShutdown()
        await dispatcher.shutdown(within: Self.stopLimit)
    }
}

/// Runs what blocks on a thread of its own, so that the task pool never waits on C.
func onOwnThread<R: Sendable>(_ name: String, _ body: @escaping @Sendable () -> R) async -> R {
    await withCheckedContinuation { continuation in
        Thread {
            Thread.current.name = name
            continuation.resume(returning: body())
        }.start()
    }
}

/// Tells systemd when the gateway is ready, how it does, and that its worker moves. READY once, when both
/// sessions are subscribed and the store can be written; a watchdog beat only while the worker's loop
/// turns: it turns also when idle and while it retries a full disk, and stands only when something is stuck.
struct Notifier: Service {
    let state: PipelineState
    let lanes: [LaneView]
    let pending: @Sendable () -> UInt64
    /// On the configuration.
    let notes: @Sendable () -> [String]
    let logger: Logger

    /// The worker turns at least once a second.
    private static let round = Duration.seconds(2)
    /// Until it is ready, others wait for it.
    private static let eagerness = Duration.milliseconds(100)
    /// How much more time is asked for while waiting for the broker, and how often.
    private static let startExtension = Duration.seconds(30)
    private static let extensionPause = Duration.seconds(10)

    func run() async throws {
        await withGracefulShutdownHandler {
            var isReady = false
            var lastBeat: UInt64 = 0
            var lastReceived: UInt64 = 0
            var lastTime = ContinuousClock.now
            var extended: (at: ContinuousClock.Instant, beat: UInt64)?
            while !Task.isCancelled, !Task.isShuttingDownGracefully {
                let beat = state.beats.load(ordering: .relaxed)
                if beat != lastBeat { Systemd.notify(.watchdog) }
                lastBeat = beat
                // The broker may be a long time in coming; that is no failure to start. A worker that stands is one.
                let isDue = extended.map { beat != $0.beat && $0.at.duration(to: .now) >= Self.extensionPause }
                if !isReady, isDue ?? true {
                    extended = (.now, beat)
                    Systemd.notify(.extendTimeout(Self.startExtension))
                }
                if !isReady, lanes.allSatisfy({ $0.session.status.isConnected }), state.storeTrouble == nil {
                    isReady = true
                    state.isReady.store(true, ordering: .relaxed)
                    Systemd.notify(.ready)
                    logger.notice("ready: subscribed and able to store")
                }
                let received = lanes.reduce(0) { $0 + $1.counters.messagesReceived.value }
                let rate = Double(received - lastReceived) / (lastTime.duration(to: .now) / .seconds(1))
                lastReceived = received
                lastTime = .now
                Systemd.notify(.status(status(rate)))
                let pause = isReady ? interval : Self.eagerness
                try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) }
            }
        } onGracefulShutdown: {
            Systemd.notify(.stopping, .status("stopping: committing what was read"))
        }
    }

    private var interval: Duration {
        guard let watchdog = Systemd.watchdogInterval else { return Self.round }
        return max(.milliseconds(1100), min(Self.round, watchdog / 3))
    }

    private func status(_ rate: Double) -> String {
        var parts = ["\(Int(rate.rounded())) messages/s", "\(state.readingsStored.value) readings stored"]
        let alarms = state.activeAlarms.values.reduce(0) { $0 + $1.values.reduce(0, +) }
        parts.append("\(alarms) active alarms")
        parts.append("\(pending()) deliveries pending")
        for lane in lanes where !lane.session.status.isConnected {
            parts.append("\(lane.handover.lane) session disconnected")
        }
        if let trouble = state.storeTrouble { parts.append("STORE NOT WRITABLE: \(trouble)") }
        parts += notes()
        return parts.joined(separator: ", ")
    }
}

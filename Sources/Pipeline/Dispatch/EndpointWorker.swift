import FireModel
import FireTelemetry
import Logging
import Synchronization

/// Carries out what one endpoint's queue orders. Each endpoint has its own, so that none waits for another.
///
/// One task asks the queue and starts attempts, of which the queue allows a bounded number; it sleeps until
/// something is told or due, and costs nothing meanwhile.
final class EndpointWorker: Sendable {
    /// What all workers share.
    struct Context: Sendable {
        var gateway: String
        var outbox: any Outbox
        var form: MessageForm
        var sender: any Sender
        /// Where attempts at endpoints that are down are made.
        var probes: DispatchLoop
        var metrics: DispatchMetrics
        var logger: Logger
        var schedule: RetrySchedule
    }

    private struct State {
        var endpoint: Endpoint
        var queue: EndpointQueue
        /// Requests a minute the receiver has agreed to.
        var agreedRate: Int?
        var timer: Task<Void, Never>?
        var timerDue: ContinuousClock.Instant?
        var heartbeat: Task<Void, Never>?
        var counting: Task<Void, Never>?
        /// What waited in the outbox when it was counted, and what came and went since. The truth while the outbox
        /// has more than memory; else memory is.
        var pending: Int64 = 0
        var record = EndpointRecord()
        var delivered: UInt64 = 0
        var failed: UInt64 = 0
    }

    /// After an outbox that could not be counted.
    private static let countPause = Duration.seconds(1)

    let name: String
    private let context: Context
    private let state: Mutex<State>
    private let wakeUps: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation
    private let reporter: EndpointReporter

    init(_ endpoint: Endpoint, context: Context) {
        name = endpoint.name
        self.context = context
        reporter = EndpointReporter(endpoint: endpoint.name, outbox: context.outbox, logger: context.logger)
        var queue = EndpointQueue(schedule: context.schedule)
        queue.adopt(endpoint, agreedRate: nil)
        state = Mutex(State(endpoint: endpoint, queue: queue))
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    var figures: DeliveryFigures { state.withLock { figures($0) } }

    private func figures(_ state: borrowing State) -> DeliveryFigures {
        let pending = state.queue.hasMore ? max(state.pending, Int64(state.queue.count)) : Int64(state.queue.count)
        return DeliveryFigures(pending: UInt64(clamping: pending), delivered: state.delivered, failed: state.failed)
    }

    var status: EndpointStatus {
        state.withLock { state in
            EndpointStatus(
                endpoint: state.endpoint, address: state.endpoint.address,
                state: state.queue.isHeld ? .held : state.queue.isDown ? .failing : .well,
                pending: figures(state).pending, oldestPendingAt: state.queue.oldest,
                lastSuccessAt: state.record.lastSuccessAt, lastAttempt: state.record.last)
        }
    }

    /// All of the address that may be shown.
    private var host: String { state.withLock { $0.endpoint.address } }

    /// What is sent to it now is not likely to arrive.
    var isDoubtful: Bool { state.withLock { $0.queue.isDoubtful(.now) } }

    var oldest: Timestamp? { state.withLock { $0.queue.oldest } }

    // MARK: - Told from outside

    func enqueue(_ deliveries: [Delivery]) {
        let (count, mustWake) = state.withLock { state in
            let count = state.queue.enqueued(deliveries)
            state.pending += Int64(count.new)
            // One that is down is tried at its own pace, whatever comes: fifty of them must not stir at each fire.
            let isSoon = state.timerDue.map { $0 <= .now + context.schedule.downPace } ?? false
            return (count, !state.queue.isDown || !isSoon)
        }
        if mustWake { wakeUp.yield() }
        guard count.lost > 0 else { return }
        context.metrics.lost.add(UInt64(count.lost))
        reporter.lost(count.lost)
    }

    /// So many in the outbox are to be sent once more, none with a lower sequence than `first`.
    func replayed(from first: Int64, count: Int) {
        state.withLock { state in
            state.queue.replayed(from: first)
            state.pending += Int64(count)
        }
        context.metrics.countReplays(count, at: name)
        wakeUp.yield()
    }

    /// A reload: perhaps another address or other secrets, and a reason to try what waits.
    func adopt(_ endpoint: Endpoint) {
        let changesHeartbeat = state.withLock { state in
            defer { state.endpoint = endpoint }
            if state.endpoint.channel != endpoint.channel { state.agreedRate = nil }
            state.queue.adopt(endpoint, agreedRate: state.agreedRate)
            state.queue.enabled(now: .now)
            return state.endpoint.heartbeatInterval != endpoint.heartbeatInterval
        }
        if changesHeartbeat { startHeartbeat() }
        wakeUp.yield()
    }

    func enable() {
        state.withLock { $0.queue.enabled(now: .now) }
        wakeUp.yield()
    }

    /// Sends no more but fires that were never tried; `run` ends with the last attempt.
    func stop() {
        state.withLock { state in
            state.queue.stopped()
            state.heartbeat?.cancel()
            state.counting?.cancel()
        }
        wakeUp.yield()
    }

    // MARK: - The one task

    /// Works until it is stopped or cancelled.
    func run() async {
        startHeartbeat()
        state.withLock { $0.counting = Task { [weak self] in await self?.countPending() } }
        await withDiscardingTaskGroup { group in
            wakeUp.yield()
            for await _ in wakeUps {
                while let (order, isProbe) = nextOrder() {
                    group.addTask(executorPreference: isProbe ? context.probes : nil) { [self] in
                        await carryOut(order, isProbe: isProbe)
                    }
                }
            }
        }
        state.withLock { state in
            state.timer?.cancel()
            state.heartbeat?.cancel()
            state.counting?.cancel()
        }
    }

    /// What waits in the outbox from before. Asked again until it answers: the store may be opened later. What came
    /// and went before it is asked is in its answer.
    private func countPending() async {
        while !Task.isCancelled {
            let before = state.withLock { $0.pending }
            if let count = try? await context.outbox.pendingCount(endpoint: name) {
                return state.withLock { $0.pending += Int64(count) - before }
            }
            try? await Task.sleep(for: Self.countPause, clock: .continuous)
        }
    }

    /// `nil`: nothing to do before the next wake-up.
    private func nextOrder() -> (order: EndpointQueue.Order, isProbe: Bool)? {
        state.withLock { state in
            let now = ContinuousClock.now
            let order = state.queue.next(now)
            switch order {
            case .send, .fetch, .fetchReplays: return (order, state.queue.isDoubtful(now))
            case .wait(let due):
                setTimer(due, &state)
                return nil
            case .finished:
                wakeUp.finish()
                return nil
            }
        }
    }

    private func setTimer(_ due: ContinuousClock.Instant?, _ state: inout State) {
        guard due != state.timerDue else { return }
        state.timer?.cancel()
        state.timerDue = due
        state.timer = due.map { due in
            Task { [weak self] in
                guard (try? await Task.sleep(until: due, clock: .continuous)) != nil else { return }
                self?.state.withLock { if $0.timerDue == due { $0.timerDue = nil } }
                self?.wakeUp.yield()
            }
        }
    }

    private func carryOut(_ order: EndpointQueue.Order, isProbe: Bool) async {
        switch order {
        case .send(let deliveries): await attempt(deliveries, isProbe: isProbe)
        case .fetch(let fire, let after, let limit): await fetch(fire: fire, after: after, limit: limit)
        case .fetchReplays(let after, let limit): await fetchReplays(after: after, limit: limit)
        case .wait, .finished: break
        }
        wakeUp.yield()
    }

    private func fetch(fire: Bool, after sequence: Int64, limit: Int) async {
        do {
            let page = try await context.outbox.pending(endpoint: name, fire: fire, after: sequence, limit: limit)
            state.withLock { $0.queue.fetched(page, fire: fire, limit: limit, now: .now, wall: .wallClock) }
        } catch {
            state.withLock { $0.queue.fetchFailed(fire: fire, now: .now) }
            reporter.outboxFailed(error)
        }
    }

    private func fetchReplays(after sequence: Int64, limit: Int) async {
        do {
            let page = try await context.outbox.pendingReplays(endpoint: name, after: sequence, limit: limit)
            state.withLock { $0.queue.fetchedReplays(page, limit: limit, now: .now, wall: .wallClock) }
        } catch {
            state.withLock { $0.queue.replayFetchFailed(now: .now) }
            reporter.outboxFailed(error)
        }
    }

    // MARK: - Attempts

    private func attempt(_ deliveries: [Delivery], isProbe: Bool) async {
        guard let first = deliveries.first else { return }
        let endpoint = state.withLock { $0.endpoint }
        let at = Timestamp.wallClock
        var message: Message
        do {
            var changes: [Change] = []
            for delivery in deliveries {
                guard let snapshot = try await snapshot(delivery) else {
                    return unsendable(deliveries, "the alarm of delivery \(delivery.id) is not kept any more", at: at)
                }
                changes.append(Change(delivery: delivery, snapshot: snapshot))
            }
            message = try context.form.message(
                for: changes, to: endpoint, at: context.sender.signingTime(for: endpoint, now: at))
            message.isProbe = isProbe
            if first.replayedAt != nil { message.headers.append(("firesense-replay", "true")) }
        } catch is DecodingError {
            return unsendable(deliveries, "the alarm of a delivery cannot be read", at: at)
        } catch {
            reporter.outboxFailed(error)
            return ended(deliveries, .abandoned, Answer(took: .zero), at: at)
        }
        let answer = await context.sender.send(message, to: endpoint, now: at)
        if Task.isCancelled, answer.failure != nil { return ended(deliveries, .abandoned, answer, at: at) }
        ended(deliveries, answer.failure.map { .failed($0) } ?? .delivered, answer, at: at)
    }

    private func snapshot(_ delivery: Delivery) async throws -> String? {
        if let snapshot = delivery.snapshot { return snapshot }
        return try await context.outbox.snapshot(of: delivery.id)
    }

    private func unsendable(_ deliveries: [Delivery], _ why: String, at: Timestamp) {
        ended(deliveries, .unsendable, Answer(failure: Failure(reason: .unsendable, text: why), took: .zero), at: at)
    }

    private func ended(
        _ deliveries: [Delivery], _ outcome: EndpointQueue.Outcome, _ answer: Answer, at: Timestamp
    ) {
        guard let first = deliveries.first else { return }
        let wall = Timestamp.wallClock
        let resolutions = state.withLock { state in
            let resolutions = state.queue.attemptEnded(
                first.id, outcome, now: .now, wall: wall, random: .random(in: 0...1))
            state.pending -= Int64(resolutions.count { $0.state != .pending })
            if let rate = answer.allowedPerMinute, rate != state.agreedRate {
                state.agreedRate = rate
                state.queue.adopt(state.endpoint, agreedRate: rate)
            }
            if outcome != .abandoned, outcome != .unsendable { state.record.note(answer, at: at) }
            if outcome == .delivered { state.delivered += UInt64(deliveries.count) }
            if answer.failure != nil, outcome != .abandoned { state.failed += UInt64(deliveries.count) }
            return resolutions
        }
        guard outcome != .abandoned else { return }
        if outcome != .unsendable { context.metrics.observe(answer.took, at: name) }
        if let failure = answer.failure {
            reporter.attemptFailed(failure, status: answer.status, host: host, delivery: first.id)
        }
        for (delivery, resolution) in zip(deliveries, resolutions) {
            if let failure = answer.failure {
                context.metrics.count(failure.reason, at: name)
            } else {
                context.metrics.delivered.increment()
                if delivery.replayedAt == nil {
                    context.metrics.publishToPush.observe(max(0, Double(wall - delivery.receivedAt) / 1000))
                }
            }
            if resolution.state == .dead { context.metrics.countDead(at: name) }
            context.outbox.record(
                DeliveryAttempt(
                    delivery: delivery.id, at: at, status: answer.status, error: answer.failure?.text,
                    answer: answer.text, milliseconds: Int64(answer.took / .milliseconds(1)), state: resolution.state,
                    nextDueAt: resolution.wait.map { wall + Int64($0 / .milliseconds(1)) }))
            reporter.tell(resolution.troubles, answer.failure, host: host, delivery: delivery.id)
        }
    }

    // MARK: - Beside the queue

    /// Sends a test event now.
    func test() async -> TestResult {
        let endpoint = state.withLock { $0.endpoint }
        let at = Timestamp.wallClock
        var message = context.form.test(
            id: WebhookID.unique(), to: endpoint, at: context.sender.signingTime(for: endpoint, now: at))
        message.kind = .test
        let answer = await context.sender.send(message, to: endpoint, now: at)
        return TestResult(
            address: endpoint.address, isSigned: !endpoint.secrets.isEmpty, status: answer.status,
            reason: answer.failure?.reason.rawValue, error: answer.failure?.text, answer: answer.text,
            milliseconds: Int64(answer.took / .milliseconds(1)))
    }

    /// Neither stored nor retried.
    private func startHeartbeat() {
        state.withLock { state in
            state.heartbeat?.cancel()
            state.heartbeat = nil
            let interval = state.endpoint.heartbeatInterval
            guard interval > .zero else { return }
            state.heartbeat = Task { [weak self] in
                while (try? await Task.sleep(for: interval, clock: .continuous)) != nil { await self?.beat() }
            }
        }
    }

    private func beat() async {
        let (endpoint, isDue) = state.withLock { ($0.endpoint, $0.queue.mayBeat(.now)) }
        guard isDue else { return }
        let at = Timestamp.wallClock
        let started = ContinuousClock.now
        let id = WebhookID.unique()
        var message = context.form.heartbeat(
            id: id, to: endpoint, at: context.sender.signingTime(for: endpoint, now: at), figures: figures)
        message.kind = .heartbeat
        let answer = await context.sender.send(message, to: endpoint, now: at)
        guard !Task.isCancelled else { return }
        let troubles = state.withLock {
            $0.record.note(answer, at: at)
            return $0.queue.heartbeatEnded(
                answer.failure.map { .failed($0) } ?? .delivered, startedAt: started, now: .now)
        }
        if let failure = answer.failure { reporter.attemptFailed(failure, status: answer.status, host: host) }
        reporter.tell(troubles, answer.failure, host: host)
        wakeUp.yield()
    }
}

extension EndpointQueue {
    /// - Parameter agreedRate: Requests a minute, of a handshake.
    fileprivate mutating func adopt(_ endpoint: Endpoint, agreedRate: Int?) {
        let allowance =
            endpoint.format.messagesPerMinute.map { RateAllowance(perMinute: $0, boundsFire: true) }
            ?? agreedRate.map { RateAllowance(perMinute: $0, boundsFire: false) }
        var hanging: Int?
        // Each is a process.
        if case .command = endpoint.channel { hanging = 16 }
        adopt(
            batch: min(endpoint.batch, endpoint.format.largestBatch), allowance: allowance, hanging: hanging)
    }
}

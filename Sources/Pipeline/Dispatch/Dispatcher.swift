import FireMQTT
import FireModel
import FireTelemetry
import Logging
import Synchronization

/// From the outbox to the webhooks (contract 7), at least once, fires first.
///
/// ```
///   worker thread ──enqueue──▶ EndpointQueue ──orders──▶ EndpointWorker ──POST──▶ receiver
///                              (one per endpoint)              │
///   outbox ◀──────────────fetch, snapshot, record──────────────┘
/// ```
///
/// What is not sent when the process ends waits in the outbox and is fetched at the next start.
public final class Dispatcher: Sendable {
    private struct Post: Sendable {
        var worker: EndpointWorker
        var task: Task<Void, Never>
    }

    private struct State {
        var posts: [String: Post] = [:]
        /// Removed by a reload, with an attempt still under way.
        var leaving: [Task<Void, Never>] = []
        var isStopped = false
    }

    private let context: EndpointWorker.Context
    private let senders: Senders
    private let loop: DispatchLoop
    private let probeLoop: DispatchLoop
    private let state = Mutex(State())

    /// - Parameters:
    ///   - gatewayID: For `source` and the heartbeats.
    ///   - metrics: The page the figures are registered on, once.
    ///   - version: For the header `user-agent`.
    ///   - timeZone: IANA name, of the times in texts for people.
    ///   - environment: Names the proxies.
    ///   - broker: Where endpoints with `mqtt: true` publish; `nil`: nowhere.
    ///   - clockIsSynchronised: Asked at each attempt. A delivery never waits for the clock; it says that it
    ///     cannot be trusted.
    public init(
        gatewayID: String, outbox: any Outbox, logger: Logger, metrics: MetricPage, version: String,
        timeZone: String = "Asia/Shanghai", environment: [String: String] = [:], broker: BrokerAddress? = nil,
        clockIsSynchronised: @escaping @Sendable () -> Bool, schedule: RetrySchedule = RetrySchedule()
    ) {
        (loop, probeLoop) = (DispatchLoop(), DispatchLoop())
        for name in ProxySettings(environment: environment).unusable {
            logger.warning(
                "the environment names a proxy that cannot be used, and none is: expected http:// or socks5://",
                metadata: [LogKey.key: "\(name)"])
        }
        senders = Senders(
            webhooks: WebhookClient(
                loops: (loop.group, probeLoop.group), version: version, origin: gatewayID, environment: environment,
                clockIsSynchronised: clockIsSynchronised),
            broker: broker.map { BrokerSender($0) }, commands: CommandSender())
        context = EndpointWorker.Context(
            gateway: gatewayID, outbox: outbox, form: MessageForm(gateway: gatewayID, timeZone: timeZone),
            sender: senders, probes: probeLoop,
            metrics: DispatchMetrics(), logger: logger, schedule: schedule)
        context.metrics.register(on: metrics) { [weak self] in self?.workers ?? [] }
    }

    private var workers: [EndpointWorker] {
        state.withLock { $0.posts.values.map(\.worker) }.sorted { $0.name < $1.name }
    }

    /// For `/api/v1/stats`.
    public var figures: DeliveryFigures {
        var figures = workers.reduce(DeliveryFigures()) { $0 + $1.figures }
        figures.delivered = context.metrics.delivered.value
        figures.failed = context.metrics.failed.value
        return figures
    }

    /// Takes up what the outbox holds for these endpoints, and ends as cancelled what it holds for others.
    /// - Parameter destinations: Where webhooks may go; none: anywhere.
    public func start(endpoints: [Endpoint], destinations: [Destination] = []) async {
        senders.webhooks.adopt(destinations)
        adopt(endpoints)
    }

    /// A reload. An endpoint is its name: a new address inherits the queue, and everything that waits is tried; a
    /// removed name's deliveries end as cancelled. Files of certificates are read again.
    /// - Parameter brokerPassword: As it was read now.
    public func reload(
        endpoints: [Endpoint], destinations: [Destination] = [], brokerPassword: MQTTPassword? = nil
    ) async {
        senders.webhooks.adopt(destinations)
        senders.broker?.renew(brokerPassword)
        adopt(endpoints)
    }

    private func adopt(_ endpoints: [Endpoint]) {
        let names = Set(endpoints.map(\.name))
        let removed = state.withLock { state -> [Post] in
            guard !state.isStopped else { return [] }
            for endpoint in endpoints {
                if let post = state.posts[endpoint.name] {
                    post.worker.adopt(endpoint)
                } else {
                    let worker = EndpointWorker(endpoint, context: context)
                    state.posts[endpoint.name] = Post(
                        worker: worker, task: Task(executorPreference: loop) { await worker.run() })
                }
            }
            let removed = state.posts.filter { !names.contains($0.key) }.map(\.value)
            for post in removed { state.posts[post.worker.name] = nil }
            state.leaving += removed.map(\.task)
            return removed
        }
        // Nothing of theirs may be sent any more.
        for post in removed { post.task.cancel() }
        for post in removed { forget(post) }
        context.outbox.cancelPending(exceptFor: endpoints.map(\.name))
    }

    /// Nobody else can end the trouble that was told about a name that is gone; told when nothing of it is under way,
    /// and unless the name has come back meanwhile with a trouble of its own.
    private func forget(_ post: Post) {
        Task { [self] in
            await post.task.value
            state.withLock { $0.leaving.removeAll { $0 == post.task } }
            guard state.withLock({ $0.posts[post.worker.name] == nil && !$0.isStopped }) else { return }
            context.outbox.endpointTroubled(
                EndpointTrouble(endpoint: post.worker.name, kind: .recovered, detail: "not configured any more"))
        }
    }

    /// Called by the worker thread right after the commit, with the sequences the store has given; with
    /// sequence 0 for what could not be stored and must go out from memory. Does not block. What comes before
    /// the start, or for an endpoint that is not known yet, is fetched from the outbox.
    public func enqueue(_ deliveries: [Delivery]) {
        guard !deliveries.isEmpty else { return }
        let posts = state.withLock { $0.posts }
        var waiting = Dictionary(grouping: deliveries, by: \.endpoint).compactMap { name, deliveries in
            posts[name].map { (worker: $0.worker, deliveries: deliveries) }
        }
        // Who answers is told before fifty who do not.
        _ = waiting.partition { $0.worker.isDoubtful }
        for one in waiting { one.worker.enqueue(one.deliveries) }
    }

    /// Called by the worker thread right after the commit that has marked deliveries to be sent once more. Does not
    /// block. What is told of an endpoint that is not known yet is fetched from the outbox.
    public func replayed(_ marks: [ReplayMark]) {
        let posts = state.withLock { $0.posts }
        for mark in marks { posts[mark.endpoint]?.worker.replayed(from: mark.first, count: mark.count) }
    }

    /// How each endpoint does, by name.
    public var endpoints: [EndpointStatus] { workers.map(\.status) }

    /// How one does; `nil`: there is none of this name.
    public func endpoint(_ name: String) -> EndpointStatus? { state.withLock { $0.posts[name] }?.worker.status }

    /// `webhooks enable NAME`: everything that waits for this endpoint is due at once, also after a 410.
    /// - Returns: `false`: there is no endpoint of this name.
    public func enable(_ name: String) -> Bool {
        guard let post = state.withLock({ $0.posts[name] }) else { return false }
        post.worker.enable()
        return true
    }

    /// `webhooks test NAME`: sends a signed test event now, beside the queue and without retry. Nothing is written
    /// down, and what it says of the endpoint changes nothing.
    /// - Returns: `nil`: there is no endpoint of this name.
    public func test(_ name: String) async -> TestResult? {
        guard let post = state.withLock({ $0.posts[name] }) else { return nil }
        return await post.worker.test()
    }

    /// Waits for the attempts under way and for fires that were never tried; calls off what takes longer, to
    /// be sent after the next start.
    public func shutdown(within limit: Duration) async {
        let (posts, leaving) = state.withLock { state in
            state.isStopped = true
            return (Array(state.posts.values), state.leaving)
        }
        for post in posts { post.worker.stop() }
        let tasks = posts.map(\.task)
        let deadline = Task {
            guard (try? await Task.sleep(for: limit, clock: .continuous)) != nil else { return }
            for task in tasks { task.cancel() }
        }
        for task in tasks + leaving { await task.value }
        deadline.cancel()
        await context.sender.shutdown()
        await loop.shutdown()
        await probeLoop.shutdown()
    }
}

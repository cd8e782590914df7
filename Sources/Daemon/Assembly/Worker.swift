import FireDispatch
import FireIntake
import FireModel
import FireNormalise
import FireRing
import FireRules
import FireSettings
import FireStore
import FireTelemetry
import Logging
import Synchronization

extension StoreError {
    /// Waiting may mend it, or somebody who puts a damaged file aside. Another daemon's database or a newer
    /// schema stays what it is.
    var mayMend: Bool {
        switch self {
        case .inUse, .newerSchema: false
        default: true
        }
    }
}

/// The one thread that changes anything: it drains the rings, urgent first, normalises, admits,
/// evaluates, and commits; only then are messages acknowledged and alarms handed to the dispatcher.
///
///     ring(urgent) ─┐
///     ring(bulk)  ──┼─▶ Normaliser ─▶ StoreWriter.admit ─▶ RuleEngine ─▶ commit ─┬─▶ PUBACKs (Handover.committed)
///     inbox       ──┘                                                           ├─▶ Dispatcher
///     timers ───────────────────────────────────────────▶ RuleEngine            └─▶ operators' replies
///
/// While the store cannot be written (contract 3.5) nothing is acknowledged: the persistent sessions are
/// parked, urgent messages come through a clean QoS 0 session, and their alarms are dispatched from
/// memory. When the store works again everything is loaded from it anew, exactly as at a start, the
/// alarms raised meanwhile are written down, and the broker delivers what it kept.
final class Worker {
    let context: WorkerContext
    let lanes: [WorkerLane]
    let waiter: Waiter
    let inbox: WorkerInbox
    let dispatcher: Dispatcher
    let state: PipelineState
    let logger: Logger

    var loaded: LoadedConfiguration
    var pipeline: Pipeline
    var live = LiveClock(now: .now)
    private var findings = Findings()

    // What waits for the next commit.
    private var mustCommit = false
    private var readingsInBatch = 0
    private var replies: [() -> Void] = []
    private var attempts: [DeliveryAttempt] = []
    private var attemptsSince: ContinuousClock.Instant?

    // While the store cannot be written.
    private var held: [HeldChange] = []
    private var isTroubled = false
    private var retryAt: ContinuousClock.Instant?
    private var retryDelay = Worker.firstRetry
    private var openedAt = ContinuousClock.now

    private var isStopping = false
    private var nextUpkeep = ContinuousClock.now
    private var disconnectedSince: ContinuousClock.Instant?
    private let unknownMetricLog = RateLimit(every: .seconds(1))
    private let quarantineLog = RateLimit(every: .seconds(1))

    /// More readings than this are not held back for company.
    private static let maximumBatch = 20_000
    /// Messages of the bulk lane between two looks at the urgent one.
    private static let bulkSlice = 32
    /// Alarm changes kept for the store while it cannot be written.
    private static let maximumHeld = 10_000
    private static let maximumQuarantineAlarms = 500
    private static let firstRetry = Duration.seconds(1)
    private static let longestRetry = Duration.seconds(30)
    /// A silence of the broker shorter than this is a restart, not a trouble.
    private static let patienceWithBroker = Duration.seconds(60)

    struct HeldChange {
        var change: AlarmChange
        var deliveries: [Delivery]
    }

    /// - Throws: what no waiting mends: another daemon on this database, a newer schema. A store that
    ///   merely cannot be written now is a trouble the worker lives with.
    init(
        context: WorkerContext, loaded: LoadedConfiguration, lanes: [WorkerLane], waiter: Waiter, inbox: WorkerInbox,
        dispatcher: Dispatcher, state: PipelineState, logger: Logger
    ) throws {
        self.context = context
        self.loaded = loaded
        self.lanes = lanes
        self.waiter = waiter
        self.inbox = inbox
        self.dispatcher = dispatcher
        self.state = state
        self.logger = logger
        let unknown = Self.unknownMetricReporter(logger, unknownMetricLog)
        do {
            pipeline = try Pipeline(opening: context, loaded, live: 0, onUnknownMetric: unknown)
        } catch let error as StoreError where error.mayMend {
            pipeline = try Pipeline(inMemory: context, loaded, onUnknownMetric: unknown)
            begin(trouble: error)
        }
        if pipeline.store != nil { storeOpened() }
    }

    // MARK: - The loop

    func run() {
        while true {
            state.beats.wrappingAdd(1, ordering: .relaxed)
            let now = ContinuousClock.now
            live.advance(to: now, isCounting: isCounting)
            let busy = drainRings()
            answerRequests()
            if let deadline = pipeline.engine.nextDeadline, deadline <= live.milliseconds { advanceRules() }
            if now >= nextUpkeep { upkeep(now) }
            if shouldCommit(now) { commit() }
            if let retryAt, now >= retryAt { retryStore() }
            if isStopping, !busy, lanes.allSatisfy(\.isDrained) { return finish() }
            if !busy { waiter.wait(until: nextWake(now)) }
        }
    }

    /// Whether time counts for `for` and `clear_for`: connected, and not in the middle of what the broker had kept.
    private var isCounting: Bool { lanes.allSatisfy(\.isLive) }

    private func nextWake(_ now: ContinuousClock.Instant) -> ContinuousClock.Instant {
        var wake = nextUpkeep
        if let deadline = pipeline.engine.nextDeadline { wake = min(wake, live.instant(of: deadline)) }
        if let retryAt { wake = min(wake, retryAt) }
        if let attemptsSince { wake = min(wake, attemptsSince.advanced(by: loaded.configuration.store.linger)) }
        return wake
    }

    /// Urgent to the end, then a slice of bulk. `true`: there is more.
    private func drainRings() -> Bool {
        var busy = false
        for lane in lanes {
            var budget = lane.handover.lane == .urgent ? Int.max : Self.bulkSlice
            while budget > 0, take(from: lane) {
                budget -= 1
                if readingsInBatch >= Self.maximumBatch { return true }
            }
            if budget == 0 { busy = true }
            // An event waits for nothing, not even for the rest of the bulk lane's slice.
            if mustCommit { return busy || !lane.isDrained }
        }
        return busy
    }

    /// One message. `false`: the ring is empty.
    private func take(from lane: WorkerLane) -> Bool {
        let synchronised = state.clockIsSynchronised
        return lane.handover.ring.withNext { header, bytes in
            lane.processed = header.sequence
            lane.inBatch += 1
            // What was read before the store failed is delivered again to the session that comes back.
            if pipeline.store == nil, lane.handover.lane == .bulk { return }
            pipeline.normaliser.read(header, bytes, clockIsSynchronised: synchronised, into: &findings)
            digest(findings)
        } != nil
    }

    /// Readings and rejection of one message into the batch.
    private func digest(_ findings: borrowing Findings) {
        guard findings.standing == .fresh else {
            if findings.standing == .retainedRepeat { state.messagesDuplicate.increment() }
            return
        }
        var next = 0
        var news = 0
        do throws(StoreError) {
            while next < findings.readings.count {
                var reading = findings.readings[next]
                let admission = try admit(&reading)
                next += 1
                if admission == .duplicate { continue }
                news += 1
                pipeline.engine.apply(reading, live: live.milliseconds)
            }
            if let rejection = findings.rejection { try quarantine(rejection) }
            if let redelivery = findings.redelivery { pipeline.store?.remember(redelivery: redelivery) }
            if let mark = findings.retained {
                pipeline.store?.remember(retainedTopic: mark.topicHash, content: mark.contentHash)
            }
        } catch {
            // Rules must see the rest: the fire may be in the very message that does not fit on the disk.
            begin(trouble: error)
            for reading in findings.readings[next...] { pipeline.engine.apply(reading, live: live.milliseconds) }
        }
        readingsInBatch += findings.readings.count
        if news == 0, !findings.readings.isEmpty, findings.rejection == nil { state.messagesDuplicate.increment() }
        if findings.hasEvent || pipeline.engine.hasChanges { mustCommit = true }
    }

    private func admit(_ reading: inout Reading) throws(StoreError) -> Admission {
        guard let store = pipeline.store else { return .new }
        let admission = try store.admit(&reading, fleet: pipeline.fleet)
        switch admission {
        case .new: state.readingsStored.increment()
        case .duplicate: state.readingsDuplicate.increment()
        case .conflicting: state.readingsConflicting.increment()
        }
        return admission
    }

    private func quarantine(_ rejection: Rejection) throws(StoreError) {
        state.quarantined[rejection.reason]?.increment()
        if let held = quarantineLog.pass() {
            logger.warning(
                "payload quarantined",
                metadata: [
                    LogKey.topic: "\(rejection.topic)", LogKey.reason: "\(rejection.explanation)",
                    LogKey.held: "\(held)",
                ])
        }
        if rejection.lane == .urgent {
            let id = SystemConditionID.urgentQuarantined
            // A publisher that invents devices must not fill the alarm list: what is too many is one alarm.
            let isTooMany = pipeline.engine.systemCount(rule: id.rawValue) >= Self.maximumQuarantineAlarms
            pipeline.engine.systemReported(
                id.condition(component: isTooMany ? nil : rejection.device ?? String(rejection.topic.prefix(64))),
                detail: "\(rejection.topic): \(rejection.explanation)", now: rejection.receivedAt)
        }
        try pipeline.store?.quarantine(rejection)
    }

    // MARK: - Commit

    private func shouldCommit(_ now: ContinuousClock.Instant) -> Bool {
        if mustCommit || !replies.isEmpty || readingsInBatch >= Self.maximumBatch { return true }
        if lanes.contains(where: \.isWanted) { return true }
        if attemptsSince == nil, inbox.hasAttempts { attemptsSince = now }
        guard let attemptsSince else { return false }
        return attemptsSince.duration(to: now) >= loaded.configuration.store.linger
    }

    private func commit() {
        mustCommit = false
        let wasEarly = !lanes.contains(where: \.isWanted)
        let changes = pipeline.engine.takeChanges()
        var batch: [HeldChange] = []
        let now = WallClock.now()
        for change in changes {
            batch.append(HeldChange(change: change, deliveries: pipeline.router.deliveries(for: change, now: now)))
        }
        count(changes)
        guard let store = pipeline.store else {
            hold(batch)
            return answer()
        }
        attempts += inbox.takeAttempts()
        attemptsSince = nil
        do throws(StoreError) {
            try write(&batch, to: store)
            try store.commit(fleet: pipeline.fleet)
        } catch {
            begin(trouble: error)
            hold(batch)
            return answer()
        }
        attempts.removeAll(keepingCapacity: true)
        readingsInBatch = 0
        release(early: wasEarly)
        let deliveries = batch.flatMap(\.deliveries)
        if !deliveries.isEmpty { dispatcher.enqueue(deliveries) }
        answer()
    }

    private func write(_ batch: inout [HeldChange], to store: StoreWriter) throws(StoreError) {
        for index in batch.indices {
            try store.append(batch[index].change)
            for delivery in batch[index].deliveries.indices { try store.append(&batch[index].deliveries[delivery]) }
        }
        for attempt in attempts { try store.record(attempt) }
    }

    /// Everything processed so far is durable: the sessions may acknowledge it.
    private func release(early: Bool) {
        for lane in lanes where lane.inBatch > 0 {
            lane.inBatch = 0
            lane.release(early: early)
        }
    }

    private func count(_ changes: [AlarmChange]) {
        guard !changes.isEmpty else { return }
        for change in changes {
            if change.kind == .raised { state.alarmsRaised.increment() }
            if change.kind == .cleared { state.alarmsCleared.increment() }
            guard change.kind != .occurrence else { continue }
            logger.log(
                level: change.alarm.category == .fire && change.kind == .raised ? .critical : .notice,
                "alarm \(change.kind.rawValue)",
                metadata: [
                    LogKey.alarm: "\(change.alarm.id)", LogKey.rule: "\(change.alarm.rule)",
                    LogKey.category: "\(change.alarm.category.rawValue)", LogKey.device: "\(change.alarm.device.id)",
                    LogKey.component: "\(change.alarm.component ?? "-")",
                    LogKey.value: "\(change.alarm.value?.description ?? "-")",
                ])
        }
        state.activeAlarms = pipeline.engine.activeCounts()
    }

    private func answer() {
        let waiting = replies
        replies.removeAll()
        for reply in waiting { reply() }
    }

    // MARK: - A store that cannot be written

    private func begin(trouble error: StoreError) {
        pipeline.detach()
        for lane in lanes { lane.inBatch = 0 }
        readingsInBatch = 0
        state.storeTrouble = error.description
        let isFirst = !isTroubled
        isTroubled = true
        if openedAt.duration(to: .now) > Self.longestRetry { retryDelay = Self.firstRetry }
        retryAt = .now.advanced(by: retryDelay)
        retryDelay = min(retryDelay * 2, Self.longestRetry)
        if isFirst {
            logger.critical(
                "store cannot be written: nothing is acknowledged, alarms go out from memory",
                metadata: [LogKey.error: "\(error)"])
            for lane in lanes { lane.park() }
        } else {
            logger.warning("store still cannot be written", metadata: [LogKey.error: "\(error)"])
        }
        report(.storeNotWritable, active: true, detail: error.description)
        mustCommit = true
    }

    private func hold(_ batch: [HeldChange]) {
        var batch = batch
        // What a failed commit had numbered is in no outbox.
        for index in batch.indices {
            for delivery in batch[index].deliveries.indices { batch[index].deliveries[delivery].sequence = 0 }
        }
        for one in batch {
            if held.count < Self.maximumHeld { held.append(one) } else { state.heldChangesDropped.increment() }
        }
        let deliveries = batch.flatMap(\.deliveries)
        if !deliveries.isEmpty { dispatcher.enqueue(deliveries) }
    }

    /// Loads everything from the store as at a start, and writes down what was raised meanwhile. The
    /// write is the proof that it works again.
    private func retryStore() {
        retryAt = nil
        do {
            let fresh = try Pipeline(
                opening: context, loaded, live: live.milliseconds,
                onUnknownMetric: Self.unknownMetricReporter(logger, unknownMetricLog))
            guard let store = fresh.store else { return }
            var batch = held
            for one in batch { fresh.adopt(one.change.alarm, ordinal: one.change.ordinal, live: live.milliseconds) }
            attempts += inbox.takeAttempts()
            try write(&batch, to: store)
            try store.commit(fleet: fresh.fleet)
            pipeline = fresh
        } catch let error as StoreError {
            return begin(trouble: error)
        } catch {
            return begin(trouble: StoreError.io("\(error)"))
        }
        held.removeAll()
        attempts.removeAll()
        storeOpened()
        logger.notice("store works again")
        report(.storeNotWritable, active: false, detail: nil)
    }

    private func storeOpened() {
        openedAt = .now
        isTroubled = false
        retryAt = nil
        state.storeTrouble = nil
        state.open(pipeline.reader)
        state.activeAlarms = pipeline.engine.activeCounts()
        for id in pipeline.unreadableAlarms {
            logger.error("a stored alarm cannot be read and is left alone", metadata: [LogKey.alarm: "\(id)"])
        }
        for lane in lanes { lane.resume() }
    }

    // MARK: - Requests

    private func answerRequests() {
        for request in inbox.takeRequests() {
            switch request {
            case .act(let act, let alarm, let reply): perform(act, alarm, reply)
            case .retry(let item, let reply): retry(item, reply)
            case .reload(let loaded, let reply):
                adopt(loaded)
                reply(())
            case .system(let report):
                self.report(
                    report.condition, component: report.component, active: report.isActive, detail: report.detail)
            case .cancelDeliveries(let names): cancelDeliveries(exceptFor: names)
            case .stop: isStopping = true
            }
        }
    }

    private func perform(
        _ act: OperatorAct, _ alarm: Alarm, _ reply: WorkerInbox.Reply<Result<Alarm, OperatorActError>>
    ) {
        guard pipeline.store != nil else { return reply(.failure(.storeNotWritable)) }
        do throws(OperatorActError) {
            let after = try pipeline.engine.act(act, on: alarm, now: WallClock.now())
            replies.append { [unowned self] in
                reply(pipeline.store == nil ? .failure(.storeNotWritable) : .success(after))
            }
        } catch {
            reply(.failure(error))
        }
    }

    /// A quarantined payload once more, with its original time of receipt; newer readings have the last word.
    private func retry(_ item: QuarantineItem, _ reply: WorkerInbox.Reply<WorkerInbox.RetryAnswer>) {
        guard let store = pipeline.store else { return reply(.storeNotWritable) }
        let bytes = Array(item.topic.utf8) + item.payload + [UInt8](repeating: 0, count: Normaliser.padding)
        let header = MessageHeader(
            receivedAt: item.receivedAt, sequence: 0, publishedLength: UInt32(clamping: item.publishedLength),
            topicLength: UInt16(clamping: item.topic.utf8.count), packetID: 0, lane: item.lane, flags: .backlog)
        bytes.withUnsafeBytes { all in
            pipeline.normaliser.read(
                header, UnsafeRawBufferPointer(rebasing: all[..<(all.count - Normaliser.padding)]),
                clockIsSynchronised: state.clockIsSynchronised, into: &findings)
        }
        if let rejection = findings.rejection { return reply(.stillUnreadable(reason: rejection.explanation)) }
        let count = findings.readings.count
        digest(findings)
        do throws(StoreError) { try store.removeQuarantined(item.id) } catch { begin(trouble: error) }
        replies.append { [unowned self] in
            reply(pipeline.store == nil ? .storeNotWritable : .accepted(readings: count))
        }
    }

    private func cancelDeliveries(exceptFor names: [String]) {
        guard let store = pipeline.store else { return }
        do throws(StoreError) {
            guard try store.cancelDeliveries(exceptFor: names) else { return }
            mustCommit = true
            // The rest with the next batch: one transaction must not hold the writer for long.
            _ = inbox.post(.cancelDeliveries(exceptFor: names))
        } catch {
            begin(trouble: error)
        }
    }

    private func adopt(_ loaded: LoadedConfiguration) {
        self.loaded = loaded
        pipeline.fleet.adopt(loaded.catalogue)
        pipeline.engine.adopt(loaded.rules)
        pipeline.router.adopt(endpoints: loaded.endpoints)
        mustCommit = true
    }

    private func report(_ id: SystemConditionID, component: String? = nil, active: Bool, detail: String?) {
        let now = WallClock.now()
        if active {
            pipeline.engine.systemReported(id.condition(component: component), detail: detail, now: now)
        } else {
            pipeline.engine.systemCeased(rule: id.rawValue, component: component, now: now)
        }
        if pipeline.engine.hasChanges { mustCommit = true }
    }

    // MARK: - Time

    private func advanceRules() {
        pipeline.engine.advance(live: live.milliseconds, now: WallClock.now())
        if pipeline.engine.hasChanges { mustCommit = true }
    }

    private func upkeep(_ now: ContinuousClock.Instant) {
        nextUpkeep = now.advanced(by: .seconds(1))
        state.clockIsSynchronised = WallClock.isSynchronised(noEarlierThan: context.builtAfter)
        advanceRules()
        watchBroker(now)
        guard let store = pipeline.store, !store.hasPending else { return }
        do throws(StoreError) {
            guard state.clockIsSynchronised else { return }
            if try store.retentionSlice(now: WallClock.now(), budget: .milliseconds(2)) {
                nextUpkeep = now.advanced(by: .milliseconds(50))
            }
        } catch {
            begin(trouble: error)
        }
    }

    private func watchBroker(_ now: ContinuousClock.Instant) {
        if lanes.contains(where: \.isConnected) {
            disconnectedSince = nil
            if pipeline.engine.isSystemActive(rule: SystemConditionID.brokerDisconnected.rawValue) {
                report(.brokerDisconnected, active: false, detail: nil)
            }
        } else if let since = disconnectedSince {
            if since.duration(to: now) >= Self.patienceWithBroker,
                !pipeline.engine.isSystemActive(rule: SystemConditionID.brokerDisconnected.rawValue)
            {
                report(.brokerDisconnected, active: true, detail: lanes.first?.lastError)
            }
        } else {
            disconnectedSince = now
        }
    }

    private func finish() {
        if pipeline.store?.hasPending == true || pipeline.engine.hasChanges || inbox.hasAttempts { commit() }
        state.open(nil)
    }

    private static func unknownMetricReporter(_ logger: Logger, _ limit: RateLimit) -> (String, String) -> Void {
        { device, metric in
            guard let held = limit.pass() else { return }
            logger.info(
                "metric is not in the catalogue, stored as it came",
                metadata: [LogKey.device: "\(device)", LogKey.metric: "\(metric)", LogKey.held: "\(held)"])
        }
    }
}

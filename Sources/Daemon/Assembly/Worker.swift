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
    var findings = Findings()
    /// The worker's own copy of what `state` shows: asked for every message, it must not take a lock.
    var clockIsSynchronised = true
    /// Since when it is not; `nil`: it is.
    var clockLostAt: ContinuousClock.Instant?
    /// Where the counting clock stood when it was last written down for its own sake.
    var recordedLive: Int64 = 0

    // What waits for the next commit.
    var mustCommit = false
    var readingsInBatch = 0
    var replies: [() -> Void] = []
    var attempts: [DeliveryAttempt] = []
    var attemptsSince: ContinuousClock.Instant?

    // While the store cannot be written.
    var held = HeldChanges()
    /// What a reload has removed from the others is cancelled when the store works again.
    var endpointsToKeep: [String]?
    var isTroubled = false
    var retryAt: ContinuousClock.Instant?
    var retryDelay = Worker.firstRetry
    var openedAt = ContinuousClock.now

    // What an import asks for, slice by slice between batches.
    var importJob: ImportJob?
    var nextImport = ContinuousClock.now

    var isStopping = false
    var nextUpkeep = ContinuousClock.now
    var nextRetention = ContinuousClock.now
    let unknownMetrics = UnknownMetrics()
    let quarantineLog = RateLimit(every: .seconds(1))

    /// More readings than this are not held back for company.
    static let maximumBatch = 20_000
    /// Messages of the bulk lane between two looks at the urgent one.
    static let bulkSlice = 32
    static let maximumQuarantineAlarms = 500
    /// Milliseconds of the counting clock.
    static let recordedEvery: Int64 = 10_000
    static let firstRetry = Duration.seconds(1)
    static let longestRetry = Duration.seconds(30)
    /// A silence of the broker shorter than this is a restart, not a trouble.
    static let patienceWithBroker = Duration.seconds(60)
    /// Time services need some minutes after a start.
    static let patienceWithClock = Duration.seconds(600)

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
        do {
            pipeline = try Pipeline(
                opening: context, loaded, live: nil, logger: logger, onUnknownMetric: unknownMetrics.note)
            live = LiveClock(now: .now, milliseconds: pipeline.live)
        } catch let error as StoreError where error.mayMend {
            pipeline = try Pipeline(inMemory: context, loaded, onUnknownMetric: unknownMetrics.note)
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
            if isImportDue { importSlice(isBusy: busy) }
            if !busy, !isImportDue { waiter.wait(until: nextWake(now)) }
        }
    }

    /// Whether time counts for `for` and `clear_for`: connected, and not in the middle of what the broker had kept.
    /// A lane that is parked for want of a store does not stop the time of what the other one still brings.
    var isCounting: Bool { lanes.allSatisfy { $0.isParked || $0.isLive } }

    func nextWake(_ now: ContinuousClock.Instant) -> ContinuousClock.Instant {
        var wake = nextUpkeep
        if let deadline = pipeline.engine.nextDeadline { wake = min(wake, live.instant(of: deadline) ?? wake) }
        if let retryAt { wake = min(wake, retryAt) }
        if importJob != nil { wake = min(wake, nextImport) }
        if let attemptsSince { wake = min(wake, attemptsSince.advanced(by: loaded.configuration.store.linger)) }
        return wake
    }

    /// Urgent to the end, then a slice of bulk. `true`: there is more.
    func drainRings() -> Bool {
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
    func take(from lane: WorkerLane) -> Bool {
        lane.handover.ring.withNext { header, bytes in
            lane.took(header.sequence, isKept: pipeline.store != nil)
            // What was read before the store failed is delivered again to the session that comes back.
            if pipeline.store == nil, lane.handover.lane == .bulk { return }
            pipeline.normaliser.read(header, bytes, clockIsSynchronised: clockIsSynchronised, into: &findings)
            digest(findings)
        } != nil
    }

    /// Readings and rejection of one message into the batch.
    func digest(_ findings: borrowing Findings, isRetry: Bool = false) {
        guard findings.standing == .fresh else {
            if findings.standing == .retainedRepeat { state.messagesDuplicate.increment() }
            return
        }
        var next = 0
        var news = 0
        do throws(StoreError) {
            while next < findings.readings.count {
                var reading = findings.readings[next]
                let admission = try admit(&reading, isRetry: isRetry)
                next += 1
                if admission == .duplicate { continue }
                news += 1
                pipeline.engine.apply(
                    reading, live: live.milliseconds, steady: live.steady, isRetry: isRetry)
            }
            if let rejection = findings.rejection { try quarantine(rejection) }
            if let redelivery = findings.redelivery { pipeline.store?.remember(redelivery: redelivery) }
            if let mark = findings.retained {
                pipeline.store?.remember(retainedTopic: mark.topicHash, content: mark.contentHash)
            }
        } catch {
            // Rules must see the rest: the fire may be in the very message that does not fit on the disk.
            begin(trouble: error)
            for reading in findings.readings[next...] {
                pipeline.engine.apply(
                    reading, live: live.milliseconds, steady: live.steady, isRetry: isRetry)
            }
        }
        readingsInBatch += findings.readings.count
        if news == 0, !findings.readings.isEmpty, findings.rejection == nil { state.messagesDuplicate.increment() }
        pipeline.engine.settle()
        if findings.hasEvent || pipeline.engine.hasChanges { mustCommit = true }
    }

    func admit(_ reading: inout Reading, isRetry: Bool) throws(StoreError) -> Admission {
        guard let store = pipeline.store else { return .new }
        store.note(live: live.milliseconds, steady: live.steady)
        let admission = try store.admit(&reading, fleet: pipeline.fleet, isRetry: isRetry)
        switch admission {
        case .new: state.readingsStored.increment()
        case .duplicate: state.readingsDuplicate.increment()
        case .conflicting: state.readingsConflicting.increment()
        }
        return admission
    }

    func quarantine(_ rejection: Rejection) throws(StoreError) {
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

    // MARK: - Time

    func advanceRules() {
        let now = WallClock.now()
        let deadline = pipeline.engine.nextDeadline
        let isDue =
            pipeline.engine.isDue(live: live.milliseconds, now: now)
            || pipeline.engine.isAnnunciationDue(steady: live.steady, now: now)
        // While something is waited for, how far it got is written down, so that a power cut costs seconds of it.
        let isWorthNoting = deadline != nil && live.milliseconds - recordedLive >= Self.recordedEvery
        if isDue || isWorthNoting, let store = pipeline.store {
            recordedLive = live.milliseconds
            store.note(live: live.milliseconds, steady: live.steady)
            if isDue { store.note(timePassed: now) }
            mustCommit = true
        }
        pipeline.engine.advance(live: live.milliseconds, steady: live.steady, now: now)
        if pipeline.engine.hasChanges { mustCommit = true }
    }

    func upkeep(_ now: ContinuousClock.Instant) {
        nextUpkeep = now.advanced(by: .seconds(1))
        clockIsSynchronised = WallClock.isSynchronised(noEarlierThan: context.builtAfter)
        state.clockIsSynchronised = clockIsSynchronised
        watchClock(now)
        advanceRules()
        noteLiveSessions(now)
        watchBroker(now)
        unknownMetrics.log(to: logger)
        retain()
    }

    /// A clock that runs free dates what devices leave undated, and decides what of theirs is believed.
    func watchClock(_ now: ContinuousClock.Instant) {
        if clockIsSynchronised {
            clockLostAt = nil
            // Whoever has reported it: an alarm of an earlier run may still stand.
            report(.clockNotSynchronised, active: false, detail: nil)
        } else if let since = clockLostAt {
            guard since.duration(to: now) >= Self.patienceWithClock else { return }
            report(.clockNotSynchronised, active: true, detail: "for more than 10 min; see: timedatectl")
        } else {
            clockLostAt = now
        }
    }

    /// What these sessions received long ago is acknowledged. Not from a session that only stands in while the
    /// store is away, nor before it has been let go.
    func noteLiveSessions(_ now: ContinuousClock.Instant) {
        guard pipeline.store != nil, openedAt.duration(to: now) > Self.patienceWithBroker else { return }
        for lane in lanes where lane.isLive {
            pipeline.normaliser.sessionIsAlive(lane.handover.lane, at: WallClock.now())
        }
    }

    /// The rules as they are, for a restart to go on from.
    private func checkpoint(_ store: StoreWriter) -> StoredCheckpoint {
        StoredCheckpoint(
            engine: pipeline.engine.checkpoint { store.last($0)?.at }, rules: pipeline.rules, live: live.milliseconds)
    }

    /// Seals, merges and deletes a little: after a batch, as under steady traffic there is always one pending, and
    /// when nothing comes.
    func retain() {
        guard let store = pipeline.store, !store.hasPending, .now >= nextRetention else { return }
        let now = WallClock.now()
        do throws(StoreError) {
            if !pipeline.engine.hasChanges, store.isSealDue(now: now) {
                try store.beginSeal(now: now, checkpoint: checkpoint(store))
            }
            // By a clock that is years ahead everything would be over its time.
            let more = try store.retentionSlice(
                now: now, budget: .milliseconds(2), clockIsTrusted: clockIsSynchronised)
            nextRetention = .now.advanced(by: more ? .milliseconds(50) : .seconds(1))
        } catch {
            begin(trouble: error)
        }
    }

    /// Each lane for itself: without the urgent one no fire comes in, however well the other does.
    func watchBroker(_ now: ContinuousClock.Instant) {
        for lane in lanes {
            let name = lane.handover.lane.description
            if lane.isParked {
                lane.missingSince = nil
            } else if lane.isConnected {
                lane.missingSince = nil
                lane.isReported = false
                // Whoever has reported it: an alarm of an earlier run may still stand.
                report(.brokerDisconnected, component: name, active: false, detail: nil)
            } else if let since = lane.missingSince {
                guard !lane.isReported, since.duration(to: now) >= Self.patienceWithBroker else { continue }
                lane.isReported = true
                report(.brokerDisconnected, component: name, active: true, detail: lane.lastError)
            } else {
                lane.missingSince = now
            }
        }
    }

    func finish() {
        failImport()
        if pipeline.store?.hasPending == true || pipeline.engine.hasChanges || inbox.hasAttempts { commit() }
        unknownMetrics.log(to: logger, lines: 1000)
        state.open(nil, outbox: nil, maintenance: nil)
    }
}

import FireDispatch
import FireIntake
import FireModel
import FireServe
import FireSettings
import FireStore
import FireTelemetry
import Foundation
import Synchronization

/// What the HTTP interface asks for, answered from the database's readers and through the worker's inbox.
struct ServePorts: ReadingHistory, DeviceDirectory, AlarmDesk, AnnunciationDesk, DeliveryLedger, EndpointDesk,
    QuarantineDesk, BackupDesk, GatewayStatus
{
    let state: PipelineState
    let inbox: WorkerInbox
    let dispatcher: Dispatcher
    let lanes: [LaneView]
    let configuration: CurrentConfiguration

    private func reader() throws -> StoreReader {
        guard let reader = state.reader else {
            throw TemporarilyUnavailable(reason: state.storeTrouble ?? "the store is being opened")
        }
        return reader
    }

    // MARK: ReadingHistory

    func readings(_ query: ReadingQuery) async throws -> (unit: String?, points: [Point])? {
        let reader = try reader()
        let found = try await off {
            (try reader.readings(query), try reader.kind(ofDevice: query.device))
        }
        guard let points = found.0, let kind = found.1 else { return nil }
        return (await catalogue().unit(kind: kind, metric: query.metric), points)
    }

    func series(_ query: SeriesQuery) async throws -> Page<SeriesPoints> {
        var scan = try reader().series(query)
        while true {
            // A stretch at a time: whoever else asks gets a turn, and nobody works for a caller who has left.
            try Task.checkCancellation()
            let drawing = scan
            let (page, rest) = try await off {
                var drawing = drawing
                return (try drawing.advance(), drawing)
            }
            scan = rest
            guard var page else { continue }
            do throws(MixedUnits) {
                try page.find(units: await catalogue(), of: query.function)
            } catch {
                throw UnusableQuestion(reason: "\(error)")
            }
            return page
        }
    }

    func latest(_ filter: SeriesFilter, limit: Int, cursor: String?) async throws -> Page<LatestReading> {
        let reader = try reader()
        let catalogue = await catalogue()
        return try await off {
            var page = try reader.latest(filter, limit: limit, cursor: cursor)
            page.find(units: catalogue)
            return page
        }
    }

    func export(_ filter: ExportFilter, each: ([ExportedReading]) async throws -> Void) async throws {
        var export = try reader().export(filter)
        while true {
            let drawing = export
            let (batch, rest) = try await off {
                var drawing = drawing
                return (try drawing.next(), drawing)
            }
            export = rest
            guard let batch else { return }
            if !batch.isEmpty { try await each(batch) }
        }
    }

    // MARK: DeviceDirectory

    func devices(_ filter: DeviceFilter, limit: Int, cursor: String?) async throws -> Page<DeviceSummary> {
        let reader = try reader()
        return try await off { try reader.devices(filter, limit: limit, cursor: cursor, now: WallClock.now()) }
    }

    func device(_ id: String) async throws -> DeviceSummary? {
        let reader = try reader()
        return try await off { try reader.device(id, now: WallClock.now()) }
    }

    // MARK: AlarmDesk

    func alarms(_ filter: AlarmFilter, limit: Int, cursor: String?) async throws -> Page<Alarm> {
        let reader = try reader()
        return try await off { try reader.alarms(filter, limit: limit, cursor: cursor) }
    }

    func alarm(_ id: String) async throws -> (alarm: Alarm, history: [AlarmHistoryItem])? {
        let reader = try reader()
        return try await off { try reader.alarm(id) }
    }

    func context(of alarm: String) async throws -> [VerdictContext.Series]? {
        let reader = try reader()
        return try await off { try reader.context(of: alarm) }
    }

    /// What there was to be seen when somebody judged. Read here and not by the worker, which has others to serve; a
    /// verdict is taken also where it cannot be read.
    private func keepContext(of alarm: Alarm) async {
        guard let reader = try? reader(),
            let context = try? await off({ try reader.surroundings(of: alarm) }), !context.series.isEmpty
        else { return }
        _ = inbox.post(.keep(context))
    }

    func act(_ act: OperatorAct, on alarm: Alarm) async throws(OperatorActError) -> Alarm {
        if case .verdict = act.deed { await keepContext(of: alarm) }
        let result = await withCheckedContinuation { continuation in
            let request = WorkerInbox.Request.act(
                act, on: alarm, reply: WorkerInbox.Reply(continuation: continuation))
            if !inbox.post(request) { continuation.resume(returning: .failure(.storeNotWritable)) }
        }
        return try result.get()
    }

    // MARK: AnnunciationDesk

    func silences(limit: Int, cursor: String?) async throws -> Page<Silence> {
        let reader = try reader()
        return try await off { try reader.silences(limit: limit, cursor: cursor, now: WallClock.now()) }
    }

    func drills(limit: Int, cursor: String?) async throws -> Page<Drill> {
        let reader = try reader()
        return try await off { try reader.drills(limit: limit, cursor: cursor, now: WallClock.now()) }
    }

    func act(_ act: AnnunciationAct) async throws(AnnunciationError) {
        let result = await withCheckedContinuation { continuation in
            if !inbox.post(.announce(act, reply: WorkerInbox.Reply(continuation: continuation))) {
                continuation.resume(returning: .failure(.storeNotWritable))
            }
        }
        try result.get()
    }

    // MARK: DeliveryLedger

    func deliveries(_ filter: DeliveryFilter, limit: Int, cursor: String?) async throws -> Page<DeliverySummary> {
        let reader = try reader()
        return try await off { try reader.deliveries(filter, limit: limit, cursor: cursor) }
    }

    func delivery(_ id: String) async throws -> DeliveryRecord? {
        let reader = try reader()
        return try await off { try reader.delivery(id) }
    }

    /// So many are looked for at once, and so many marked: what comes in meanwhile goes between.
    private static let replayPage = 5000
    private static let replaySlice = 200

    /// What there was when it began; what comes meanwhile is not meant. Found here, so that the worker only marks.
    func replay(_ selection: ReplaySelection) async throws -> ReplayOutcome {
        let reader = try reader()
        let (last, unknown) = try await off {
            (try reader.lastDelivery(), try reader.unknownDeliveries(selection.ids))
        }
        var outcome = ReplayOutcome()
        outcome.unknown = unknown
        var after: Int64 = 0
        while true {
            let from = after
            let found = try await off {
                try reader.replayCandidates(selection, after: from, through: last, limit: Self.replayPage)
            }
            guard let end = found.last else { return outcome }
            for start in stride(from: 0, to: found.count, by: Self.replaySlice) {
                // Nobody works for a caller who has left.
                try Task.checkCancellation()
                outcome += try await mark(Array(found[start..<min(start + Self.replaySlice, found.count)]), outcome)
            }
            after = end
        }
    }

    private func mark(_ sequences: [Int64], _ soFar: ReplayOutcome) async throws -> ReplayOutcome {
        let answer = await withCheckedContinuation { continuation in
            if !inbox.post(.replay(sequences, reply: WorkerInbox.Reply(continuation: continuation))) {
                continuation.resume(returning: nil)
            }
        }
        guard let answer else {
            throw TemporarilyUnavailable(
                reason: "the store cannot be written; \(soFar.replayed) deliveries were marked before")
        }
        return answer
    }

    // MARK: EndpointDesk

    func endpoints() async -> [EndpointStatus] { dispatcher.endpoints }

    func enable(_ name: String) async -> EndpointStatus? {
        dispatcher.enable(name) ? dispatcher.endpoint(name) : nil
    }

    func test(_ name: String) async -> EndpointTest? {
        guard let result = await dispatcher.test(name) else { return nil }
        return EndpointTest(
            endpoint: name, address: result.address, isSigned: result.isSigned, status: result.status,
            error: result.error, reason: result.reason, answer: result.answer, milliseconds: result.milliseconds)
    }

    // MARK: QuarantineDesk

    func quarantine(limit: Int, byteLimit: Int, cursor: String?) async throws -> Page<QuarantineItem> {
        let reader = try reader()
        return try await off { try reader.quarantine(limit: limit, byteLimit: byteLimit, cursor: cursor) }
    }

    func retry(_ id: Int64) async throws -> RetryOutcome {
        let reader = try reader()
        guard let item = try await off({ try reader.quarantineItem(id) }) else { return .unknown }
        let answer = await withCheckedContinuation { continuation in
            if !inbox.post(.retry(item, reply: WorkerInbox.Reply(continuation: continuation))) {
                continuation.resume(returning: .storeNotWritable)
            }
        }
        switch answer {
        case .accepted(let readings): return .accepted(readings: readings)
        case .stillUnreadable(let reason): return .stillUnreadable(reason: reason)
        case .storeNotWritable: throw TemporarilyUnavailable(reason: "the store cannot be written")
        }
    }

    // MARK: BackupDesk

    func backup() async throws -> @Sendable () async throws -> [UInt8]? {
        guard let maintenance = state.maintenance else {
            throw TemporarilyUnavailable(reason: state.storeTrouble ?? "the store is being opened")
        }
        let begun = try await off(on: backups) { Result { () throws(StoreError) in try maintenance.backup() } }
        let steps: BackupSteps
        switch begun {
        case .success(let backup): steps = BackupSteps(backup)
        case .failure(.busy(let detail)): throw TemporarilyUnavailable(reason: detail)
        case .failure(let error): throw TemporarilyUnavailable(reason: "the store cannot be read", cause: "\(error)")
        }
        return { try await steps.next() }
    }

    // MARK: GatewayStatus

    func stats() async throws -> Stats {
        var stats = Stats()
        stats.messagesReceived = lanes.reduce(0) {
            // Two looks at two counters: the second may have passed the first.
            let letGo = $1.counters.messagesLetGo.value
            let received = $1.counters.messagesReceived.value
            return $0 + received - min(received, letGo)
        }
        // Of what the bulk session let go the urgent one speaks; it is counted once.
        stats.messagesAcknowledged = lanes.reduce(0) {
            $0 + $1.counters.messagesAcknowledged.value
                - min($1.counters.messagesAcknowledged.value, $1.counters.messagesLetGo.value)
        }
        stats.messagesDuplicate = state.messagesDuplicate.value
        stats.messagesQuarantined = state.messagesQuarantined
        stats.readingsStored = state.readingsStored.value
        stats.readingsDuplicate = state.readingsDuplicate.value
        stats.readingsConflicting = state.readingsConflicting.value
        stats.alarmsRaised = state.alarmsRaised.value
        stats.alarmsCleared = state.alarmsCleared.value
        let figures = dispatcher.figures
        stats.deliveriesPending = figures.pending
        stats.deliveriesDelivered = figures.delivered
        stats.deliveriesFailed = figures.failed
        for lane in lanes {
            stats.ring[lane.handover.lane] = Stats.RingFigures(
                capacity: lane.handover.ring.slots, depth: lane.handover.ring.depth,
                highWater: lane.handover.ring.highWater)
        }
        if let reader = state.reader { stats.store = try await off { try reader.figures() } }
        return stats
    }

    func readiness() async -> Readiness {
        var reasons: [String] = []
        for lane in lanes where !lane.session.status.isConnected {
            let why = lane.session.status.lastError.map { ": \($0)" } ?? ""
            reasons.append("the \(lane.handover.lane) session is not connected to the broker\(why)")
        }
        if let trouble = state.storeTrouble { reasons.append("the store cannot be written: \(trouble)") }
        return Readiness(reasons: reasons, warnings: configuration.notes)
    }

    func catalogue() async -> Catalogue { configuration.loaded.catalogue }
}

/// The database's readers block; they are asked on threads of their own, never on the task pool. As many at once as
/// a reader has connections: more would only stand in its queue, each with a thread.
private let readers = queue("firesense.readers")
/// The dispatcher's: whatever is asked over HTTP, and however much, no push waits for it.
private let outboxReaders = queue("firesense.outbox")

/// Queries do not wait behind a piece of a backup, which waits for a checkpoint.
private let backups = queue("firesense.backup")

private func queue(_ name: String) -> OperationQueue {
    let queue = OperationQueue()
    queue.name = name
    queue.maxConcurrentOperationCount = 4
    return queue
}

private func off<R: Sendable>(
    on queue: OperationQueue = readers, _ read: @escaping @Sendable () throws -> R
) async throws -> R {
    try await withCheckedThrowingContinuation { continuation in
        queue.addOperation {
            do {
                continuation.resume(returning: try read())
            } catch StoreError.invalidCursor {
                continuation.resume(throwing: InvalidCursor())
            } catch StoreError.tooMuch(let reason) {
                continuation.resume(throwing: UnusableQuestion(reason: reason))
            } catch let error as StoreError {
                continuation.resume(
                    throwing: TemporarilyUnavailable(reason: "the store cannot be read", cause: "\(error)"))
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}

/// A backup on its way out.
private actor BackupSteps {
    private let backup: StoreBackup
    private var isOver = false

    /// Readers of ours are done with the log within a second; somebody else's may keep it.
    private static let patience = Duration.seconds(60)

    init(_ backup: StoreBackup) { self.backup = backup }

    func next() async throws -> [UInt8]? {
        if isOver { return nil }
        let start = ContinuousClock.now
        while true {
            if let record = try await off(on: backups, { [backup] in try backup.next() }) {
                if case .end = record { isOver = true }
                return record.encoded
            }
            guard start.duration(to: .now) < Self.patience else {
                throw TemporarilyUnavailable(reason: "another program keeps the database's log")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

/// What the other threads may see of a lane.
struct LaneView: Sendable {
    let handover: Handover
    let session: IntakeSession
    let counters: IntakeCounters
}

/// The dispatcher's way to the outbox.
struct DispatchPorts: Outbox {
    let state: PipelineState
    let inbox: WorkerInbox

    private func reader() throws -> StoreReader {
        guard let reader = state.outbox else { throw OutboxClosed() }
        return reader
    }

    func pending(endpoint: String, fire: Bool, after sequence: Int64, limit: Int) async throws -> [Delivery] {
        let reader = try reader()
        return try await off(on: outboxReaders) {
            try reader.pendingDeliveries(endpoint: endpoint, fire: fire, after: sequence, limit: limit)
        }
    }

    func pendingReplays(endpoint: String, after sequence: Int64, limit: Int) async throws -> [Delivery] {
        let reader = try reader()
        return try await off(on: outboxReaders) {
            try reader.pendingReplays(endpoint: endpoint, after: sequence, limit: limit)
        }
    }

    func pendingCount(endpoint: String) async throws -> Int {
        let reader = try reader()
        return try await off(on: outboxReaders) {
            try reader.pendingCount(endpoint: endpoint)
        }
    }

    func snapshot(of id: String) async throws -> String? {
        let reader = try reader()
        return try await off(on: outboxReaders) { try reader.deliverySnapshot(id) }
    }

    func record(_ attempt: DeliveryAttempt) { inbox.post(attempt) }

    func cancelPending(exceptFor endpoints: [String]) { _ = inbox.post(.cancelDeliveries(exceptFor: endpoints)) }

    func endpointTroubled(_ trouble: EndpointTrouble) {
        func report(_ id: SystemConditionID, _ isActive: Bool) {
            _ = inbox.post(
                .system(
                    SystemReport(condition: id, component: trouble.endpoint, isActive: isActive, detail: trouble.detail)
                ))
        }
        switch trouble.kind {
        case .failing: report(.webhookFailing, true)
        case .gone: report(.webhookGone, true)
        case .deadLettered: report(.deliveryDead, true)
        case .recovered:
            report(.webhookFailing, false)
            report(.webhookGone, false)
        }
    }

    struct OutboxClosed: Error, CustomStringConvertible {
        var description: String { "the store is not open" }
    }
}

/// The configuration in force, for those who only read it.
final class CurrentConfiguration: Sendable {
    private struct State {
        var loaded: LoadedConfiguration
        var fallback: String?
        var restartRequired: [String] = []
    }
    private let state: Mutex<State>
    /// What a reload does not take over is as it was then.
    private let atStart: LoadedConfiguration

    init(_ loaded: LoadedConfiguration, fallback: String?) {
        atStart = loaded
        state = Mutex(State(loaded: loaded, fallback: fallback))
    }

    var loaded: LoadedConfiguration { state.withLock { $0.loaded } }
    /// Why this is not the configuration on disk; `nil`: it is.
    var fallback: String? { state.withLock { $0.fallback } }
    /// Changed keys that are not in force before the next start, for people.
    var restartRequired: [String] { state.withLock { $0.restartRequired } }
    /// What `/readyz` and `STATUS=` say of the configuration.
    var notes: [String] {
        state.withLock { state in
            let keys = state.restartRequired.joined(separator: ", ")
            return (state.fallback.map { [$0] } ?? []) + (keys.isEmpty ? [] : ["restart required: \(keys)"])
        }
    }

    func adopt(_ loaded: LoadedConfiguration) {
        var changed = loaded.configuration.restartRequired(comparedTo: atStart.configuration)
        // The intake subscribes to kinds by name.
        if loaded.catalogue.subscriptions != atStart.catalogue.subscriptions { changed.append("device kinds") }
        state.withLock { $0 = State(loaded: loaded, fallback: nil, restartRequired: changed) }
    }
}

extension Catalogue {
    /// What the intake has made its subscriptions of.
    fileprivate var subscriptions: [String: Bool] {
        Dictionary(kinds.map { ($0.name, $0.urgent) }) { first, _ in first }
    }
}

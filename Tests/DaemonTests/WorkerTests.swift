import FireDispatch
import FireIntake
import FireModel
import FireRing
import FireStore
import FireTelemetry
import Foundation
import Logging
import Testing

@testable import FireAssembly

/// The worker without its thread: the test turns it.
private final class WorkerBench {
    let scratch: Scratch
    let worker: Worker
    let dispatcher: Dispatcher
    let inbox: WorkerInbox
    let urgent: WorkerLane
    let bulk: WorkerLane
    private var sequences: [Lane: UInt64] = [:]

    init(broker: Int = 1) throws {
        scratch = try Scratch()
        let path = try scratch.write(
            "firesense.yaml",
            """
            gateway: { id: box-1 }
            mqtt: { port: \(broker) }
            store: { path: \(scratch.path("firesense.sqlite")) }

            """)
        let loaded = Daemon.load(path: path)
        let waiter = try Waiter()
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let cover = UrgentCover()
        let lanes = try Lane.allCases.map { lane in
            let handover = try Handover(lane: lane, slots: 64, bytes: 1 << 20, workerWaiter: waiter)
            return WorkerLane(
                handover: handover,
                session: try IntakeSession(
                    IntakeSettings(loaded), handover: handover, counters: IntakeCounters(), cover: cover,
                    logger: logger))
        }
        let state = PipelineState()
        inbox = WorkerInbox(waiter: waiter)
        dispatcher = Dispatcher(
            gatewayID: "box-1", outbox: DispatchPorts(state: state, inbox: inbox), logger: logger,
            metrics: MetricPage(), version: "test", clockIsSynchronised: { true })
        worker = try Worker(
            context: WorkerContext(
                gateway: AlarmDevice(id: "box-1", kind: Catalogue.gatewayKind, area: "_"),
                databasePath: loaded.configuration.store.path, storeSettings: StoreSettings(loaded.configuration.store),
                normaliseCounters: .init(), storeCounters: StoreCounters(), builtAfter: Version.builtAfter,
                onDamage: { _ in }, onMigration: { _ in }),
            loaded: loaded, lanes: lanes, waiter: waiter, inbox: inbox, dispatcher: dispatcher, state: state,
            logger: logger)
        urgent = try #require(lanes.first { $0.handover.lane == .urgent })
        bulk = try #require(lanes.first { $0.handover.lane == .bulk })
    }

    func shutdown() async { await dispatcher.shutdown(within: .zero) }

    /// One message of a burst that is closed behind it.
    func push(_ lane: WorkerLane, _ topic: String, _ payload: String) {
        let sequence = sequences[lane.handover.lane, default: 0] + 1
        sequences[lane.handover.lane] = sequence
        let header = MessageHeader(
            receivedAt: WallClock.now(), sequence: sequence, publishedLength: UInt32(payload.utf8.count),
            topicLength: UInt16(topic.utf8.count), packetID: UInt16(sequence), lane: lane.handover.lane, flags: [])
        Array(topic.utf8).withUnsafeBytes { topic in
            Array(payload.utf8).withUnsafeBytes { payload in
                _ = lane.handover.ring.tryPush(header, topic, payload)
            }
        }
        lane.handover.wanted.store(sequence, ordering: .releasing)
    }

    func committed(_ lane: WorkerLane) -> UInt64 { lane.handover.committed.load(ordering: .acquiring) }

    /// Alarms of the gateway itself that are active, with their components.
    func components(of rule: String) throws -> Set<String?> {
        worker.commit()
        let reader = try #require(worker.pipeline.reader)
        var filter = AlarmFilter()
        filter.state = .active
        let page = try reader.alarms(filter, limit: 100, cursor: nil)
        return Set(page.items.filter { $0.rule == rule }.map(\.component))
    }
}

@Suite(.serialized) struct WorkerTests {
    private let telemetry = (topic: "fire/v1/a/hydrant/h-1/telemetry", payload: #"{"values":{"pressure":0.3}}"#)

    /// A burst is half taken when the store fails, taken to its end while there is none, and the store is back
    /// before anybody has noticed.
    @Test func aBatchThatWasLostReleasesNothing() async throws {
        let bench = try WorkerBench()
        let worker = bench.worker
        bench.push(bench.bulk, telemetry.topic, telemetry.payload)
        _ = worker.drainRings()
        worker.begin(trouble: .io("for the test"))
        bench.push(bench.bulk, telemetry.topic, telemetry.payload)
        bench.push(bench.urgent, "fire/v1/a/panel/p-1/event", #"{"event":"fault"}"#)
        _ = worker.drainRings()
        worker.commit()
        worker.retryStore()
        #expect(worker.pipeline.store != nil)
        worker.commit()
        #expect(bench.committed(bench.bulk) == 0)
        #expect(bench.committed(bench.urgent) == 0)
        let isWanted = worker.lanes.contains { $0.isWanted }
        #expect(!isWanted, "or it would commit for ever, and never early")
        #expect(bench.bulk.handover.epoch.load(ordering: .acquiring) == 1, "for who began before that")

        bench.push(bench.bulk, telemetry.topic, telemetry.payload)
        _ = worker.drainRings()
        #expect(worker.shouldCommit(.now))
        worker.commit()
        #expect(bench.committed(bench.bulk) == 3)
        await bench.shutdown()
    }

    @Test func resultsOfDeliveriesAreNoReasonToTurnWithoutAStore() async throws {
        let bench = try WorkerBench()
        let worker = bench.worker
        worker.begin(trouble: .io("for the test"))
        worker.commit()
        bench.inbox.post(
            DeliveryAttempt(
                delivery: "d", at: WallClock.now(), status: 204, error: nil, answer: nil, milliseconds: 1,
                state: .delivered, nextDueAt: nil))
        let later = ContinuousClock.now + .seconds(3600)
        #expect(!worker.shouldCommit(later))
        #expect(!worker.shouldCommit(later))
        #expect(worker.attemptsSince == nil)
        await bench.shutdown()
    }

    @Test func endpointsRemovedDuringATroubleAreCancelledAfterIt() async throws {
        let bench = try WorkerBench()
        let worker = bench.worker
        worker.begin(trouble: .io("for the test"))
        worker.cancelDeliveries(exceptFor: ["kept"])
        #expect(bench.inbox.takeRequests().isEmpty, "or it would turn")
        worker.retryStore()
        let names = bench.inbox.takeRequests().compactMap { request -> [String]? in
            if case .cancelDeliveries(let names) = request { names } else { nil }
        }
        #expect(names == [["kept"]])
        await bench.shutdown()
    }

    /// Without the urgent session no fire comes in, whatever the other one does.
    @Test func aLaneThatStaysAwayIsAnAlarmOfItsOwn() async throws {
        let broker = try await Broker()
        let bench = try WorkerBench(broker: broker.port)
        let rule = SystemConditionID.brokerDisconnected.rawValue
        try bench.bulk.session.start()
        try await eventually("bulk is connected") { bench.bulk.isConnected }
        let start = ContinuousClock.now
        bench.worker.watchBroker(start)
        bench.worker.watchBroker(start + .seconds(59))
        #expect(try bench.components(of: rule) == [])
        bench.worker.watchBroker(start + .seconds(61))
        bench.worker.watchBroker(start + .seconds(62))
        #expect(try bench.components(of: rule) == ["urgent"])
        try bench.urgent.session.start()
        try await eventually("urgent is connected") { bench.urgent.isConnected }
        bench.worker.watchBroker(start + .seconds(63))
        #expect(try bench.components(of: rule) == [])
        for lane in bench.worker.lanes { lane.session.stop(by: .now) }
        await bench.shutdown()
    }

    @Test func timeGoesOnForWhatTheRescueSessionBrings() async throws {
        let broker = try await Broker()
        let bench = try WorkerBench(broker: broker.port)
        #expect(!bench.worker.isCounting)
        try bench.urgent.session.start()
        bench.worker.begin(trouble: .io("for the test"))
        try await eventually("it counts") { bench.worker.isCounting }
        bench.bulk.resume()
        #expect(!bench.worker.isCounting, "bulk is meant to be connected and is not")
        bench.urgent.session.stop(by: .now)
        await bench.shutdown()
    }

    @Test func aClockThatStandsHasNoNextInstant() {
        let now = ContinuousClock.now
        var clock = LiveClock(now: now)
        #expect(clock.instant(of: 1) == nil)
        clock.advance(to: now, isCounting: true)
        #expect(clock.instant(of: 1) == now + .milliseconds(1))
        clock.advance(to: now + .milliseconds(5), isCounting: false)
        #expect(clock.instant(of: 6) == nil)
    }
}

@Suite struct HeldChangesTests {
    private func change(_ kind: AlarmChange.Kind, _ alarm: String, occurrences: Int = 1) -> HeldChange {
        let now = Timestamp(milliseconds: 0)
        var it = Alarm(
            id: alarm, gateway: "g", rule: "r", category: .fire, severity: .critical, latched: true,
            device: AlarmDevice(id: "d", kind: "smoke", area: "a"), component: nil, metric: nil,
            title: Title(zh: "", en: ""), raisedAt: now, receivedAt: now)
        it.occurrences = occurrences
        return HeldChange(
            change: AlarmChange(kind: kind, alarm: it, at: now, cause: "", ordinal: 0), deliveries: [])
    }

    @Test func occurrencesDoNotCrowdOutWhatWasRaisedOrCleared() {
        var held = HeldChanges()
        var allFit = held.append(change(.raised, "a"))
        for count in 2...(2 * HeldChanges.maximum) {
            allFit = held.append(change(.occurrence, "a", occurrences: count)) && allFit
        }
        #expect(held.all.map(\.change.kind) == [.raised, .occurrence])
        #expect(held.all.last?.change.alarm.occurrences == 2 * HeldChanges.maximum)
        allFit = held.append(change(.raised, "b")) && held.append(change(.cleared, "a")) && allFit
        #expect(allFit)
        #expect(held.all.map(\.change.kind) == [.raised, .raised, .occurrence, .cleared])
    }

    @Test func whatDoesNotFitIsTold() {
        var held = HeldChanges()
        for index in 0..<HeldChanges.maximum { _ = held.append(change(.raised, "\(index)")) }
        let hasRoom = held.append(change(.raised, "more"))
        let hasRoomForOccurrence = held.append(change(.occurrence, "0"))
        #expect(!hasRoom && hasRoomForOccurrence)
    }
}

@Suite struct UnknownMetricsTests {
    private struct Lines: LogHandler {
        final class Kept: @unchecked Sendable { var lines: [String] = [] }
        let kept: Kept
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            let pairs = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            kept.lines.append(([event.message.description] + pairs).joined(separator: " "))
        }
    }

    @Test func everyNameIsInOneLineOfItsDevice() {
        let kept = Lines.Kept()
        let logger = Logger(label: "test", factory: { _ in Lines(kept: kept) })
        let unknown = UnknownMetrics()
        for index in 0..<(UnknownMetrics.maximumNames + 7) { unknown.note(device: "d-1", metric: "m\(index)") }
        unknown.note(device: "d-2", metric: "odd")
        unknown.note(device: "d-2", metric: "odd")
        unknown.log(to: logger)
        #expect(kept.lines.count == 2)
        let names = (0..<UnknownMetrics.maximumNames).map { "m\($0)" }.joined(separator: ", ")
        #expect(kept.lines.first?.contains("metric=\(names)") == true)
        #expect(kept.lines.first?.contains("=7") == true)
        #expect(kept.lines.last?.hasSuffix("metric=odd") == true)
        unknown.log(to: logger)
        #expect(kept.lines.count == 2)
    }

    @Test func aNewFleetIsNamedInPortionsAndNoneIsForgotten() {
        let kept = Lines.Kept()
        let logger = Logger(label: "test", factory: { _ in Lines(kept: kept) })
        let unknown = UnknownMetrics()
        for index in 0..<50 { unknown.note(device: "d-\(index)", metric: "odd") }
        unknown.log(to: logger)
        #expect(kept.lines.count == UnknownMetrics.linesAtOnce)
        unknown.log(to: logger)
        unknown.log(to: logger)
        #expect(kept.lines.count == 50)
    }
}

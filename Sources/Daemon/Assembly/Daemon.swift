import FireDispatch
import FireIntake
import FireModel
import FireNormalise
import FireRing
import FireRules
import FireServe
import FireSettings
import FireStore
import FireSystemd
import FireTelemetry
import Foundation
import Logging
import ServiceLifecycle

/// The daemon: every stage made and connected, in the order a message goes.
///
///     broker ══▶ IntakeSession "urgent" ──▶ ring ─┐  (thread each)
///            ══▶ IntakeSession "bulk"   ──▶ ring ─┤
///                                                 ▼
///                 Worker (one thread): Normaliser ▶ StoreWriter.admit ▶ RuleEngine ▶ commit
///                        │ committed sequence        │ deliveries           │ database
///                        ▼                           ▼                      ▼
///                 IntakeSessions: PUBACK       Dispatcher (tasks)     StoreReader ◀ HTTPServer (event loops)
///                                                    ▼
///                                              webhook endpoints
///
/// Start in this order, stop in reverse: worker, dispatcher, HTTP, intake, notifier. So on stop the intake
/// ends first, the rings drain, and the worker commits last.
public struct Daemon {
    public let group: ServiceGroup

    /// - Parameters:
    ///   - onMigration: told how much of a database of an older form is converted, 0 to 1; without it the log is.
    ///   - fallback: why `loaded` is the last accepted configuration and not the one on disk.
    /// - Throws: what no waiting mends, with its remedy in the text: a second daemon on the database, a
    ///   newer schema, an address that is taken.
    public init(
        _ loaded: LoadedConfiguration, configurationPath: String?, fallback: String?, threshold: LogThreshold,
        logger: Logger, onMigration: (@Sendable (Double) -> Void)? = nil
    ) async throws {
        let configuration = loaded.configuration
        let page = MetricPage()
        let state = PipelineState()
        state.register(on: page)
        page.collect("build_info", "Version of this program.") {
            [([("version", Version.text), ("commit", Version.commit)], 1)]
        }
        let reloadSuccessful = Gauge(fallback == nil ? 1 : 0)
        page.register(
            "config_last_reload_successful", "1 while the configuration on disk is the one in force.", [],
            reloadSuccessful)
        page.collect("silences_active", "Active maintenance silences.") { [([], 0)] }
        let current = CurrentConfiguration(loaded, fallback: fallback)
        page.collect("fire_endpoints", "Webhook endpoints that take fire.") {
            [([], Double(current.loaded.endpoints.filter { !$0.excludeFire }.count))]
        }

        // Intake: one session and one ring per lane.
        let waiter = try Waiter()
        let intake = IntakeSettings(loaded)
        let cover = UrgentCover()
        let lanes = try Lane.allCases.map { lane in
            let handover = try Handover(
                lane: lane, slots: Self.slots(lane), bytes: Self.bytes(lane), workerWaiter: waiter)
            let counters = IntakeCounters()
            counters.register(on: page, lane: lane)
            let session = try IntakeSession(
                intake, handover: handover, counters: counters, cover: cover, logger: logger)
            page.collect("ring_depth", "Messages waiting for the worker.") {
                [([("lane", lane.description)], Double(handover.ring.depth))]
            }
            return LaneView(handover: handover, session: session, counters: counters)
        }

        // Dispatch: from the outbox to the endpoints.
        let inbox = WorkerInbox(waiter: waiter)
        page.register(
            "delivery_results_dropped_total",
            "Results of attempts that could not be written down; those deliveries are sent once more.", [],
            inbox.droppedAttempts)
        let dispatcher = Dispatcher(
            gatewayID: loaded.gatewayID, outbox: DispatchPorts(state: state, inbox: inbox), logger: logger,
            metrics: page, version: Version.text, timeZone: configuration.gateway.timeZone,
            environment: ProcessInfo.processInfo.environment,
            broker: BrokerAddress(intake), clockIsSynchronised: { state.clockIsSynchronised })

        // Normalise, rules and store: owned by the worker.
        let normaliseCounters = NormaliseCounters()
        normaliseCounters.register(on: page)
        let storeCounters = StoreCounters()
        storeCounters.register(on: page)
        let context = WorkerContext(
            gateway: AlarmDevice(
                id: loaded.gatewayID, kind: Catalogue.gatewayKind, area: configuration.gateway.areas.first ?? "_"),
            databasePath: configuration.store.path, storeSettings: StoreSettings(configuration.store),
            normaliseCounters: normaliseCounters, storeCounters: storeCounters, builtAfter: Version.builtAfter,
            onDamage: { what in
                logger.error(
                    "what cannot be read in the database is passed over; see 'firesense doctor'",
                    metadata: [LogKey.error: "\(what)"])
            },
            onMigration: Self.migrationReporter(state, logger, show: onMigration))
        let ports = ServePorts(state: state, inbox: inbox, dispatcher: dispatcher, lanes: lanes, configuration: current)
        let worker: Worker
        let server: HTTPServer
        do {
            worker = try Worker(
                context: context, loaded: loaded,
                lanes: lanes.map { WorkerLane(handover: $0.handover, session: $0.session) }, waiter: waiter,
                inbox: inbox,
                dispatcher: dispatcher, state: state, logger: logger)
            // Serve: HTTP on top of the database's readers and the worker's inbox.
            server = try HTTPServer(
                try ServeSettings(loaded),
                gateway: Gateway(
                    readings: ports, devices: ports, alarms: ports, annunciation: ports,
                    deliveries: ports, endpoints: ports, quarantine: ports,
                    backups: ports, status: ports,
                    imports: ImportPort(state: state, inbox: inbox, configuration: current, logger: logger),
                    metrics: page),
                logger: logger, clock: WallClock.now)
        } catch {
            await dispatcher.shutdown(within: .zero)
            throw error
        }
        // Also told when all is well: it may have been active when the last daemon ended.
        _ = inbox.post(
            .system(
                SystemReport(
                    condition: .configurationInvalid, component: nil, isActive: fallback != nil, detail: fallback)))

        let accepted = AcceptedConfiguration(directory: Self.acceptedDirectory(configuration))
        if fallback == nil {
            do { try accepted.save(loaded) } catch {
                logger.warning("the accepted configuration could not be kept", metadata: [LogKey.error: "\(error)"])
            }
        }

        let services: [any Service] =
            [
                WorkerService(thread: WorkerThread(worker), inbox: inbox),
                DispatchService(
                    dispatcher: dispatcher, endpoints: loaded.endpoints,
                    destinations: configuration.webhooksAllow),
            ] + server.services.map { Persistent(name: "http", service: $0, logger: logger) } + [
                IntakeService(sessions: lanes.map(\.session)),
                Reloader(
                    configurationPath: configurationPath, current: current, accepted: accepted, inbox: inbox,
                    dispatcher: dispatcher, threshold: threshold, successful: reloadSuccessful, state: state,
                    renewAccess: { loaded in
                        for lane in lanes { lane.session.renew(password: loaded.mqttPassword) }
                        server.replaceTokens(try ServeSettings(loaded).tokens)
                        try server.reloadCertificate()
                    }, logger: logger),
                Notifier(
                    state: state, lanes: lanes, pending: { dispatcher.figures.pending },
                    notes: { current.notes }, logger: logger),
            ]
        var group = ServiceGroupConfiguration(
            services: services.map { .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup) },
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(40)
        self.group = ServiceGroup(configuration: group)
    }

    /// The configuration as `run`, `check` and a reload judge it, tokens file and all. What is wrong is in `problems`.
    public static func load(path: String?) -> LoadedConfiguration {
        var loaded = loader.load(path: path, environment: ProcessInfo.processInfo.environment)
        do {
            if loaded.isValid { _ = try ServeSettings(loaded) }
        } catch {
            loaded.complain(
                about: "http.tokens_file", found: "\(error)", expected: "lines of: name scope sha256-of-token")
        }
        return loaded
    }

    /// What was accepted last; `nil`: nothing, or it cannot be used any more.
    public static func lastAccepted(_ configuration: Configuration) -> LoadedConfiguration? {
        let last = AcceptedConfiguration(directory: acceptedDirectory(configuration)).load(with: loader)
        return last?.isValid == true ? last : nil
    }

    private static let loader = ConfigurationLoader(reservedRuleIDs: BuiltInRules.ids)

    /// Where the last accepted configuration is kept: beside the database, as both are state.
    public static func acceptedDirectory(_ configuration: Configuration) -> String {
        let state =
            ProcessInfo.processInfo.environment["STATE_DIRECTORY"]
            ?? URL(filePath: configuration.store.path).deletingLastPathComponent().path
        return state + "/accepted"
    }

    /// `/run/firesense/control.sock` when systemd made that folder, else beside the database.
    public static func controlSocketPath(_ configuration: Configuration) -> String {
        let folder =
            ProcessInfo.processInfo.environment["RUNTIME_DIRECTORY"]
            ?? URL(filePath: configuration.store.path).deletingLastPathComponent().path
        return folder + "/control.sock"
    }

    /// How much more time a conversion asks systemd for as it moves on. Its last step, letting go of the old rows, tells
    /// nothing meanwhile and takes minutes on a large database.
    private static let migrationExtension = Duration.seconds(600)

    /// - Parameter show: else a line at the start of a conversion and every ten seconds of it.
    private static func migrationReporter(
        _ state: PipelineState, _ logger: Logger, show: (@Sendable (Double) -> Void)?
    ) -> (Double) -> Void {
        let lines = RateLimit(every: .seconds(10))
        let words = RateLimit(every: .seconds(2))
        return { share in
            // Also for the watchdog, when the database comes back while the daemon runs.
            state.beats.wrappingAdd(1, ordering: .relaxed)
            let text = "converting the database to its new form: \(Int(share * 100)) %"
            if words.pass() != nil || share >= 1 {
                Systemd.notify(.extendTimeout(migrationExtension), .status(text))
            }
            if let show { show(share) } else if lines.pass() != nil { logger.notice("\(text)") }
        }
    }

    /// A burst of the receive maximum fits, and the largest message beside it.
    private static func slots(_ lane: Lane) -> Int { lane == .urgent ? 8192 : 16_384 }
    private static func bytes(_ lane: Lane) -> Int { lane == .urgent ? 4 << 20 : 8 << 20 }
}

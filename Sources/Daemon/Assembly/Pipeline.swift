import FireDispatch
import FireModel
import FireNormalise
import FireRules
import FireSettings
import FireStore
import Logging

/// What stays the same for the life of the process.
struct WorkerContext {
    var gateway: AlarmDevice
    var databasePath: String
    var storeSettings: StoreSettings
    var normaliseCounters: NormaliseCounters
    var storeCounters: StoreCounters
    /// No clock that is right can be behind this.
    var builtAfter: Timestamp
    /// Told of each stored chunk or journal row that cannot be read.
    var onDamage: (String) -> Void
    /// Told how much of a database of an older form is converted, 0 to 1.
    var onMigration: (Double) -> Void
}

/// The stages with state that the worker owns, all loaded from the store: fleet, normaliser, rules,
/// router. Made at the start, and once more whenever the store works again after a trouble, so that
/// there is one way in and not two.
final class Pipeline {
    let fleet: Fleet
    /// Where the counting clock stood when this was opened, in milliseconds.
    let live: Int64
    /// Rules and catalogue in force, as the journal records them.
    var rules: String
    let normaliser: Normaliser
    let engine: RuleEngine
    /// `nil`: the store cannot be written, and this pipeline lives in memory.
    private(set) var store: StoreWriter?
    let reader: StoreReader?
    /// For the dispatcher alone.
    let outbox: StoreReader?
    /// Checkpoints of the write-ahead log, and backups; ends with the pipeline.
    let maintenance: StoreMaintenance?
    /// Alarms whose stored form cannot be read, for the log.
    let unreadableAlarms: [String]
    /// Troubles of endpoints that were removed or renamed while no daemon ran: nobody else ends them.
    let orphanedTroubles: [(condition: SystemConditionID, endpoint: String)]
    var router: Router

    /// Opens the store and takes up where it ended.
    ///
    /// - Parameter live: of this run; `nil`: it is the first, and the counting clock goes on from where it was.
    init(
        opening context: WorkerContext, _ loaded: LoadedConfiguration, live current: Int64?, logger: Logger,
        onUnknownMetric: @escaping (String, String) -> Void
    ) throws {
        let store = try StoreWriter(
            path: context.databasePath, settings: context.storeSettings, counters: context.storeCounters,
            onDamage: context.onDamage, onMigration: context.onMigration)
        let fleet = Fleet(catalogue: loaded.catalogue)
        let replay = Replay(gateway: context.gateway, fleet: fleet, store: store, logger: logger)
        let stored = try store.load(into: fleet, checkpoint: replay.begin, input: replay.show)
        replay.runEnded()
        let live = current ?? replay.live
        self.live = live
        engine = replay.engine
        let reader = try StoreReader(beside: store)
        outbox = try StoreReader(beside: store)
        maintenance = try StoreMaintenance(path: context.databasePath, counters: context.storeCounters)
        rules = try RecordedRules(loaded).json()
        fleet.adopt(loaded.catalogue)
        store.noteBeginning()
        // Rules found changed are taken over after the replay, exactly as a reload.
        if replay.rules != rules {
            engine.adopt(loaded.configuration.rules.flood)
            engine.adopt(loaded.rules)
            store.note(rules: rules)
        }
        for known in stored.alarms where !replay.isExact || known.alarm.isUnknown(to: engine, context.gateway) {
            engine.restore(
                known.alarm, ordinal: known.ordinal, live: live, expiresAfter: SystemConditionID.expiry(of: known.alarm)
            )
        }
        if !replay.isExact {
            engine.restore(silences: stored.silences, drills: stored.drills)
            for reading in stored.latest { engine.seed(reading, live: live) }
            store.wantSeal()
        }
        normaliser = try Normaliser(
            fleet: fleet, counters: context.normaliseCounters, retained: stored.retained,
            redeliveries: stored.redeliveries, onUnknownMetric: onUnknownMetric)
        router = Router(
            gatewayID: context.gateway.id, endpoints: loaded.endpoints, matched: try reader.matchedEndpoints())
        unreadableAlarms = stored.unreadableAlarms
        let names = Set(loaded.endpoints.map(\.name))
        orphanedTroubles = stored.alarms.compactMap { known in
            guard let condition = SystemConditionID(rawValue: known.alarm.rule), condition.isOfAnEndpoint,
                let endpoint = known.alarm.component, !names.contains(endpoint)
            else { return nil }
            return (condition, endpoint)
        }
        self.store = store
        self.reader = reader
        self.fleet = fleet
    }

    /// Nothing is stored and nothing is known but what comes in: fires are still told.
    init(
        inMemory context: WorkerContext, _ loaded: LoadedConfiguration,
        onUnknownMetric: @escaping (String, String) -> Void
    ) throws {
        fleet = Fleet(catalogue: loaded.catalogue)
        engine = RuleEngine(gateway: context.gateway, fleet: fleet, rules: loaded.rules)
        engine.adopt(loaded.configuration.rules.flood)
        normaliser = try Normaliser(fleet: fleet, counters: context.normaliseCounters, onUnknownMetric: onUnknownMetric)
        router = Router(gatewayID: context.gateway.id, endpoints: loaded.endpoints, matched: [:])
        live = 0
        rules = ""
        store = nil
        reader = nil
        outbox = nil
        maintenance = nil
        unreadableAlarms = []
        orphanedTroubles = []
    }

    /// The store failed: its file is let go, what is known stays.
    func detach() {
        store?.rollback()
        store = nil
        // Whoever opens it anew writes into the file as well.
        maintenance?.endBackups()
    }

    /// Takes up what happened to alarms while the store could not be written.
    func adopt(_ change: AlarmChange, live: Int64) {
        let alarm = change.alarm
        if alarm.device.kind != Catalogue.gatewayKind, let metric = alarm.metric {
            let device =
                fleet.device(alarm.device.id)
                ?? fleet.addDevice(
                    id: alarm.device.id, kind: fleet.kind(alarm.device.kind), area: fleet.area(alarm.device.area),
                    at: alarm.receivedAt)
            _ = fleet.addSeries(
                device: device, component: alarm.component.map(fleet.component) ?? -1, metric: fleet.metric(metric))
        }
        engine.restore(
            alarm, ordinal: change.ordinal, live: live, expiresAfter: SystemConditionID.expiry(of: alarm),
            heldInput: change.inputAt)
    }

    /// Who has been told of which alarm, as the outbox has it now.
    func readMatches(_ context: WorkerContext, _ loaded: LoadedConfiguration) throws {
        guard let reader else { return }
        router = Router(
            gatewayID: context.gateway.id, endpoints: loaded.endpoints, matched: try reader.matchedEndpoints())
    }
}

extension RecordedRules {
    /// What decides, as it is configured.
    init(_ loaded: LoadedConfiguration) {
        self.init(catalogue: loaded.catalogue, rules: loaded.rules, flood: loaded.configuration.rules.flood)
    }
}

extension Alarm {
    /// Of the gateway itself, or active and not among what the replay has brought back: for what a damaged row of the
    /// journal took along.
    fileprivate func isUnknown(to engine: RuleEngine, _ gateway: AlarmDevice) -> Bool {
        (category == .system && device.kind == gateway.kind && device.id == gateway.id)
            || (state == .active && !engine.isActive(id))
    }
}

import FireModel
import FireStore
import FireTelemetry
import Synchronization

/// What the worker shows to the rest: counters, the state of the store, the database to read from.
final class PipelineState: Sendable {
    let messagesDuplicate = Counter()
    let readingsStored = Counter()
    let readingsDuplicate = Counter()
    let readingsConflicting = Counter()
    let alarmsRaised = Counter()
    let alarmsCleared = Counter()
    let quarantined: [Rejection.Reason: Counter] = Dictionary(
        uniqueKeysWithValues: Rejection.Reason.allCases.map { ($0, Counter()) })
    let heldChangesDropped = Counter()
    /// Beats with every round of the worker; what the watchdog looks at.
    let beats = Atomic<UInt64>(0)
    /// systemd has been told READY.
    let isReady = Atomic<Bool>(false)

    private struct State {
        var reader: StoreReader?
        var outbox: StoreReader?
        var maintenance: StoreMaintenance?
        /// Why the store cannot be written, with the remedy; `nil`: it can.
        var storeTrouble: String? = "the store is not open yet"
        var activeAlarms: [AlarmCategory: [AlarmSeverity: Int]] = [:]
        var silencesActive = 0
        var clockIsSynchronised = true
    }

    private let state = Mutex(State())

    /// `nil` while no database is open.
    var reader: StoreReader? { state.withLock { $0.reader } }
    /// The dispatcher's own: no question of others comes between an alarm and its push.
    var outbox: StoreReader? { state.withLock { $0.outbox } }
    /// Makes backups.
    var maintenance: StoreMaintenance? { state.withLock { $0.maintenance } }
    func open(_ reader: StoreReader?, outbox: StoreReader?, maintenance: StoreMaintenance?) {
        state.withLock {
            $0.reader = reader
            $0.outbox = outbox
            $0.maintenance = maintenance
        }
    }

    var storeTrouble: String? {
        get { state.withLock { $0.storeTrouble } }
        set { state.withLock { $0.storeTrouble = newValue } }
    }

    var silencesActive: Int {
        get { state.withLock { $0.silencesActive } }
        set { state.withLock { $0.silencesActive = newValue } }
    }
    var activeAlarms: [AlarmCategory: [AlarmSeverity: Int]] {
        get { state.withLock { $0.activeAlarms } }
        set { state.withLock { $0.activeAlarms = newValue } }
    }

    var clockIsSynchronised: Bool {
        get { state.withLock { $0.clockIsSynchronised } }
        set { state.withLock { $0.clockIsSynchronised = newValue } }
    }

    var messagesQuarantined: UInt64 { quarantined.values.reduce(0) { $0 + $1.value } }

    func register(on page: MetricPage) {
        page.register("messages_duplicate_total", "Messages that held nothing new.", [], messagesDuplicate)
        for reason in Rejection.Reason.allCases {
            guard let counter = quarantined[reason] else { continue }
            page.register(
                "messages_quarantined_total", "Payloads, or parts of them, that could not be read.",
                [("reason", reason.rawValue)], counter)
        }
        page.register("readings_stored_total", "Readings stored.", [], readingsStored)
        page.register("readings_duplicate_total", "Readings stored before with this value.", [], readingsDuplicate)
        page.register(
            "readings_conflicting_total", "Readings whose identity is stored with another value.", [],
            readingsConflicting)
        page.register("alarms_raised_total", "Alarms raised.", [], alarmsRaised)
        page.register("alarms_cleared_total", "Alarms cleared.", [], alarmsCleared)
        page.register(
            "held_alarm_changes_dropped_total",
            "Alarm changes not kept for the store while it could not be written; the broker's queue brings them again.",
            [],
            heldChangesDropped)
        page.collect("store_writable", "1 while the store can be written.") { [self] in
            [([], storeTrouble == nil ? 1 : 0)]
        }
        page.collect("clock_synchronised", "1 while the gateway's clock is believed.") { [self] in
            [([], clockIsSynchronised ? 1 : 0)]
        }
        page.collect("silences_active", "Maintenance silences in force.") { [self] in
            [([], Double(silencesActive))]
        }
        page.collect("alarms_active", "Active alarms.") { [self] in
            activeAlarms.flatMap { category, bySeverity in
                bySeverity.map { severity, count in
                    ([("category", category.rawValue), ("severity", severity.rawValue)], Double(count))
                }
            }
        }
    }
}

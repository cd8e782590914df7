import FireModel
import FireTelemetry

/// What the HTTP interface needs from the rest of the gateway. Each port may be asked by many requests
/// at once; none may block the calling thread for long. What a port throws beyond the errors named
/// here becomes a 500 that tells the caller nothing, and a line in the log that tells the cause.
public struct Gateway: Sendable {
    public var readings: any ReadingHistory
    public var devices: any DeviceDirectory
    public var alarms: any AlarmDesk
    public var annunciation: any AnnunciationDesk
    public var deliveries: any DeliveryLedger
    public var endpoints: any EndpointDesk
    public var quarantine: any QuarantineDesk
    public var backups: any BackupDesk
    public var status: any GatewayStatus
    public var imports: any ReadingImport
    public var metrics: MetricPage

    public init(
        readings: any ReadingHistory, devices: any DeviceDirectory, alarms: any AlarmDesk,
        annunciation: any AnnunciationDesk, deliveries: any DeliveryLedger, endpoints: any EndpointDesk,
        quarantine: any QuarantineDesk,
        backups: any BackupDesk,
        status: any GatewayStatus, imports: any ReadingImport, metrics: MetricPage
    ) {
        self.readings = readings
        self.devices = devices
        self.alarms = alarms
        self.annunciation = annunciation
        self.deliveries = deliveries
        self.endpoints = endpoints
        self.quarantine = quarantine
        self.backups = backups
        self.status = status
        self.imports = imports
        self.metrics = metrics
    }
}

/// A cursor that the list it was sent to never gave out. Answered with 400.
public struct InvalidCursor: Error, Equatable, Sendable {
    public init() {}
}

/// What is asked for has no answer, or one beyond what a request may cost. Answered with 400.
public struct UnusableQuestion: Error, Equatable, Sendable {
    /// For the caller, with the remedy.
    public var reason: String
    public init(reason: String) { self.reason = reason }
}

/// What is asked for cannot be done now but will be later: the store is closed, being reopened, or full.
/// Answered with 503 and `Retry-After`.
public struct TemporarilyUnavailable: Error, Equatable, Sendable, CustomStringConvertible {
    /// For the caller; no internals.
    public var reason: String
    /// For the log; `nil`: it is known there already.
    public var cause: String?
    public init(reason: String, cause: String? = nil) {
        self.reason = reason
        self.cause = cause
    }
    public var description: String { cause ?? reason }
}

public protocol ReadingHistory: Sendable {
    /// The points of one series, oldest first, at most `query.limit`. `nil`: no such device, component or metric.
    func readings(_ query: ReadingQuery) async throws -> (unit: String?, points: [Point])?

    /// One page of what many series come to, each with its unit. Throws `InvalidCursor`, `UnusableQuestion`.
    func series(_ query: SeriesQuery) async throws -> Page<SeriesPoints>

    /// The newest values with their units, in the order in which the series were first heard of. Throws `InvalidCursor`.
    func latest(_ filter: SeriesFilter, limit: Int, cursor: String?) async throws -> Page<LatestReading>

    /// Every stored reading that the filter lets through, in batches of a few hundred. `each` waits until
    /// a slow caller has taken the batch, so no snapshot may be held while it runs; what it throws ends the export.
    func export(_ filter: ExportFilter, each: ([ExportedReading]) async throws -> Void) async throws
}

/// What was sent cannot be imported as a whole, such as for its header. Answered with 400.
public struct UnreadableImport: Error, Equatable, Sendable {
    /// For people: what came, and what was expected.
    public var reason: String
    public init(reason: String) { self.reason = reason }
}

public protocol ReadingImport: Sendable {
    /// Stores readings of the past. Asks `next` for the following bytes whenever it can take more; `nil`: that was
    /// all. What `next` throws ends the import; what was stored by then stays.
    ///
    /// - Returns: once everything it counts as stored is durable.
    /// - Throws: `UnreadableImport`, `TemporarilyUnavailable`; what `next` throws.
    func take(_ options: ImportOptions, _ next: () async throws -> [UInt8]?) async throws -> ImportSummary
}

public protocol DeviceDirectory: Sendable {
    /// Ordered by id. Throws `InvalidCursor`.
    func devices(_ filter: DeviceFilter, limit: Int, cursor: String?) async throws -> Page<DeviceSummary>
    func device(_ id: String) async throws -> DeviceSummary?
}

public protocol AlarmDesk: Sendable {
    /// Newest first by `received_at`. Throws `InvalidCursor`.
    func alarms(_ filter: AlarmFilter, limit: Int, cursor: String?) async throws -> Page<Alarm>
    /// One alarm and its history, oldest change first.
    func alarm(_ id: String) async throws -> (alarm: Alarm, history: [AlarmHistoryItem])?
    /// What the device said around an alarm that was judged, as kept at the verdict; `nil`: nothing is kept.
    func context(of alarm: String) async throws -> [VerdictContext.Series]?
    /// Returns the alarm as it is once the act is durable.
    func act(_ act: OperatorAct, on alarm: Alarm) async throws(OperatorActError) -> Alarm
}

/// Silences and drills.
public protocol AnnunciationDesk: Sendable {
    /// In force, newest first. Throws `InvalidCursor`.
    func silences(limit: Int, cursor: String?) async throws -> Page<Silence>
    /// In force, newest first. Throws `InvalidCursor`.
    func drills(limit: Int, cursor: String?) async throws -> Page<Drill>
    /// Returns once the act is durable.
    func act(_ act: AnnunciationAct) async throws(AnnunciationError)
}

public protocol DeliveryLedger: Sendable {
    /// Newest first. Throws `InvalidCursor`.
    func deliveries(_ filter: DeliveryFilter, limit: Int, cursor: String?) async throws -> Page<DeliverySummary>
    /// `nil`: there is none.
    func delivery(_ id: String) async throws -> DeliveryRecord?
    /// Returns once everything that was marked is durable. Throws `TemporarilyUnavailable`.
    func replay(_ selection: ReplaySelection) async throws -> ReplayOutcome
}

/// The webhooks and other ends of the push.
public protocol EndpointDesk: Sendable {
    func endpoints() async -> [EndpointStatus]
    /// Makes everything that waits for it due. `nil`: there is none of this name.
    func enable(_ name: String) async -> EndpointStatus?
    /// Sends a test event and waits for the answer. `nil`: there is none of this name.
    func test(_ name: String) async -> EndpointTest?
}

public protocol QuarantineDesk: Sendable {
    /// Newest first. Payloads are large: the page ends early, but after at least one item, where it would
    /// hold more than `byteLimit` bytes of payload. Throws `InvalidCursor`.
    func quarantine(limit: Int, byteLimit: Int, cursor: String?) async throws -> Page<QuarantineItem>
    /// Reads the payload again with its original receipt time.
    func retry(_ id: Int64) async throws -> RetryOutcome
}

public protocol BackupDesk: Sendable {
    /// A copy of the database, in steps for the `firesense` of the same version, to be drawn until `nil`. Whoever lets
    /// go of it before has given it up. Throws `TemporarilyUnavailable` when another is being made.
    func backup() async throws -> @Sendable () async throws -> [UInt8]?
}

public enum RetryOutcome: Sendable, Equatable {
    /// It left the quarantine; so many readings and events were found in it.
    case accepted(readings: Int)
    /// It stays; why, for people.
    case stillUnreadable(reason: String)
    case unknown
}

public protocol GatewayStatus: Sendable {
    func stats() async throws -> Stats
    func readiness() async -> Readiness
    func catalogue() async -> Catalogue
}

/// Whether the gateway does its work: connected to the broker and able to store (contract 5).
public struct Readiness: Sendable, Equatable {
    /// What is missing, for people, each with its remedy. Empty: ready.
    public var reasons: [String]
    /// What an operator must know although the gateway works, such as running on the last accepted configuration.
    public var warnings: [String]
    public var isReady: Bool { reasons.isEmpty }
    public init(reasons: [String] = [], warnings: [String] = []) {
        self.reasons = reasons
        self.warnings = warnings
    }
}

/// The figures of `GET /api/v1/stats`: counters since start, and the state now.
public struct Stats: Sendable, Equatable {
    public struct RingFigures: Sendable, Equatable {
        /// In messages.
        public var capacity: Int
        public var depth: Int
        /// The deepest since start.
        public var highWater: Int
        public init(capacity: Int = 0, depth: Int = 0, highWater: Int = 0) {
            self.capacity = capacity
            self.depth = depth
            self.highWater = highWater
        }
    }

    public var messagesReceived: UInt64 = 0
    public var messagesAcknowledged: UInt64 = 0
    public var messagesDuplicate: UInt64 = 0
    public var messagesQuarantined: UInt64 = 0
    public var readingsStored: UInt64 = 0
    public var readingsDuplicate: UInt64 = 0
    public var readingsConflicting: UInt64 = 0
    public var alarmsRaised: UInt64 = 0
    public var alarmsCleared: UInt64 = 0
    /// Waiting now.
    public var deliveriesPending: UInt64 = 0
    public var deliveriesDelivered: UInt64 = 0
    public var deliveriesFailed: UInt64 = 0
    public var ring: [Lane: RingFigures] = [:]
    public var store = StoreFigures(bytes: 0, series: 0, readings: 0)

    public init() {}
}

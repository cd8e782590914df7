/// Questions to the stored data and their answers, as the API, the command line and the store share them.

/// One page of a list: `{"items":[…],"next":cursor or null}` (contract 5).
public struct Page<Item: Sendable>: Sendable {
    public var items: [Item]
    public var next: String?
    public init(items: [Item], next: String?) {
        self.items = items
        self.next = next
    }
}

/// From inclusive, to exclusive; `nil`: open.
public struct TimeRange: Sendable, Equatable {
    public var from: Timestamp?
    public var to: Timestamp?
    public init(from: Timestamp? = nil, to: Timestamp? = nil) {
        self.from = from
        self.to = to
    }
}

public struct AlarmFilter: Sendable, Equatable {
    public var state: AlarmState?
    public var acknowledged: Bool?
    public var verdict: Verdict?
    public var severity: AlarmSeverity?
    public var category: AlarmCategory?
    public var kind: String?
    public var area: String?
    public var device: String?
    /// By `received_at`.
    public var range = TimeRange()
    public init() {}
}

/// A line of an alarm's history, oldest first.
public struct AlarmHistoryItem: Sendable, Equatable {
    public var kind: AlarmChange.Kind
    public var revision: Int
    public var at: Timestamp
    public var cause: String
    /// The alarm as it was, as JSON.
    public var snapshot: String
    public init(kind: AlarmChange.Kind, revision: Int, at: Timestamp, cause: String, snapshot: String) {
        self.kind = kind
        self.revision = revision
        self.at = at
        self.cause = cause
        self.snapshot = snapshot
    }
}

public struct DeviceFilter: Sendable, Equatable {
    public enum State: String, Sendable, CaseIterable { case online, offline }
    public var kind: String?
    public var area: String?
    public var state: State?
    public init() {}
}

public struct DeviceSummary: Sendable, Equatable {
    public struct Latest: Sendable, Equatable {
        public var component: String?
        public var metric: String
        public var value: Value
        public var at: Timestamp
        public var quality: Quality
        public init(component: String?, metric: String, value: Value, at: Timestamp, quality: Quality) {
            self.component = component
            self.metric = metric
            self.value = value
            self.at = at
            self.quality = quality
        }
    }
    public var device: AlarmDevice
    public var firstSeen: Timestamp
    public var lastSeen: Timestamp
    /// `nil`: it never said.
    public var online: Bool?
    public var latest: [Latest]
    public init(device: AlarmDevice, firstSeen: Timestamp, lastSeen: Timestamp, online: Bool?, latest: [Latest]) {
        self.device = device
        self.firstSeen = firstSeen
        self.lastSeen = lastSeen
        self.online = online
        self.latest = latest
    }
}

public struct ReadingQuery: Sendable, Equatable {
    public enum Function: String, Sendable, CaseIterable { case avg, min, max, last, first, sum, count }
    public var device: String
    public var component: String?
    public var metric: String
    public var range = TimeRange()
    /// Absent: raw points.
    public var step: Duration?
    public var function: Function = .avg
    /// At most this many points, the oldest first.
    public var limit = 100_000
    public init(device: String, component: String?, metric: String) {
        self.device = device
        self.component = component
        self.metric = metric
    }
}

public struct Point: Sendable, Equatable {
    public var at: Timestamp
    public var value: Value
    public init(at: Timestamp, value: Value) {
        self.at = at
        self.value = value
    }
}

/// One stored reading with all its names: a line of `export`.
public struct ExportedReading: Sendable, Equatable {
    public var at: Timestamp
    public var area: String
    public var kind: String
    public var device: String
    public var component: String?
    public var metric: String
    public var value: Value
    public init(
        at: Timestamp, area: String, kind: String, device: String, component: String?, metric: String, value: Value
    ) {
        self.at = at
        self.area = area
        self.kind = kind
        self.device = device
        self.component = component
        self.metric = metric
        self.value = value
    }
}

public struct ExportFilter: Sendable, Equatable {
    public var range = TimeRange()
    public var device: String?
    public var kind: String?
    public init() {}
}

public struct DeliverySummary: Sendable, Equatable {
    public var id: String
    public var endpoint: String
    public var alarm: String
    public var type: String
    public var state: Delivery.State
    public var createdAt: Timestamp
    public var nextAttemptAt: Timestamp?
    /// All that were made.
    public var attemptCount: Int
    /// Oldest first, the last 20.
    public var attempts: [DeliveryAttempt]
    public init(
        id: String, endpoint: String, alarm: String, type: String, state: Delivery.State, createdAt: Timestamp,
        nextAttemptAt: Timestamp?, attemptCount: Int, attempts: [DeliveryAttempt]
    ) {
        self.id = id
        self.endpoint = endpoint
        self.alarm = alarm
        self.type = type
        self.state = state
        self.createdAt = createdAt
        self.nextAttemptAt = nextAttemptAt
        self.attemptCount = attemptCount
        self.attempts = attempts
    }
}

public struct QuarantineItem: Sendable, Equatable {
    public var id: Int64
    public var receivedAt: Timestamp
    public var topic: String
    public var reason: String
    public var payload: [UInt8]
    public var publishedLength: Int
    public var lane: Lane
    public init(
        id: Int64, receivedAt: Timestamp, topic: String, reason: String, payload: [UInt8], publishedLength: Int,
        lane: Lane
    ) {
        self.id = id
        self.receivedAt = receivedAt
        self.topic = topic
        self.reason = reason
        self.payload = payload
        self.publishedLength = publishedLength
        self.lane = lane
    }
}

/// What the store holds now.
public struct StoreFigures: Sendable, Equatable {
    public var bytes: Int64
    public var series: Int64
    public var readings: Int64
    public init(bytes: Int64, series: Int64, readings: Int64) {
        self.bytes = bytes
        self.series = series
        self.readings = readings
    }
}

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

/// Which series are meant; what is `nil` or empty lets all through.
public struct SeriesFilter: Sendable, Equatable {
    public var metric: String?
    public var kind: String?
    public var area: String?
    public var devices: [String] = []
    /// Empty: the device itself.
    public var component: String?
    public init() {}
}

/// A question to many series at once.
public struct SeriesQuery: Sendable, Equatable {
    public enum Grouping: String, Sendable, CaseIterable { case device, area, kind }

    /// `metric` is set.
    public var filter: SeriesFilter
    public var range = TimeRange()
    /// Absent: raw points, which areas and kinds do not have.
    public var step: Duration?
    public var function: ReadingQuery.Function = .avg
    /// `nil`: each series by itself.
    public var grouping: Grouping?
    /// Groups of a page, and points of all of them.
    public var limit = 100
    public var pointLimit = 100_000
    public var cursor: String?
    public init(_ filter: SeriesFilter) { self.filter = filter }
}

/// Readings of one series, or of several as one, and what these have in common.
public struct SeriesPoints: Sendable, Equatable {
    public var device: String?
    /// Of the devices in it, by name.
    public var kinds: [String]
    public var area: String?
    public var component: String?
    public var metric: String
    /// Of the catalogue; the store knows none.
    public var unit: String?
    /// How many there are in it.
    public var series: Int
    /// Oldest first.
    public var points: [Point]
    /// There are more points from here on; `nil`: that is all.
    public var next: Timestamp?
    /// The kind that all of it has.
    public var kind: String? { kinds.count == 1 ? kinds[0] : nil }
    public init(
        device: String? = nil, kinds: [String] = [], area: String? = nil, component: String? = nil, metric: String,
        series: Int = 1, points: [Point] = [], next: Timestamp? = nil
    ) {
        self.device = device
        self.kinds = kinds
        self.area = area
        self.component = component
        self.metric = metric
        self.series = series
        self.points = points
        self.next = next
    }
}

/// Kinds that measure a metric in different units were to be summed up as one.
public struct MixedUnits: Error, Equatable, CustomStringConvertible {
    public let description: String
}

extension Page<SeriesPoints> {
    /// Says the units, where there are some.
    ///
    /// - Throws: what is added up or compared across kinds must have been measured in the same unit.
    public mutating func find(units catalogue: Catalogue, of function: ReadingQuery.Function) throws(MixedUnits) {
        for index in items.indices {
            let (kinds, metric) = (items[index].kinds, items[index].metric)
            let units = kinds.map { catalogue.unit(kind: $0, metric: metric) }
            if units.allSatisfy({ $0 == units[0] }) {
                items[index].unit = units.first ?? nil
            } else if function != .count {
                let shown = zip(kinds, units).map { "\($0) (\($1 ?? "none"))" }.joined(separator: ", ")
                throw MixedUnits(
                    description: "kinds measure '\(metric)' in different units: \(shown); say which 'kind' is meant")
            }
        }
    }
}

/// The newest value of one series.
public struct LatestReading: Sendable, Equatable {
    public var device: String
    public var kind: String
    public var area: String
    public var component: String?
    public var metric: String
    public var value: Value
    /// Of the catalogue; the store knows none.
    public var unit: String?
    public var at: Timestamp
    public var quality: Quality
    public init(
        device: String, kind: String, area: String, component: String?, metric: String, value: Value, at: Timestamp,
        quality: Quality
    ) {
        self.device = device
        self.kind = kind
        self.area = area
        self.component = component
        self.metric = metric
        self.value = value
        self.at = at
        self.quality = quality
    }
}

extension Page<LatestReading> {
    /// Says the units, where there are some.
    public mutating func find(units catalogue: Catalogue) {
        var last: (kind: String, metric: String, unit: String?)?
        for index in items.indices {
            let (kind, metric) = (items[index].kind, items[index].metric)
            // Of neighbours it is mostly the same.
            if last?.kind != kind || last?.metric != metric {
                last = (kind, metric, catalogue.unit(kind: kind, metric: metric))
            }
            items[index].unit = last?.unit
        }
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

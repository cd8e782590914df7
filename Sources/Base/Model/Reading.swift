/// One value at one time of one series: the unit that is stored and evaluated.
public struct Reading: Sendable, Equatable {
    /// Dense index of (device, component, metric) in the `Fleet`.
    public var series: Int32
    /// Time of the device where it is to be trusted, else of receipt; see `quality`.
    public var at: Timestamp
    public var receivedAt: Timestamp
    public var value: Value
    public var quality: Quality
    /// Read from a queue the broker had kept, or from a message of several elements: its age says
    /// nothing about the device's clock.
    public var backlog: Bool
    /// Free text beside an event.
    public var detail: String?

    public init(
        series: Int32, at: Timestamp, receivedAt: Timestamp, value: Value, quality: Quality, backlog: Bool,
        detail: String? = nil
    ) {
        self.series = series
        self.at = at
        self.receivedAt = receivedAt
        self.value = value
        self.quality = quality
        self.backlog = backlog
        self.detail = detail
    }
}

/// What the store answers to a reading (contract 2, "Identity").
public enum Admission: Sendable, Equatable {
    case new
    /// Stored already with this value: counted, not evaluated again.
    case duplicate
    /// Stored already with another value: not stored, but the rules see it.
    case conflicting
}

/// A payload, or part of one, that could not be read.
public struct Rejection: Sendable, Equatable {
    /// The word of `messages_quarantined_total{reason}`; a small closed set.
    public enum Reason: String, Sendable, CaseIterable {
        case topic, size, json, shape, value, time, limit, kind, dialect
    }
    public var reason: Reason
    /// For people: each fault with its path, what came and what was expected, `; ` between.
    public var explanation: String
    public var topic: String
    public var payload: [UInt8]
    public var publishedLength: Int
    public var receivedAt: Timestamp
    public var lane: Lane
    public var retained: Bool
    /// The device part of the topic, where it has one.
    public var device: String?

    public init(
        reason: Reason, explanation: String, topic: String, payload: [UInt8], publishedLength: Int,
        receivedAt: Timestamp, lane: Lane, retained: Bool, device: String?
    ) {
        self.reason = reason
        self.explanation = explanation
        self.topic = topic
        self.payload = payload
        self.publishedLength = publishedLength
        self.receivedAt = receivedAt
        self.lane = lane
        self.retained = retained
        self.device = device
    }
}

/// What one message came to. Reused from message to message, so that the hot path allocates nothing.
public struct Findings: Sendable {
    public enum Standing: Sendable, Equatable {
        case fresh
        /// The daemon's own topics: acknowledged, counted, otherwise passed over.
        case own
        /// A retained message that equals the previous retained one of its topic.
        case retainedRepeat
    }

    public var standing = Standing.fresh
    public var readings: [Reading] = []
    public var rejection: Rejection?
    /// It carried an event: the batch is committed at once.
    public var hasEvent = false
    /// It lives by its time of receipt, so a redelivery must be recognised by its content.
    public var redelivery: Redelivery?
    /// The retained message of a topic has changed.
    public var retained: RetainedMark?

    public init() { readings.reserveCapacity(256) }

    public mutating func clear() {
        standing = .fresh
        readings.removeAll(keepingCapacity: true)
        rejection = nil
        hasEvent = false
        redelivery = nil
        retained = nil
    }
}

/// A message without a time of its own, by which it is known again when the broker sends it once more
/// (contract 2, "Identity").
public struct Redelivery: Sendable, Hashable {
    public var lane: Lane
    public var packetID: UInt16
    public var contentHash: UInt64
    public var receivedAt: Timestamp
    public init(lane: Lane, packetID: UInt16, contentHash: UInt64, receivedAt: Timestamp) {
        self.lane = lane
        self.packetID = packetID
        self.contentHash = contentHash
        self.receivedAt = receivedAt
    }
}

/// The last retained message of a topic, as hashes.
public struct RetainedMark: Sendable, Hashable {
    /// In the place of a content hash: something else came live since, and nothing retained equals it.
    public static let gone: UInt64 = 0

    public var topicHash: UInt64
    public var contentHash: UInt64
    public init(topicHash: UInt64, contentHash: UInt64) {
        self.topicHash = topicHash
        self.contentHash = contentHash
    }
}

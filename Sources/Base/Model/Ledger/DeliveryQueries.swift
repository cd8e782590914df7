/// Which deliveries are meant; what is `nil` lets all through.
public struct DeliveryFilter: Sendable, Equatable {
    public var state: Delivery.State?
    public var endpoint: String?
    /// An alarm's id.
    public var alarm: String?
    /// By `created_at`.
    public var range = TimeRange()
    public init() {}
}

/// A line of the ledger: a delivery and its attempts.
public struct DeliverySummary: Sendable, Equatable {
    public var id: String
    public var endpoint: String
    public var alarm: String
    public var type: String
    public var state: Delivery.State
    public var createdAt: Timestamp
    /// When it was last asked for once more; `nil`: never.
    public var replayedAt: Timestamp?
    public var nextAttemptAt: Timestamp?
    /// All that were made.
    public var attemptCount: Int
    /// Oldest first, the last 20.
    public var attempts: [DeliveryAttempt]
    public init(
        id: String, endpoint: String, alarm: String, type: String, state: Delivery.State, createdAt: Timestamp,
        replayedAt: Timestamp? = nil, nextAttemptAt: Timestamp?, attemptCount: Int, attempts: [DeliveryAttempt]
    ) {
        self.id = id
        self.endpoint = endpoint
        self.alarm = alarm
        self.type = type
        self.state = state
        self.createdAt = createdAt
        self.replayedAt = replayedAt
        self.nextAttemptAt = nextAttemptAt
        self.attemptCount = attemptCount
        self.attempts = attempts
    }
}

/// One delivery with all that is kept of it.
public struct DeliveryRecord: Sendable, Equatable {
    public var summary: DeliverySummary
    /// Of the alarm at the change.
    public var revision: Int
    public var device: String
    /// When the change happened.
    public var time: Timestamp
    /// The alarm as JSON at that change, byte by byte what is sent as `data`; `nil`: not kept any more.
    public var snapshot: String?
    public init(summary: DeliverySummary, revision: Int, device: String, time: Timestamp, snapshot: String?) {
        self.summary = summary
        self.revision = revision
        self.device = device
        self.time = time
        self.snapshot = snapshot
    }
}

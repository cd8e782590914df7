/// One change of one alarm on its way to one endpoint. Written in the transaction of the change.
public struct Delivery: Sendable, Equatable {
    public enum State: String, Sendable, CaseIterable, Codable { case pending, delivered, dead, cancelled }

    /// The `webhook-id`: the same on every attempt and replay.
    public var id: String
    public var endpoint: String
    public var alarm: String
    public var revision: Int
    /// CloudEvents `type`.
    public var type: String
    /// CloudEvents `subject`.
    public var device: String
    /// When the change happened.
    public var time: Timestamp
    /// When the message behind it was received: start of `publish_to_push_seconds`.
    public var receivedAt: Timestamp
    /// Goes before everything else.
    public var isFire: Bool
    /// The alarm was still active at this change; an active fire is never dead-lettered.
    public var isActive: Bool
    /// Commit order, rising; 0 until the store has given it.
    public var sequence: Int64 = 0
    public var createdAt: Timestamp
    /// Those made, of a replay since it was asked for.
    public var attempts = 0
    public var dueAt: Timestamp
    /// When somebody asked for it once more, after it was done with; `nil`: it is the first time.
    public var replayedAt: Timestamp?
    /// The alarm as JSON at that change. `nil` when it is to be fetched from the outbox before sending.
    public var snapshot: String?

    public init(
        id: String, endpoint: String, alarm: String, revision: Int, type: String, device: String, time: Timestamp,
        receivedAt: Timestamp, isFire: Bool, isActive: Bool, createdAt: Timestamp, dueAt: Timestamp, snapshot: String?
    ) {
        self.id = id
        self.endpoint = endpoint
        self.alarm = alarm
        self.revision = revision
        self.type = type
        self.device = device
        self.time = time
        self.receivedAt = receivedAt
        self.isFire = isFire
        self.isActive = isActive
        self.createdAt = createdAt
        self.dueAt = dueAt
        self.snapshot = snapshot
    }
}

/// What became of one attempt.
public struct DeliveryAttempt: Sendable, Equatable {
    public var delivery: String
    public var at: Timestamp
    /// HTTP status, `nil` when none came.
    public var status: Int?
    /// What went wrong, for people, without the secret parts of the address; `nil` on success.
    public var error: String?
    /// The first 2 kB of the answer.
    public var answer: String?
    public var milliseconds: Int64
    /// State after this attempt and, while pending, when the next is due.
    public var state: Delivery.State
    public var nextDueAt: Timestamp?

    public init(
        delivery: String, at: Timestamp, status: Int?, error: String?, answer: String?, milliseconds: Int64,
        state: Delivery.State, nextDueAt: Timestamp?
    ) {
        self.delivery = delivery
        self.at = at
        self.status = status
        self.error = error
        self.answer = answer
        self.milliseconds = milliseconds
        self.state = state
        self.nextDueAt = nextDueAt
    }
}

/// How an endpoint does.
public struct EndpointStatus: Sendable, Equatable {
    public enum State: String, Sendable, CaseIterable {
        /// It takes what it is sent, or nothing was sent yet.
        case well
        /// Several attempts in a row have failed; it is tried at a slower pace.
        case failing
        /// It answered 410: what waits is held, and tried once an hour.
        case held
    }

    public struct Attempt: Sendable, Equatable {
        public var at: Timestamp
        public var status: Int?
        /// What went wrong; `nil`: it was accepted.
        public var error: String?
        public var milliseconds: Int64
        public init(at: Timestamp, status: Int?, error: String?, milliseconds: Int64) {
            self.at = at
            self.status = status
            self.error = error
            self.milliseconds = milliseconds
        }
    }

    public var name: String
    /// No more than the host: the path of a webhook often is its secret.
    public var address: String
    public var format: Endpoint.Format
    public var channel: String
    public var takesFire: Bool
    public var state: State
    /// Deliveries that wait, replays among them.
    public var pending: UInt64
    /// Of first deliveries: a replay is nothing anybody waits for.
    public var oldestPendingAt: Timestamp?
    /// Since the start, heartbeats among them, like `lastAttempt`.
    public var lastSuccessAt: Timestamp?
    public var lastAttempt: Attempt?
    /// Zero: none is sent.
    public var heartbeat: Duration

    public init(
        endpoint: Endpoint, address: String, state: State, pending: UInt64, oldestPendingAt: Timestamp?,
        lastSuccessAt: Timestamp?, lastAttempt: Attempt?
    ) {
        name = endpoint.name
        self.address = address
        format = endpoint.format
        channel =
            switch endpoint.channel {
            case .http: "http"
            case .mqtt: "mqtt"
            case .command: "command"
            }
        takesFire = !endpoint.excludeFire
        self.state = state
        self.pending = pending
        self.oldestPendingAt = oldestPendingAt
        self.lastSuccessAt = lastSuccessAt
        self.lastAttempt = lastAttempt
        heartbeat = endpoint.heartbeatInterval
    }
}

/// What came back from a test event.
public struct EndpointTest: Sendable, Equatable {
    public var endpoint: String
    /// No more than the host.
    public var address: String
    public var isSigned: Bool
    /// `nil`: no answer with a status came.
    public var status: Int?
    /// What went wrong; `nil`: it was accepted.
    public var error: String?
    /// The kind of failure, a word of `deliveries_failed_total`.
    public var reason: String?
    /// The beginning of what it said.
    public var answer: String?
    public var milliseconds: Int64
    public var isAccepted: Bool { error == nil }
    public init(
        endpoint: String, address: String, isSigned: Bool, status: Int?, error: String?, reason: String?,
        answer: String?, milliseconds: Int64
    ) {
        self.endpoint = endpoint
        self.address = address
        self.isSigned = isSigned
        self.status = status
        self.error = error
        self.reason = reason
        self.answer = answer
        self.milliseconds = milliseconds
    }
}

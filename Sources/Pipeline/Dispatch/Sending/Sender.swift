import FireModel

/// One attempt over one channel. When, how often and in which order is the queue's business.
protocol Sender: Sendable {
    /// Never takes much longer than the endpoint's time-out. Called off, it returns what it has.
    /// - Parameter now: Wall clock.
    func send(_ message: Message, to endpoint: Endpoint, now: Timestamp) async -> Answer
    /// The best time known to sign with.
    func signingTime(for endpoint: Endpoint, now: Timestamp) -> Timestamp
    /// Lets go of its connections.
    func shutdown() async
}

extension Sender {
    func signingTime(for endpoint: Endpoint, now: Timestamp) -> Timestamp { now }
}

/// What is sent: the same bytes on every attempt, but for what a robot wants signed inside.
struct Message: Sendable {
    enum Kind: Sendable { case change, heartbeat, test }

    var kind = Kind.change
    /// The `webhook-id`.
    var id: String
    var contentType: String
    var body: [UInt8]
    /// Beyond those every message carries.
    var headers: [(name: String, value: String)] = []
    /// Added to the query of the address, for robots that want their signature there.
    var query: [(name: String, value: String)] = []
    /// For an endpoint that is not known to work: it must not get in the way of others.
    var isProbe = false
    /// The changes in it, in their order; none in a heartbeat or a test.
    var changes: [Change] = []

    /// The CloudEvents `type`, of the first change where there are several.
    var type: String {
        switch kind {
        case .change: changes.first?.delivery.type ?? ""
        case .heartbeat: CloudEvent.heartbeatType
        case .test: CloudEvent.testType
        }
    }
}

/// A delivery that is sent now, with its alarm.
struct Change: Sendable {
    var delivery: Delivery
    /// The alarm as JSON as it was at the change.
    var snapshot: String
}

/// What came back.
struct Answer: Sendable {
    /// HTTP status; `nil` when none came.
    var status: Int?
    /// `nil`: accepted.
    var failure: Failure?
    /// The beginning of what came back.
    var text: String?
    var took: Duration
    /// Requests a minute the receiver has agreed to; `nil`: it has not said.
    var allowedPerMinute: Int?
}

import FireModel

/// What Dispatch needs of the store and of the rest of the gateway.
///
/// What asks throws while the store cannot be read: then it is asked again, and no attempt is counted. An
/// empty answer means that there is nothing.
public protocol Outbox: Sendable {
    /// What waits for the first time for `endpoint` with a sequence above `sequence`, in rising sequence, at most `limit`.
    /// - Parameter fire: Only fires, or only the rest. Others in the answer are passed over, so a store
    ///   that cannot filter may answer with both; it is read more often then.
    func pending(endpoint: String, fire: Bool, after sequence: Int64, limit: Int) async throws -> [Delivery]
    /// What is to be sent to `endpoint` once more with a sequence above `sequence`, in rising sequence, at most `limit`.
    func pendingReplays(endpoint: String, after sequence: Int64, limit: Int) async throws -> [Delivery]
    /// How many wait for `endpoint`, replays among them. Asked at the start until it answers, for `deliveries_pending`.
    func pendingCount(endpoint: String) async throws -> Int
    /// The alarm as JSON as it was at the change; `nil`: not kept any more.
    func snapshot(of id: String) async throws -> String?
    /// Writes down an attempt and what became of the delivery. Must not block: it goes with the next commit.
    func record(_ attempt: DeliveryAttempt)
    /// Everything that waits for any other endpoint ends as cancelled: its name is gone from the
    /// configuration. Told at the start and at each reload. Must not block.
    func cancelPending(exceptFor endpoints: [String])
    /// An endpoint fails, is gone, works again, or a delivery was given up. Must not block.
    /// The alarm made of it has the endpoint's name as component and one of `EndpointTrouble.Kind.rules` as rule.
    func endpointTroubled(_ trouble: EndpointTrouble)
}

/// What is worth a `system` alarm about an endpoint.
public struct EndpointTrouble: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        /// Three attempts in a row failed. Told once, until it has recovered.
        case failing
        /// It answered 410: what waits is held.
        case gone
        /// The first success after one of the two, or since the start: the trouble may be from before it. Also when
        /// the endpoint is not configured any more.
        case recovered
        /// A delivery was given up after the whole schedule. Told for each.
        case deadLettered

        /// Rules of the `system` alarms about an endpoint, which is their component. They are never sent to it.
        public static let rules: Set<String> = ["webhook-failing", "webhook-gone", "delivery-dead"]
    }

    public var endpoint: String
    public var kind: Kind
    /// For people; without the address beyond its host.
    public var detail: String?

    public init(endpoint: String, kind: Kind, detail: String?) {
        self.endpoint = endpoint
        self.kind = kind
        self.detail = detail
    }
}

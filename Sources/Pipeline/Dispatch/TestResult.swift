/// What came back of a test event (`webhooks test`).
public struct TestResult: Sendable, Equatable {
    /// The part of the endpoint's address that may be shown.
    public var address: String
    /// Whether the event was signed.
    public var isSigned: Bool
    /// HTTP status; `nil` when none came, or the channel knows none.
    public var status: Int?
    /// The label `reason` of `deliveries_failed_total`; `nil`: it was accepted.
    public var reason: String?
    /// What went wrong, for people; `nil`: it was accepted.
    public var error: String?
    /// The first 2 kB of the answer.
    public var answer: String?
    public var milliseconds: Int64
}

import FireModel

/// What the last attempts at an endpoint were like, heartbeats among them. Of this run of the daemon; the ledger
/// has those of the deliveries for ever.
struct EndpointRecord: Sendable {
    private(set) var lastSuccessAt: Timestamp?
    private(set) var last: EndpointStatus.Attempt?

    mutating func note(_ answer: Answer, at: Timestamp) {
        last = EndpointStatus.Attempt(
            at: at, status: answer.status, error: answer.failure?.text,
            milliseconds: Int64(answer.took / .milliseconds(1)))
        if answer.failure == nil { lastSuccessAt = at }
    }
}

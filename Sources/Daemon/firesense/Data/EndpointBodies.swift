import FireModel

/// An endpoint as the HTTP interface answers. Read as it comes: whoever asks an older or newer gateway sees what that
/// one says.
struct EndpointBody: Decodable {
    struct Attempt: Decodable {
        var at: Timestamp
        var status: Int?
        var error: String?
        var milliseconds: Int64
    }

    var name: String
    var address: String
    var format: String
    var channel: String
    var takesFire: Bool
    var state: String
    var pending: Int64
    var oldestPendingAt: Timestamp?
    var lastSuccessAt: Timestamp?
    var lastAttempt: Attempt?
    var heartbeat: String?

    private enum CodingKeys: String, CodingKey {
        case name, address, format, channel, state, pending, heartbeat
        case takesFire = "takes_fire"
        case oldestPendingAt = "oldest_pending_at"
        case lastSuccessAt = "last_success_at"
        case lastAttempt = "last_attempt"
    }

    /// As it came.
    var json: String {
        var json = JSONWriter()
        json.object { json in
            json.field("name", name)
            json.field("address", address)
            json.field("format", format)
            json.field("channel", channel)
            json.field("takes_fire", takesFire)
            json.field("state", state)
            json.field("pending", pending)
            json.field("oldest_pending_at", oldestPendingAt)
            json.field("last_success_at", lastSuccessAt)
            json.key("last_attempt")
            if let lastAttempt {
                json.object {
                    $0.field("at", lastAttempt.at)
                    $0.field("status", lastAttempt.status)
                    $0.field("error", lastAttempt.error)
                    $0.field("milliseconds", lastAttempt.milliseconds)
                }
            } else {
                json.string(nil)
            }
            json.field("heartbeat", heartbeat)
        }
        return json.text
    }
}

struct EndpointTestBody: Decodable {
    var test: EndpointTest

    private enum Key: String, CodingKey { case endpoint, address, signed, status, error, reason, answer, milliseconds }

    init(from decoder: any Decoder) throws {
        let body = try decoder.container(keyedBy: Key.self)
        func text(_ key: Key) throws -> String? { try body.decodeIfPresent(String.self, forKey: key) }
        test = EndpointTest(
            endpoint: try body.decode(String.self, forKey: .endpoint),
            address: try body.decode(String.self, forKey: .address),
            isSigned: try body.decode(Bool.self, forKey: .signed),
            status: try body.decodeIfPresent(Int.self, forKey: .status), error: try text(.error),
            reason: try text(.reason), answer: try text(.answer),
            milliseconds: try body.decode(Int64.self, forKey: .milliseconds))
    }
}

struct ReplayBody: Decodable {
    var outcome: ReplayOutcome

    private enum Key: String, CodingKey {
        case replayed, unknown
        case stillPending = "still_pending"
        case endpointNotConfigured = "endpoint_not_configured"
        case snapshotNotKept = "snapshot_not_kept"
    }

    init(from decoder: any Decoder) throws {
        let body = try decoder.container(keyedBy: Key.self)
        outcome = ReplayOutcome()
        outcome.replayed = try body.decode(Int.self, forKey: .replayed)
        outcome.stillPending = try body.decode(Int.self, forKey: .stillPending)
        outcome.endpointNotConfigured = try body.decode(Int.self, forKey: .endpointNotConfigured)
        outcome.snapshotNotKept = try body.decode(Int.self, forKey: .snapshotNotKept)
        outcome.unknown = try body.decode(Int.self, forKey: .unknown)
    }
}

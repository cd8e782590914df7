import FireModel
import Hummingbird

/// An answer that is not what was asked for: RFC 9457, `application/problem+json`.
struct Problem: Error, Sendable {
    /// The cases a program may want to tell apart; part of the interface.
    enum Kind: String, Sendable, CaseIterable {
        case invalidParameter = "invalid-parameter"
        case invalidBody = "invalid-body"
        case unknownHost = "unknown-host"
        case tokenNeeded = "token-needed"
        case tokensNeeded = "tokens-needed"
        case insufficientScope = "insufficient-scope"
        case causeStillReported = "cause-still-reported"
        case alreadyCleared = "already-cleared"
        case stillUnreadable = "still-unreadable"
        case unavailable = "temporarily-unavailable"

        var title: String {
            switch self {
            case .invalidParameter: "A query parameter cannot be used"
            case .invalidBody: "The request body cannot be used"
            case .unknownHost: "The Host header names another machine"
            case .tokenNeeded: "A bearer token is needed"
            case .tokensNeeded: "Refused while no tokens are configured"
            case .insufficientScope: "The token's scope does not reach"
            case .causeStillReported: "The cause is still reported"
            case .alreadyCleared: "The alarm is cleared already"
            case .stillUnreadable: "The payload still cannot be read"
            case .unavailable: "Not possible at the moment"
            }
        }
    }

    static let contentType = "application/problem+json"

    var status: HTTPResponse.Status
    /// `nil`: the status says it all (`about:blank`).
    var kind: Kind?
    var detail: String
    var headers: HTTPFields

    init(_ status: HTTPResponse.Status, _ kind: Kind, _ detail: String, headers: HTTPFields = [:]) {
        self.init(status, detail, headers: headers)
        self.kind = kind
    }

    init(_ status: HTTPResponse.Status, _ detail: String, headers: HTTPFields = [:]) {
        self.status = status
        self.detail = detail
        self.headers = headers
    }

    var json: [UInt8] {
        var json = JSONWriter()
        json.object {
            $0.field("type", kind.map { "urn:firesense:problem:\($0.rawValue)" } ?? "about:blank")
            $0.field("title", kind?.title ?? status.reasonPhrase)
            $0.field("status", status.code)
            $0.field("detail", detail)
        }
        return json.bytes
    }

    static func unavailable(_ reason: String) -> Problem {
        Problem(.serviceUnavailable, .unavailable, reason, headers: [.retryAfter: "5"])
    }

    /// What came, as it may appear in an answer: short, and on one line.
    static func quoted(_ text: String) -> String {
        let shown = text.unicodeScalars.prefix(60).map { $0.properties.generalCategory == .control ? "?" : String($0) }
        return "'\(shown.joined())\(text.unicodeScalars.count > 60 ? "…" : "")'"
    }
}

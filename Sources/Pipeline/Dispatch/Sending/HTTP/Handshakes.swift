import AsyncHTTPClient
import FireModel
import Synchronization

/// Whether receivers want what they are sent: asked by OPTIONS before the first delivery, of endpoints that have
/// `handshake: true` (CloudEvents 1.0, HTTP Webhooks for Event Delivery, section 4).
final class Handshakes: Sendable {
    struct Consent: Sendable, Equatable {
        /// Requests a minute; `nil`: as many as we like.
        var perMinute: Int?
    }

    private struct Given {
        var url: String
        var consent: Consent
    }

    /// By endpoint: another address is asked anew.
    private let given = Mutex<[String: Given]>([:])
    /// What the receiver is told of who asks.
    let origin: String

    init(origin: String) { self.origin = origin }

    func consent(of endpoint: String, at url: String) -> Consent? {
        given.withLock { $0[endpoint].flatMap { $0.url == url ? $0.consent : nil } }
    }

    /// What is asked goes where the delivery will go.
    func question(_ delivery: HTTPClientRequest) -> HTTPClientRequest {
        var request = delivery
        request.method = .OPTIONS
        request.body = nil
        request.headers.remove(name: "content-type")
        request.headers.remove(name: "webhook-signature")
        request.headers.remove(name: "origin")
        request.headers.replaceOrAdd(name: "webhook-request-origin", value: origin)
        return request
    }

    /// - Throws: the refusal.
    func take(_ answer: HTTPClientResponse, of endpoint: String, at url: String) throws(Failure) {
        let status = Int(answer.status.code)
        guard (200..<300).contains(status) else {
            throw Failure(
                reason: .handshake, text: "\(status) to the handshake, expected 200 with WebHook-Allowed-Origin",
                isLasting: true)
        }
        let origins = answer.headers[canonicalForm: "webhook-allowed-origin"].map(String.init)
        guard origins.contains("*") || origins.contains(where: { $0.lowercased() == origin.lowercased() }) else {
            let found = origins.isEmpty ? "without WebHook-Allowed-Origin" : "for another origin"
            throw Failure(
                reason: .handshake, text: "the handshake was answered \(found), expected \(origin) or *",
                isLasting: true)
        }
        let rate = answer.headers.first(name: "webhook-allowed-rate").flatMap { Int($0.prefix(9)) }
        let consent = Consent(perMinute: rate.map { max(1, $0) })
        given.withLock { $0[endpoint] = Given(url: url, consent: consent) }
    }
}

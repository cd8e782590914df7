import AsyncHTTPClient
import FireModel
import Glibc
import NIOCore
import NIOPosix

/// Why an attempt failed. The texts name no more of the address than its host: the path of a webhook often
/// is its secret.
struct Failure: Error, Equatable {
    /// The label `reason` of `deliveries_failed_total`; a fixed set, whatever receivers answer.
    enum Reason: String, CaseIterable {
        case timeout, refused, unreachable, dns, tls, closed, redirect, throttled, gone
        case clientError = "client_error"
        case serverError = "server_error"
        /// The receiver has not agreed to be sent anything.
        case handshake
        /// `webhooks_allow` does not have it.
        case notAllowed = "not_allowed"
        /// A command that ended with another exit code than 0.
        case command
        /// It never left the gateway.
        case unsendable
        case other
    }

    var reason: Reason
    var text: String
    var retryAfter: Duration?
    /// The receiver has refused what it was sent, not the moment: trying again soon is not likely to help.
    var isLasting = false
}

extension Failure {
    /// An answer that is not 2xx.
    init(status: Int, phrase: String, retryAfter: Duration?) {
        let reason: Reason =
            switch status {
            case 410: .gone
            // Answers to the moment, not to the request.
            case 408: .timeout
            case 425, 429: .throttled
            case 300..<400: .redirect
            case 400..<500: .clientError
            case 500..<600: .serverError
            default: .other
            }
        let advice = reason == .redirect ? ", redirects are not followed: configure the final address" : ""
        self.init(
            reason: reason, text: "\(status) \(phrase)\(advice)", retryAfter: retryAfter,
            isLasting: reason == .clientError)
    }

    /// No answer.
    init(_ error: any Error, timeout: Duration) {
        if let error = error as? HTTPClientError {
            self.init(error, timeout: timeout)
            return
        }
        if let code = Self.systemError(error), let known = Self.systemErrors[code] {
            self.init(reason: known.reason, text: known.text, retryAfter: nil)
            return
        }
        // Other errors of the network stack are known by their text only. None of them holds the path.
        let text = "\(error)"
        let known = Self.known.first { text.contains($0.needle) }
        self.init(
            reason: known?.reason ?? .other, text: known?.text ?? "sending failed: \(type(of: error))", retryAfter: nil)
    }

    private init(_ error: HTTPClientError, timeout: Duration) {
        switch error {
        case .deadlineExceeded, .readTimeout, .writeTimeout: self = .timeout(timeout)
        case .connectTimeout, .getConnectionFromPoolTimeout:
            self.init(reason: .timeout, text: "no connection in time", retryAfter: nil)
        case .tlsHandshakeTimeout: self.init(reason: .tls, text: "no TLS handshake in time", retryAfter: nil)
        case .remoteConnectionClosed:
            self.init(reason: .closed, text: "the receiver closed the connection without an answer", retryAfter: nil)
        default: self.init(reason: .other, text: "sending failed: \(error.shortDescription)", retryAfter: nil)
        }
    }

    static func timeout(_ timeout: Duration) -> Failure {
        let seconds = timeout / .seconds(1)
        let text = seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)"
        return Failure(reason: .timeout, text: "no answer within \(text) s", retryAfter: nil)
    }

    /// errno of a connection that could not be made or has ended.
    private static func systemError(_ error: any Error) -> Int32? {
        if let error = error as? NIOConnectionError {
            return (error.connectionErrors.first?.error as? IOError)?.errnoCode
        }
        return (error as? IOError)?.errnoCode
    }

    private static let systemErrors: [Int32: (reason: Reason, text: String)] = [
        ECONNREFUSED: (.refused, "connection refused"),
        EHOSTUNREACH: (.unreachable, "no route to the host"),
        ENETUNREACH: (.unreachable, "the network is unreachable"),
        ECONNRESET: (.closed, "connection reset"),
        EPIPE: (.closed, "the receiver closed the connection"),
        ETIMEDOUT: (.timeout, "no connection in time"),
    ]

    /// In this order: what says more comes first.
    private static let known: [(needle: String, reason: Reason, text: String)] = [
        ("CERTIFICATE_VERIFY_FAILED", .tls, "the receiver's certificate is not trusted"),
        ("WRONG_VERSION_NUMBER", .tls, "the receiver does not speak TLS"),
        ("unableToValidateCertificate", .tls, "the receiver's certificate does not fit its host"),
        ("handshakeFailed", .tls, "TLS handshake failed"),
        ("SSL", .tls, "TLS failed"),
        ("onnection refused", .refused, "connection refused"),
        ("o route to host", .unreachable, "no route to the host"),
        ("etwork is unreachable", .unreachable, "the network is unreachable"),
        ("onnection reset", .closed, "connection reset"),
        ("roken pipe", .closed, "the receiver closed the connection"),
        ("timed out", .timeout, "no connection in time"),
        ("connectTimeout", .timeout, "no connection in time"),
        ("DNS error", .dns, "the host name cannot be resolved"),
        ("HTTPParserError", .other, "the answer is not HTTP"),
    ]
}

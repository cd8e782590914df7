import FireMQTT
import FireTelemetry
import Logging

/// What the log says of a session's connection: changes at once, the same again every five minutes.
final class ConnectionLog {
    private static let again = Duration.seconds(300)

    private let logger: Logger
    private var lastError: String?
    private var limit = RateLimit(every: again)

    init(_ logger: Logger) { self.logger = logger }

    func connected(to address: String, mode: String, sessionPresent: Bool) {
        lastError = nil
        let what: Logger.Metadata = [
            LogKey.address: "\(address)", LogKey.mode: "\(mode)", LogKey.sessionPresent: "\(sessionPresent)",
        ]
        logger.info("connected to the broker", metadata: what)
    }

    func failed(_ error: MQTTError, wasConnected: Bool) {
        guard let held = pass(error.description) else { return }
        var what: Logger.Metadata = [LogKey.reason: "\(error.text)", LogKey.held: "\(held)"]
        if !error.remedy.isEmpty { what[LogKey.remedy] = "\(error.remedy)" }
        if let keys = error.settings { what[LogKey.key] = "\(keys)" }
        switch error.kind {
        case .unreachable, .lost, .notConnected:
            let text: Logger.Message =
                wasConnected ? "connection to the broker lost, connecting again" : "waiting for the broker"
            logger.warning(text, metadata: what)
        case .setting, .tls, .notAuthorised, .refused, .takenOver:
            logger.error("cannot connect to the broker, trying again", metadata: what)
        }
    }

    func takenOver(clientID: String, _ verdict: TakeoverWatch.Verdict) {
        guard let held = pass("taken over") else { return }
        var remedy = "set mqtt.client_id or gateway.id of one of them to another value"
        if verdict == .likely { remedy += "; or the access rules of the broker end the connection" }
        let text =
            verdict == .certain
            ? "another client uses our client id; both are thrown out in turns"
            : "the broker accepts us and soon closes the connection, again and again; another client seems to use our id"
        logger.error(
            "\(text)",
            metadata: [LogKey.clientID: "\(clientID)", LogKey.held: "\(held)", LogKey.remedy: "\(remedy)"])
    }

    func refused(_ filter: String, reason: String) {
        logger.error(
            "no subscription; nothing arrives under this filter",
            metadata: [
                LogKey.topic: "\(filter)", LogKey.reason: "\(reason)",
                LogKey.remedy:
                    "let the user of mqtt.username read it in the broker's access rules, or correct mqtt.extra_topics",
            ])
    }

    private func pass(_ text: String) -> UInt64? {
        if text != lastError {
            lastError = text
            limit = RateLimit(every: Self.again)
        }
        return limit.pass()
    }
}

extension LogKey {
    static let clientID = "client_id"
    static let mode = "mode"
    /// The broker had kept the session.
    static let sessionPresent = "session_present"
}

extension MQTTError {
    /// The settings to look at.
    var settings: String? {
        switch kind {
        case .unreachable: "mqtt.host, mqtt.port"
        case .tls: "mqtt.tls"
        case .notAuthorised: "mqtt.username, mqtt.password_file"
        case .setting, .refused: "mqtt"
        case .takenOver: "mqtt.client_id"
        case .lost, .notConnected: nil
        }
    }
}

import FireModel
import FireTelemetry
import Logging

/// Tells people about one endpoint: in the log, and as alarms. Of the address only the host is named, for
/// its path often is the secret.
final class EndpointReporter: Sendable {
    private let endpoint: String
    private let outbox: any Outbox
    private let logger: Logger
    /// A dead receiver fails often; the log says so once a minute, and how often in between.
    private let failures = RateLimit(every: .seconds(60))
    private let losses = RateLimit(every: .seconds(60))

    init(endpoint: String, outbox: any Outbox, logger: Logger) {
        self.endpoint = endpoint
        self.outbox = outbox
        self.logger = logger
    }

    /// - Parameter delivery: `nil`: a heartbeat.
    func attemptFailed(_ failure: Failure, status: Int?, host: String, delivery: String? = nil) {
        guard let held = failures.pass() else { return }
        var metadata = metadata(host, failure)
        metadata[LogKey.held] = "\(held)"
        if let status { metadata[LogKey.status] = "\(status)" }
        if let delivery { metadata[LogKey.delivery] = "\(delivery)" }
        logger.warning("webhook attempt failed", metadata: metadata)
    }

    func outboxFailed(_ error: any Error) {
        guard let held = failures.pass() else { return }
        logger.warning(
            "the outbox cannot be read, deliveries wait",
            metadata: [LogKey.endpoint: "\(endpoint)", LogKey.error: "\(error)", LogKey.held: "\(held)"])
    }

    func lost(_ count: Int) {
        guard let held = losses.pass() else { return }
        logger.error(
            "deliveries lost: the store cannot be written and memory is full",
            metadata: [LogKey.endpoint: "\(endpoint)", LogKey.count: "\(count)", LogKey.held: "\(held)"])
    }

    func tell(_ troubles: [EndpointTrouble.Kind], _ failure: Failure?, host: String, delivery: String? = nil) {
        for kind in troubles {
            log(kind, metadata(host, failure), delivery)
            outbox.endpointTroubled(
                EndpointTrouble(endpoint: endpoint, kind: kind, detail: failure.map { "\(host): \($0.text)" }))
        }
    }

    private func log(_ kind: EndpointTrouble.Kind, _ metadata: Logger.Metadata, _ delivery: String?) {
        var metadata = metadata
        switch kind {
        case .failing: logger.error("webhook endpoint is failing", metadata: metadata)
        case .gone:
            metadata[LogKey.remedy] = "correct its url, or: firesense webhooks enable \(endpoint)"
            logger.error("webhook endpoint is gone (410), deliveries are held", metadata: metadata)
        case .recovered: logger.notice("webhook endpoint accepts deliveries", metadata: metadata)
        case .deadLettered:
            if let delivery { metadata[LogKey.delivery] = "\(delivery)" }
            metadata[LogKey.remedy] = "when the receiver works again: firesense deliveries replay"
            logger.error("webhook delivery given up", metadata: metadata)
        }
    }

    private func metadata(_ host: String, _ failure: Failure?) -> Logger.Metadata {
        var metadata: Logger.Metadata = [LogKey.endpoint: "\(endpoint)", LogKey.address: "\(host)"]
        if let failure { metadata[LogKey.error] = "\(failure.text)" }
        return metadata
    }
}

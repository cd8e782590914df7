import FireModel

/// Makes messages for an endpoint in the format it wants.
struct MessageForm: Sendable {
    var gateway: String

    /// - Parameters:
    ///   - changes: At least one; more only where the endpoint's `batch` allows it.
    ///   - at: The time to sign with, for robots whose signature is part of the message.
    /// - Throws: `DecodingError` for a snapshot that is not an alarm.
    func message(for changes: [Change], to endpoint: Endpoint, at: Timestamp) throws -> Message {
        let first = changes[0]
        switch endpoint.format {
        case .alertmanager:
            return Message(
                id: first.delivery.id, contentType: AlertmanagerBody.contentType,
                body: try AlertmanagerBody.body(receiver: endpoint.name, snapshot: first.snapshot), changes: changes)
        default:
            return Message(
                id: first.delivery.id, contentType: CloudEvent.contentType,
                body: CloudEvent.body(first.delivery, gateway: gateway, snapshot: first.snapshot), changes: changes)
        }
    }

    /// `firesense.heartbeat`.
    func heartbeat(id: String, to endpoint: Endpoint, at: Timestamp, figures: DeliveryFigures) -> Message {
        Message(
            id: id, contentType: CloudEvent.contentType,
            body: CloudEvent.heartbeat(
                id: id, gateway: gateway, endpoint: endpoint.name, at: at, figures: figures))
    }

    /// `firesense.test`.
    func test(id: String, to endpoint: Endpoint, at: Timestamp) -> Message {
        Message(
            id: id, contentType: CloudEvent.contentType,
            body: CloudEvent.test(id: id, gateway: gateway, endpoint: endpoint.name, at: at))
    }
}

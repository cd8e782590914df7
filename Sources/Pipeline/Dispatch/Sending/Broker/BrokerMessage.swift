import FireModel
import Foundation

/// What an endpoint with `mqtt: true` publishes.
enum BrokerMessage {
    struct Publish: Sendable, Equatable {
        var topic: String
        var payload: [UInt8]
        var isRetained: Bool
    }

    private struct Place: Decodable {
        struct Device: Decodable { var area: String }
        var device: Device
    }

    /// The event under `fire/v1/{area}/alarm/{id}`, retained while its alarm is active, so that whoever subscribes
    /// later knows of it. The end of an alarm is told to those who are there, and then nothing is retained any more.
    /// - Throws: `DecodingError` for a snapshot that is not an alarm.
    static func publishes(_ message: Message, broker: BrokerAddress) throws -> [Publish] {
        guard let change = message.changes.first else {
            let stream = message.kind == .test ? "test" : "heartbeat"
            return [
                Publish(
                    topic: "fire/v1/\(broker.area)/gateway/\(broker.gateway)/\(stream)", payload: message.body,
                    isRetained: false)
            ]
        }
        let area = try JSONDecoder().decode(Place.self, from: Data(change.snapshot.utf8)).device.area
        let topic = "fire/v1/\(area)/alarm/\(change.delivery.alarm)"
        let isActive = change.delivery.isActive
        // What is only repeated says nothing of how the alarm is now.
        guard change.delivery.replayedAt == nil else {
            return [Publish(topic: topic, payload: message.body, isRetained: false)]
        }
        let event = Publish(topic: topic, payload: message.body, isRetained: isActive)
        return isActive ? [event] : [event, Publish(topic: topic, payload: [], isRetained: true)]
    }
}

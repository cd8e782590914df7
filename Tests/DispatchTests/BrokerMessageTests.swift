import FireModel
import FireMQTT
import Testing

@testable import FireDispatch

@Suite struct BrokerMessageTests {
    private let broker = BrokerAddress(
        host: "127.0.0.1", port: 1, options: MQTTOptions(clientID: "x"), area: "_", gateway: "gw-1")

    private func publishes(active: Bool, replayed: Bool = false) throws -> [BrokerMessage.Publish] {
        var delivery = makeDelivery(1, active: active)
        if replayed { delivery.replayedAt = delivery.createdAt }
        let snapshot = try #require(delivery.snapshot)
        let message = Message(
            id: "1", contentType: "", body: [1], changes: [Change(delivery: delivery, snapshot: snapshot)])
        return try BrokerMessage.publishes(message, broker: broker)
    }

    @Test func activeAlarmIsRetainedAndAnEndEmptiesItsTopic() throws {
        let active = try publishes(active: true)
        #expect(active.count == 1)
        #expect(active.first?.isRetained == true)
        let topic = try #require(active.first?.topic)
        #expect(topic.hasPrefix("fire/v1/320102/alarm/"))
        #expect(
            try publishes(active: false) == [
                .init(topic: topic, payload: [1], isRetained: false),
                .init(topic: topic, payload: [], isRetained: true),
            ])
    }

    @Test(arguments: [true, false]) func replayChangesNothingThatIsRetained(_ active: Bool) throws {
        let publishes = try publishes(active: active, replayed: true)
        #expect(publishes.map(\.isRetained) == [false])
    }

    @Test func heartbeatAndTestHaveTopicsOfTheGateway() throws {
        var message = Message(id: "1", contentType: "", body: [1])
        message.kind = .heartbeat
        #expect(
            try BrokerMessage.publishes(message, broker: broker).map(\.topic) == ["fire/v1/_/gateway/gw-1/heartbeat"])
        message.kind = .test
        #expect(try BrokerMessage.publishes(message, broker: broker).map(\.topic) == ["fire/v1/_/gateway/gw-1/test"])
    }
}

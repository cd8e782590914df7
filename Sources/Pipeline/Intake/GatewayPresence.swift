import FireMQTT

/// What the daemon publishes of itself: a retained status on the urgent session, with the same words as a
/// device's, so that another system sees it go.
struct GatewayPresence {
    let topic: String
    let online = Array(#"{"online":true}"#.utf8)
    let offline = Array(#"{"online":false}"#.utf8)

    init(_ settings: IntakeSettings) {
        topic = "fire/v1/\(settings.areas.first ?? "_")/gateway/\(settings.gatewayID)/status"
    }

    var will: MQTTWill { MQTTWill(topic: topic, payload: offline, qos: 1, isRetained: true) }
}

/// A message as the library hands it over. Borrowed: valid in the call that gives it, copy what is kept.
@safe public struct MQTTMessage {
    public let topic: UnsafeRawBufferPointer
    public let payload: UnsafeRawBufferPointer
    /// 0 for QoS 0.
    public let packetID: UInt16
    public let qos: UInt8
    /// The broker kept it for new subscribers.
    public let isRetained: Bool
    /// The broker has sent it before. Known only for what comes after a reconnection, where MQTT allows it.
    public let isDuplicate: Bool
}

/// The broker's answer to one topic filter.
public struct MQTTSubscription: Sendable, Equatable {
    public let filter: String
    /// Granted QoS 0 to 2, or a reason from 128 up.
    public let code: Int
    public var isRefused: Bool { code >= 128 }
    /// The library's words for `code`.
    public var reason: String { reasonText(code) }
}

/// What a client reports, always from within one of its `loop…` calls and on their thread.
public protocol MQTTDelegate: AnyObject {
    /// The broker has accepted the connection; whether it still knew the session.
    func mqttConnected(sessionPresent: Bool)
    func mqttReceived(_ message: MQTTMessage)
    func mqttSubscribed(_ subscriptions: [MQTTSubscription])
    /// QoS 0: written to the socket. QoS 1 and 2: acknowledged, with the broker's reason from 128 up if refused.
    func mqttPublished(packetID: UInt16, reason: Int)
}

extension MQTTDelegate {
    public func mqttConnected(sessionPresent: Bool) {}
    public func mqttReceived(_ message: MQTTMessage) {}
    public func mqttSubscribed(_ subscriptions: [MQTTSubscription]) {}
    public func mqttPublished(packetID: UInt16, reason: Int) {}
}

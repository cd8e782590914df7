public enum MQTTVersion: Sendable { case v5, v311 }

/// How a client presents itself to the broker.
public struct MQTTOptions: Sendable {
    public var clientID: String
    public var version = MQTTVersion.v5
    /// Forget what the broker kept for this client id. `false`: resume the session; under MQTT 3.1.1 this
    /// also makes it outlive the connection, under MQTT 5 `sessionExpiry` does.
    public var cleanStart = true
    /// How long the broker keeps the session after a disconnection; MQTT 5 only. `nil`: not at all.
    public var sessionExpiry: Duration?
    /// Whole seconds, 5 s to 18 h.
    public var keepAlive = Duration.seconds(30)
    /// QoS 1 messages the broker may send before an acknowledgement; MQTT 5 only. `nil`: 65,535.
    public var receiveMaximum: Int?
    /// QoS 1 messages sent before an acknowledgement; the library's own default is 20.
    public var sendMaximum = 20
    public var username: String?
    public var password: MQTTPassword?
    public var tls: MQTTTLS?
    public var will: MQTTWill?

    public init(clientID: String) { self.clientID = clientID }
}

/// A password that prints as nothing. Contains no NUL byte, as the library takes it as a C string.
public struct MQTTPassword: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let bytes: [UInt8]
    public init(_ bytes: [UInt8]) { self.bytes = bytes }
    public var description: String { "<secret>" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Files in PEM form. Read when connecting, so that a renewed certificate is taken at the next connection.
public struct MQTTTLS: Sendable, Equatable {
    /// `nil`: the authorities of the system.
    public var caFile: String?
    public var certFile: String?
    public var keyFile: String?

    public init(caFile: String? = nil, certFile: String? = nil, keyFile: String? = nil) {
        self.caFile = caFile
        self.certFile = certFile
        self.keyFile = keyFile
    }
}

/// What the broker publishes when this client vanishes.
public struct MQTTWill: Sendable, Equatable {
    public var topic: String
    public var payload: [UInt8]
    public var qos: UInt8
    public var isRetained: Bool

    public init(topic: String, payload: [UInt8], qos: UInt8 = 1, isRetained: Bool = true) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.isRetained = isRetained
    }
}

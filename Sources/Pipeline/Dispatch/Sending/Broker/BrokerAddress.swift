import FireMQTT
import FireModel

/// The broker that endpoints with `mqtt: true` publish to, and in whose name.
public struct BrokerAddress: Sendable {
    public var host: String
    public var port: Int
    /// Of a session of its own, which the broker forgets when it ends.
    public var options: MQTTOptions
    /// Area and id of the gateway, for topics of its own.
    public var area: String
    public var gateway: String

    public init(host: String, port: Int, options: MQTTOptions, area: String, gateway: String) {
        self.host = host
        self.port = port
        self.options = options
        self.area = area
        self.gateway = gateway
    }
}

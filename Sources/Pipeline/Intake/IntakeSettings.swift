import FireMQTT
import FireModel

/// What the intake takes from the configuration (contract 4: `mqtt`, `gateway`, `store.linger`) and the
/// catalogue.
public struct IntakeSettings: Sendable {
    public var host = "127.0.0.1"
    public var port = 1883
    /// The sessions append `-urgent`, `-bulk` and `-rescue`.
    public var clientID: String
    public var username = ""
    public var password: Secret?
    public var version = MQTTVersion.v5
    public var tls: MQTTTLS?
    public var keepAlive = Duration.seconds(30)
    public var sessionExpiry = Duration.seconds(7 * 86_400)
    /// 1 to 65,535 messages.
    public var receiveMaximum = 10_000
    /// How long routine telemetry may wait for company before it is committed and acknowledged.
    public var linger = Duration.milliseconds(500)
    /// Empty: all.
    public var areas: [String] = []
    public var gatewayID: String
    /// See also topics that no kind takes.
    public var catchAll = true
    /// Topic filters outside `fire/v1`.
    public var extraTopics: [String] = []
    /// Kinds whose every stream is urgent.
    public var urgentKinds: [String]
    public var otherKinds: [String]

    public init(clientID: String, gatewayID: String, urgentKinds: [String], otherKinds: [String]) {
        self.clientID = clientID
        self.gatewayID = gatewayID
        self.urgentKinds = urgentKinds
        self.otherKinds = otherKinds
    }
}

extension IntakeSettings {
    /// The connection of one lane in one mode. Only `.rescue` is clean: what it misses waits in the
    /// persistent session.
    func options(_ lane: Lane, _ mode: IntakeMode) -> MQTTOptions {
        let isRescue = mode == .rescue
        var options = MQTTOptions(clientID: "\(clientID)-\(isRescue ? "rescue" : lane.description)")
        options.version = version
        options.cleanStart = isRescue
        options.sessionExpiry = isRescue ? nil : sessionExpiry
        options.keepAlive = keepAlive
        options.receiveMaximum = receiveMaximum
        options.username = username.isEmpty ? nil : username
        options.password = password.map { MQTTPassword($0.bytes) }
        options.tls = tls
        if lane == .urgent { options.will = GatewayPresence(self).will }
        return options
    }
}

import FireModel
import FireMQTT
import FireSettings
import Glibc

extension MQTTOptions {
    /// As the daemon presents itself, under another client id.
    init(_ loaded: LoadedConfiguration, clientID: String) {
        let mqtt = loaded.configuration.mqtt
        self.init(clientID: clientID)
        version = mqtt.protocol == .v5 ? .v5 : .v311
        username = mqtt.username.isEmpty ? nil : mqtt.username
        password = loaded.mqttPassword.map { MQTTPassword($0.bytes) }
        guard mqtt.tls.enabled else { return }
        func file(_ path: String) -> String? { path.isEmpty ? nil : path }
        tls = MQTTTLS(caFile: file(mqtt.tls.caFile), certFile: file(mqtt.tls.certFile), keyFile: file(mqtt.tls.keyFile))
    }

    /// An id that is nobody else's, so that no session is taken over.
    static func uniqueID(_ beginning: String) -> String {
        "\(beginning)-\(String(UInt64.random(in: 0..<(1 << 40)), radix: 36))"
    }
}

/// One clean session with the broker, driven by the thread that asks.
final class BrokerLink: MQTTDelegate {
    struct Message {
        var topic: String
        var payload: [UInt8]
        var isRetained: Bool
    }

    let client: MQTTClient
    var received: (Message) -> Void = { _ in }
    private(set) var receivedCount = 0
    private(set) var subscriptions: [MQTTSubscription] = []
    /// Reasons by packet id of what was published.
    private(set) var published: [UInt16: Int] = [:]

    /// - Throws: `MQTTError`.
    init(_ options: MQTTOptions) throws {
        client = try MQTTClient(options)
        client.delegate = self
    }

    /// Connects, and comes back when the broker has accepted.
    /// - Throws: `MQTTError`, `Failure`.
    func connect(_ mqtt: Configuration.MQTT, within limit: Duration) throws {
        try client.connect(host: mqtt.host, port: mqtt.port)
        guard try turn(limit, until: { client.isConnected }) else {
            throw Failure(
                "\(mqtt.host):\(mqtt.port) has not answered within \(limit.firesense)",
                remedy: "check host and port, mqtt.tls, and the firewall")
        }
    }

    /// Subscribes, and comes back with the broker's answers.
    /// - Throws: `MQTTError`, `Failure`.
    func subscribe(_ filters: [String], qos: UInt8, within limit: Duration) throws -> [MQTTSubscription] {
        subscriptions = []
        try client.subscribe(filters, qos: qos)
        guard try turn(limit, until: { !subscriptions.isEmpty }) else {
            throw Failure("the broker has not answered to the subscription within \(limit.firesense)")
        }
        return subscriptions
    }

    /// Works until `done`, at most for `limit`.
    /// - Returns: whether it is done.
    /// - Throws: `MQTTError`.
    @discardableResult
    func turn(_ limit: Duration, until done: () -> Bool) throws -> Bool {
        let deadline = ContinuousClock.now.advanced(by: limit)
        while !done() {
            guard ContinuousClock.now < deadline else { return false }
            try client.step(.milliseconds(20))
        }
        return true
    }

    /// Reads without writing anything: nothing is acknowledged.
    /// - Throws: `MQTTError`.
    func listen(_ limit: Duration) throws {
        guard let socket = client.socket else { return }
        var descriptor = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, Int32(clamping: limit.wholeMilliseconds)) > 0 else { return }
        while try client.loopRead() {}
    }

    /// Says goodbye, so that the broker publishes no will and logs no error.
    func close() {
        guard client.isConnected, (try? client.disconnect()) != nil else { return client.abandon() }
        try? client.loopWrite()
        client.abandon()
    }

    func mqttReceived(_ message: MQTTMessage) {
        receivedCount += 1
        received(
            Message(
                topic: String(decoding: message.topic, as: UTF8.self), payload: Array(message.payload),
                isRetained: message.isRetained))
    }

    func mqttSubscribed(_ subscriptions: [MQTTSubscription]) { self.subscriptions = subscriptions }

    func mqttPublished(packetID: UInt16, reason: Int) { published[packetID] = reason }
}

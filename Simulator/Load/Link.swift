import FireMQTT
import FireModel
import Foundation

struct LinkError: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// One connection to the broker for publishing, made again when it is lost: libmosquitto then sends once more
/// what was not acknowledged. Lives on one thread.
final class Link: MQTTDelegate {
    struct Answer: Equatable {
        var packetID: UInt16
        /// The broker's reason from 128 up when it refused the message.
        var refusal: Int?
    }

    private static let connectPatience = Duration.seconds(10)
    /// A broker that stays away longer ends the run: a load without a broker measures nothing.
    private static let reconnectPatience = Duration.seconds(60)
    /// So that not each message of a dense schedule costs a wake-up.
    private static let shortestWait = Duration.microseconds(250)
    private static let reconnectPause = Duration.milliseconds(200)

    private let address: BrokerAddress
    private let options: MQTTOptions
    private var client: MQTTClient?
    private var answers: [Answer] = []
    private var lostAt: ContinuousClock.Instant?
    private var retryAt = ContinuousClock.now
    private var connections = 0
    /// Times the connection was made again.
    var reconnects: Int { max(0, connections - 1) }

    /// - Parameter inFlight: messages the broker may leave unacknowledged, if it takes as many.
    init(_ address: BrokerAddress, clientID: String, inFlight: Int) {
        self.address = address
        var options = MQTTOptions(clientID: clientID)
        options.version = address.version == .v5 ? .v5 : .v311
        options.sendMaximum = inFlight
        options.username = address.username
        options.password = address.password.map { MQTTPassword(Array($0.utf8)) }
        options.tls = address.caFile.map { MQTTTLS(caFile: $0) }
        self.options = options
    }

    var isConnected: Bool { client?.isConnected ?? false }

    /// Connects and waits for the broker to accept.
    /// - Throws: `MQTTError`, or `LinkError` when nothing answers.
    func connect() throws {
        let client = try MQTTClient(options)
        client.delegate = self
        self.client = client
        try client.connect(host: address.host, port: Int(address.port))
        let deadline = ContinuousClock.now + Self.connectPatience
        while !client.isConnected {
            guard ContinuousClock.now < deadline else {
                throw LinkError("\(address.host):\(address.port) does not answer as an MQTT broker")
            }
            try client.step(.milliseconds(100))
        }
    }

    /// Hands a message over; it is sent by `exchange`.
    /// - Returns: the packet id its answer will have.
    /// - Throws: `MQTTError`.
    func publish(_ topic: String, _ payload: [UInt8], qos: Int, retain: Bool) throws -> UInt16 {
        guard let client else { throw LinkError("not connected") }
        return try client.publish(topic, payload, qos: UInt8(clamping: qos), isRetained: retain)
    }

    /// Sends what was handed over, waits at most so long for the broker, and tells what it answered. With QoS 0
    /// the answer is that of the socket.
    /// - Throws: `MQTTError` or `LinkError`, when the broker refuses the connection or stays away.
    func exchange(waitingAtMost pause: Duration) throws -> [Answer] {
        guard let client else { throw LinkError("not connected") }
        defer { answers.removeAll(keepingCapacity: true) }
        do {
            if client.socket == nil { try reconnect(client) }
            if client.wantsWrite { try client.loopWrite() }
            if isReadable(client, within: pause) { while client.socket != nil, try client.loopRead() {} }
            if client.wantsWrite { try client.loopWrite() }
            if client.socket != nil { try client.loopMisc() }
            if client.isConnected { lostAt = nil }
        } catch let error as MQTTError
            where error.kind == .lost || error.kind == .unreachable || error.kind == .notConnected
        {
            try lost(error)
        }
        return answers
    }

    /// Says good-bye and closes.
    func close() {
        guard let client else { return }
        if client.isConnected {
            try? client.disconnect()
            try? client.loopWrite()
        }
        client.abandon()
        self.client = nil
    }

    func mqttConnected(sessionPresent: Bool) { connections += 1 }

    func mqttPublished(packetID: UInt16, reason: Int) {
        answers.append(Answer(packetID: packetID, refusal: reason >= 128 ? reason : nil))
    }

    private func isReadable(_ client: MQTTClient, within pause: Duration) -> Bool {
        guard let socket = client.socket else { return false }
        let wait = pause > .zero ? max(pause, Self.shortestWait) : .zero
        return waitToRead(socket, orWrite: client.wantsWrite, atMost: wait)
    }

    private func reconnect(_ client: MQTTClient) throws {
        let pause = ContinuousClock.now.duration(to: retryAt)
        if pause > .zero { Thread.sleep(forTimeInterval: pause.seconds) }
        retryAt = .now + Self.reconnectPause
        try client.connect(host: address.host, port: Int(address.port))
    }

    private func lost(_ error: MQTTError) throws {
        let since = lostAt ?? .now
        lostAt = since
        if since.duration(to: .now) > Self.reconnectPatience {
            throw LinkError("the broker has been away for \(Self.reconnectPatience.firesense): \(error)")
        }
    }
}

import FireIntake
import FireModel
import FireMQTT
import FireRing
import FireTelemetry
import Foundation
import Logging
import Synchronization
import Testing

/// One lane with the test in the place of the worker.
final class Bench {
    struct Message: Equatable {
        var header: MessageHeader
        var topic: String
        var payload: [UInt8]
        var text: String { String(decoding: payload, as: UTF8.self) }

        static func == (a: Message, b: Message) -> Bool { a.header.sequence == b.header.sequence }
    }

    let handover: Handover
    let counters = IntakeCounters()
    let session: IntakeSession
    let cover: UrgentCover
    let log: LogLines

    init(
        _ lane: Lane = .urgent, port: Int, clientID: String = "test", mode: IntakeMode = .persistent,
        cover: UrgentCover = UrgentCover(), log: LogLines = LogLines(), slots: Int = 32_768, bytes: Int = 1 << 22,
        _ change: (inout IntakeSettings) -> Void = { _ in }
    ) throws {
        var settings = IntakeSettings(
            clientID: clientID, gatewayID: "gw-1", urgentKinds: ["smoke", "panel"], otherKinds: ["hydrant", "charger"])
        settings.port = port
        settings.linger = .milliseconds(50)
        change(&settings)
        self.log = log
        self.cover = cover
        handover = try Handover(lane: lane, slots: slots, bytes: bytes, workerWaiter: Waiter())
        session = try IntakeSession(
            settings, handover: handover, counters: counters, cover: cover, logger: log.logger, mode: mode)
        try session.start()
    }

    /// Takes what is in the ring now.
    func take() -> [Message] {
        var messages: [Message] = []
        while let message = handover.ring.withNext({ header, bytes in
            let topic = bytes.prefix(Int(header.topicLength))
            return Message(
                header: header, topic: String(decoding: topic, as: UTF8.self),
                payload: Array(bytes.dropFirst(Int(header.topicLength))))
        }) {
            messages.append(message)
        }
        return messages
    }

    func take(_ count: Int, within seconds: Double = 15) async throws -> [Message] {
        var messages: [Message] = []
        try await eventually(
            "\(count) messages in the ring, \(counters.messagesReceived.value) received", within: seconds
        ) {
            messages += take()
            return messages.count >= count
        }
        return messages
    }

    /// Takes at least `count` messages and commits what is wanted, until all of them are.
    func takeAndCommit(_ count: Int, within seconds: Double = 15) async throws -> [Message] {
        var messages: [Message] = []
        try await eventually(
            "\(count) messages committed, \(counters.messagesReceived.value) received", within: seconds
        ) {
            messages += take()
            guard let last = messages.last?.header.sequence else { return false }
            let wanted = handover.wantedSequence
            if last >= wanted, wanted > handover.committed.load(ordering: .relaxed) { handover.commit(upTo: wanted) }
            return messages.count >= count && handover.committed.load(ordering: .relaxed) >= last
        }
        return messages
    }

    func connected() async throws {
        try await eventually("connected, last error: \(session.status.lastError ?? "none")") {
            session.status.isConnected
        }
    }

    func acknowledged(_ count: Int) async throws {
        try await eventually("\(count) acknowledged") { counters.messagesAcknowledged.value >= UInt64(count) }
    }

    /// As kill -9 would: the connection ends, nothing is written any more.
    func kill() async throws {
        session.setMode(.parked)
        try await eventually("parked") { !session.status.isConnected }
    }

    func stop() { session.stop(by: .now + .seconds(10)) }
}

/// Publishes and reads with a client of its own, for tests.
final class Peer: MQTTDelegate {
    let client: MQTTClient
    private(set) var received: [(topic: String, text: String, isRetained: Bool)] = []
    private var unacknowledged = 0
    private var isSubscribed = false

    init(port: Int, _ change: (inout MQTTOptions) -> Void = { _ in }) async throws {
        var options = MQTTOptions(clientID: "peer-\(UUID().uuidString)")
        options.sendMaximum = 1000
        change(&options)
        client = try MQTTClient(options)
        client.delegate = self
        try client.connect(host: "127.0.0.1", port: port)
        try await until("peer connected") { self.client.isConnected }
    }

    func until(_ what: String, _ condition: () -> Bool) async throws {
        try await eventually(what) {
            if condition() { return true }
            try client.step(.milliseconds(1))
            return condition()
        }
    }

    /// Returns when the broker has acknowledged all of them.
    func publish(_ messages: [(topic: String, text: String)], qos: UInt8 = 1, isRetained: Bool = false) async throws {
        for message in messages {
            try client.publish(message.topic, Array(message.text.utf8), qos: qos, isRetained: isRetained)
            unacknowledged += 1
            if unacknowledged % 500 == 0 { try client.step(.zero) }
        }
        try await until("published") { unacknowledged == 0 }
    }

    func publish(_ topic: String, _ text: String, qos: UInt8 = 1, isRetained: Bool = false) async throws {
        try await publish([(topic, text)], qos: qos, isRetained: isRetained)
    }

    func subscribe(_ filter: String) async throws {
        isSubscribed = false
        try client.subscribe([filter], qos: 1)
        try await until("subscribed") { isSubscribed }
    }

    func mqttReceived(_ message: MQTTMessage) {
        received.append(
            (
                String(decoding: message.topic, as: UTF8.self), String(decoding: message.payload, as: UTF8.self),
                message.isRetained
            ))
    }
    func mqttSubscribed(_ subscriptions: [MQTTSubscription]) { isSubscribed = true }
    func mqttPublished(packetID: UInt16, reason: Int) { unacknowledged -= 1 }
}

/// What was logged.
final class LogLines: Sendable {
    struct Line: Sendable {
        var level: Logger.Level
        var text: String
        var metadata: Logger.Metadata
    }

    private let kept = Mutex<[Line]>([])

    var lines: [Line] { kept.withLock { $0 } }

    func contains(_ level: Logger.Level, _ text: String) -> Bool {
        lines.contains { $0.level == level && $0.text.contains(text) }
    }

    var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }

    private struct Handler: LogHandler {
        let lines: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        init(lines: LogLines) { self.lines = lines }
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            let line = Line(
                level: event.level, text: event.message.description,
                metadata: metadata.merging(event.metadata ?? [:]) { $1 })
            lines.kept.withLock { $0.append(line) }
        }
    }
}

import FireModel
import FireMQTT
import FireSettings

/// What the broker lets the daemon do, found out by doing it: limits and access rules cannot be asked for.
struct BrokerChecks {
    let loaded: LoadedConfiguration
    private let token = String(UInt64.random(in: 0..<(1 << 40)), radix: 36)

    private static let connectTime = Duration.seconds(5)
    private static let answerTime = Duration.seconds(5)
    /// How long nothing may come before nothing more is expected.
    private static let quiet = Duration.milliseconds(500)

    init(_ loaded: LoadedConfiguration) { self.loaded = loaded }

    private var mqtt: Configuration.MQTT { loaded.configuration.mqtt }
    private var user: String { mqtt.username.isEmpty ? "a client without a name" : "user '\(mqtt.username)'" }

    /// Blocks for up to half a minute.
    func run() -> [Finding] {
        let link: BrokerLink
        do {
            link = try open("doctor")
        } catch {
            return [.fail("broker", words(error), remedy(error))]
        }
        defer { link.close() }
        var findings = [
            Finding.ok(
                "broker",
                "\(mqtt.host):\(mqtt.port) takes \(user), MQTT \(mqtt.protocol.rawValue)\(mqtt.tls.enabled ? ", TLS" : "")"
                    + version(link))
        ]
        findings += attempt("broker access") { [try subscription(link)] }
        findings += attempt("broker limits") { try limits() }
        findings += attempt("broker strangers") { [try strangers()] }
        return findings
    }

    private func attempt(_ check: String, _ body: () throws -> [Finding]) -> [Finding] {
        do { return try body() } catch { return [.warn(check, "could not be tried: \(words(error))", remedy(error))] }
    }

    private func open(_ part: String, _ receiveMaximum: Int? = nil) throws -> BrokerLink {
        var options = MQTTOptions(loaded, clientID: "\(loaded.mqttClientID)-\(part)-\(token)")
        options.receiveMaximum = receiveMaximum
        options.sendMaximum = 1000
        let link = try BrokerLink(options)
        try link.connect(mqtt, within: Self.connectTime)
        return link
    }

    /// Mosquitto tells it to those who may read `$SYS`.
    private func version(_ link: BrokerLink) -> String {
        var text: String?
        link.received = { text = String(decoding: $0.payload.prefix(60), as: UTF8.self) }
        defer { link.received = { _ in } }
        guard let answer = try? link.subscribe(["$SYS/broker/version"], qos: 0, within: Self.answerTime),
            answer.allSatisfy({ !$0.isRefused })
        else { return "" }
        _ = try? link.turn(Self.quiet) { text != nil }
        return text.map { ", \($0)" } ?? ""
    }

    // MARK: Access

    private func subscription(_ link: BrokerLink) throws -> Finding {
        let refused = try link.subscribe(["fire/v1/#"], qos: 1, within: Self.answerTime).filter(\.isRefused)
        if let first = refused.first {
            return .fail(
                "broker access", "\(user) may not subscribe to \(first.filter): \(first.reason)",
                "topic read # for it in the broker's acl_file")
        }
        return .ok("broker access", "\(user) may subscribe to fire/v1/#")
    }

    /// Whether somebody without a name can speak for a device. The message says nothing a gateway would keep.
    private func strangers() throws -> Finding {
        let check = "broker strangers"
        let kind = loaded.catalogue.kinds.first { $0.metrics.contains { $0.type == .number } }
        let metric = kind?.metrics.first { $0.type == .number }?.name ?? "pressure"
        let topic = "fire/v1/\(area)/\(kind?.name ?? "hydrant")/doctor-\(token)/telemetry"
        let listener = try open("listener")
        defer { listener.close() }
        _ = try listener.subscribe([topic], qos: 0, within: Self.answerTime)

        var options = MQTTOptions(clientID: MQTTOptions.uniqueID("stranger"))
        options.version = mqtt.protocol == .v5 ? .v5 : .v311
        options.tls = MQTTOptions(loaded, clientID: "").tls
        let stranger: BrokerLink
        do {
            stranger = try BrokerLink(options)
            try stranger.connect(mqtt, within: Self.connectTime)
        } catch let error as MQTTError where error.kind == .notAuthorised || error.kind == .tls {
            return .ok(check, "a client without a name is refused")
        }
        defer { stranger.close() }
        let id = try stranger.client.publish(topic, Array(#"{"values":{"\#(metric)":null}}"#.utf8), qos: 1)
        try stranger.turn(Self.answerTime) { stranger.published[id] != nil }
        try listener.turn(Self.quiet) { listener.receivedCount > 0 }
        guard listener.receivedCount > 0 else { return .ok(check, "a client without a name cannot speak for a device") }
        return .warn(
            check, "a client without a name can speak for any device",
            "allow_anonymous false, password_file and acl_file in mosquitto.conf")
    }

    private var area: String { loaded.configuration.gateway.areas.first ?? "0" }

    // MARK: Limits

    private func limits() throws -> [Finding] {
        // Outside `fire/v1` our messages bother nobody, and many can be sent. The shipped access rules let the
        // daemon write below `gateway` only, where a daemon that runs passes over them: few, then.
        let aside = "firesense/doctor/\(token)"
        if let window = try measure(aside, messages: 200, receiveMaximum: mqtt.receiveMaximum) {
            // More than Mosquitto keeps of itself, to one that takes few at a time.
            return Self.judge(window: window, queue: try measure(aside, messages: 1200, receiveMaximum: 20))
        }
        let own = "fire/v1/\(area)/gateway/doctor-\(token)/doctor"
        if let window = try measure(own, messages: 40, receiveMaximum: mqtt.receiveMaximum) {
            return Self.judge(window: window, queue: nil)
        }
        return [
            .warn(
                "broker limits", "not measured: \(user) may not both write and read \(own)",
                "topic write fire/v1/+/gateway/# and topic read # for it in the broker's acl_file")
        ]
    }

    struct Measured: Equatable {
        var sent: Int
        /// Came before anything was acknowledged.
        var window: Int
        /// Came at all.
        var total: Int
    }

    static func judge(window: Measured, queue: Measured?) -> [Finding] {
        let check = "broker limits"
        var findings: [Finding] = []
        // Mosquitto's own default.
        if window.window <= 20 {
            findings.append(
                .warn(
                    check, "the broker sends only \(window.window) messages before the first is acknowledged",
                    "a commit holds no more than that: max_inflight_messages 10000 in mosquitto.conf"))
        } else {
            let more = window.window == window.sent ? "at least " : ""
            findings.append(.ok(check, "\(more)\(window.window) messages may be unacknowledged at a time"))
        }
        if let queue, queue.total < queue.sent {
            findings.append(
                .warn(
                    "broker queue",
                    "the broker keeps only \(queue.total - queue.window) messages for us and drops the rest",
                    "what comes while the daemon is away is lost: max_queued_messages 500000 in mosquitto.conf"))
        }
        return findings
    }

    /// Sends to ourselves, first without acknowledging anything.
    ///
    /// - Returns: `nil`: nothing gets through on this topic.
    private func measure(_ topic: String, messages: Int, receiveMaximum: Int) throws -> Measured? {
        let receiver = try open("receiver", receiveMaximum)
        defer { receiver.close() }
        let sender = try open("sender", receiveMaximum)
        defer { sender.close() }
        guard try receiver.subscribe([topic], qos: 1, within: Self.answerTime).allSatisfy({ !$0.isRefused }) else {
            return nil
        }
        let probe = try sender.client.publish(topic, [0], qos: 1)
        try sender.turn(Self.answerTime) { sender.published[probe] != nil }
        guard (sender.published[probe] ?? 128) < 128,
            try receiver.turn(Self.quiet, until: { receiver.receivedCount == 1 })
        else { return nil }
        // The acknowledgement of the probe is out, and from here on nothing is written any more.
        for _ in 0..<messages { try sender.client.publish(topic, [0], qos: 1) }
        try sender.turn(Self.answerTime) { sender.published.count == messages + 1 }
        try receiveAll(receiver) { try receiver.listen(.milliseconds(50)) }
        let window = receiver.receivedCount - 1
        try receiveAll(receiver) { try receiver.client.step(.milliseconds(50)) }
        return Measured(sent: messages, window: window, total: receiver.receivedCount - 1)
    }

    /// Goes on until nothing has come for a while.
    private func receiveAll(_ link: BrokerLink, _ turn: () throws -> Void) throws {
        let end = ContinuousClock.now.advanced(by: Self.answerTime)
        var last = ContinuousClock.now
        while last.duration(to: .now) < Self.quiet, .now < end {
            let before = link.receivedCount
            try turn()
            if link.receivedCount != before { last = .now }
        }
    }

    // MARK: Words

    private func words(_ error: any Error) -> String {
        (error as? MQTTError)?.text ?? "\(error)"
    }

    private func remedy(_ error: any Error) -> String? {
        (error as? MQTTError).flatMap { $0.remedy.isEmpty ? nil : $0.remedy }
    }
}

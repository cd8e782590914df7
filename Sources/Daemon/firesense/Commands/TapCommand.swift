import ArgumentParser
import FireModel
import FireMQTT
import FireSettings
import Foundation
import Synchronization

/// `firesense tap`
struct TapCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tap", abstract: "What arrives at the broker now, decoded, live; ends with Ctrl-C.",
        discussion: "A session of its own at QoS 0: what the daemon gets stays as it is.")

    enum Format: String, CaseIterable, ExpressibleByArgument { case table, json }

    @OptionGroup var files: ConfigurationOption

    @Argument(help: "A topic, with + and # as in MQTT.")
    var topic = "fire/v1/#"

    @Option(help: "End after so many messages.")
    var count: Int?

    @Flag(help: "Print payloads as they are.")
    var raw = false

    @Option(help: "table: a line per message; json: an object per message.")
    var format = Format.table

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count is \(count), expected at least 1") }
        guard !topic.isEmpty else { throw ValidationError("the topic is empty, expected for example fire/v1/#") }
    }

    func run() throws {
        let loaded = try files.load()
        for problem in loaded.errors { Output.complain(problem.description) }
        let printer = TapPrinter(
            reader: raw ? nil : try PayloadReader(catalogue: loaded.catalogue), format: format,
            time: LocalTime(zone: loaded.configuration.gateway.timeZone))
        Interruption.watch()
        do {
            let link = try BrokerLink(MQTTOptions(loaded, clientID: MQTTOptions.uniqueID("firesense-tap")))
            defer { link.close() }
            try listen(link, loaded.configuration.mqtt, printer)
        } catch let error as MQTTError {
            throw Failure(error.description)
        }
    }

    private func listen(_ link: BrokerLink, _ mqtt: Configuration.MQTT, _ printer: TapPrinter) throws {
        try link.connect(mqtt, within: .seconds(10))
        var waiting: [BrokerLink.Message] = []
        link.received = { waiting.append($0) }
        for answer in try link.subscribe([topic], qos: 0, within: .seconds(10)) where answer.isRefused {
            throw Failure(
                "the broker refuses the subscription of \(printable(topic)): \(answer.reason)",
                remedy: "give the user '\(mqtt.username)' read access to it in the broker's acl_file")
        }
        var left = count ?? .max
        while !Interruption.happened {
            for message in waiting.prefix(left) { try Output.text(printer.text(message, at: .now)) }
            left -= min(left, waiting.count)
            waiting.removeAll(keepingCapacity: true)
            if left == 0 { return }
            try link.client.step(.milliseconds(200))
        }
    }
}

/// Messages, to be printed.
final class TapPrinter {
    /// `nil`: payloads as they are.
    private let reader: PayloadReader?
    private let format: TapCommand.Format
    private let time: LocalTime

    /// Readings of one message that are shown in a line.
    private static let mostReadings = 50
    /// A `ts` this far from receipt is shown, in milliseconds.
    private static let sameTime: Int64 = 2000

    init(reader: PayloadReader?, format: TapCommand.Format, time: LocalTime) {
        self.reader = reader
        self.format = format
        self.time = time
    }

    /// One line, with its end.
    func text(_ message: BrokerLink.Message, at now: Timestamp) -> String {
        let result = reader?.read(
            topic: message.topic, payload: message.payload, isRetained: message.isRetained, at: now)
        switch format {
        case .table:
            return "\(time.text(now))  \(printable(message.topic))\(message.isRetained ? "  (retained)" : "")  "
                + (result.map { decoded($0, message.payload, now) } ?? payload(message.payload)) + "\n"
        case .json: return (result?.json ?? json(message, now)) + "\n"
        }
    }

    private func decoded(_ result: PayloadReader.Result, _ payload: [UInt8], _ now: Timestamp) -> String {
        guard result.standing == .read else { return self.payload(payload) }
        var parts: [String] = []
        var shownTime: Timestamp?
        for line in result.lines.prefix(Self.mostReadings) {
            if abs(line.at - now) > Self.sameTime, line.at != shownTime {
                parts.append("[\(time.text(line.at))]")
                shownTime = line.at
            }
            parts.append(self.reading(line))
        }
        if result.lines.count > Self.mostReadings { parts.append("and \(result.lines.count - Self.mostReadings) more") }
        if let faults = result.faults { parts.append("REFUSED \(printable(faults))") }
        return parts.isEmpty ? "nothing in it" : parts.joined(separator: "  ")
    }

    private func reading(_ line: PayloadReader.Line) -> String {
        let marks = line.quality.subtracting([.receiptTime, .retained]).words
        return (line.component.map { printable($0) + "/" } ?? "") + printable(line.metric) + "="
            + printable(line.value.description) + (line.unit.map { " \($0)" } ?? "")
            + (line.detail.map { " '\(printable($0))'" } ?? "")
            + (marks.isEmpty ? "" : " (\(marks.joined(separator: ", ")))")
    }

    private func payload(_ bytes: [UInt8]) -> String {
        if let text = String(validating: bytes, as: UTF8.self) { return printable(text) }
        let digits = Array("0123456789abcdef")
        return "hex " + bytes.map { "\(digits[Int($0 >> 4)])\(digits[Int($0 & 15)])" }.joined()
    }

    private func json(_ message: BrokerLink.Message, _ now: Timestamp) -> String {
        var json = JSONWriter()
        let text = String(validating: message.payload, as: UTF8.self)
        json.object {
            $0.field("topic", message.topic)
            $0.field("received_at", now)
            $0.field("retained", message.isRetained)
            $0.field("payload", text)
            if text == nil { $0.field("payload_base64", Data(message.payload).base64EncodedString()) }
        }
        return json.text
    }
}

/// Ctrl-C or `kill`, taken note of so that a session can be ended in an orderly way.
enum Interruption {
    static var happened: Bool { interrupted.load(ordering: .relaxed) }

    static func watch() {
        // Made before a signal needs it: a handler may not allocate.
        _ = happened
        for number in [SIGINT, SIGTERM] { signal(number) { _ in interrupted.store(true, ordering: .relaxed) } }
    }
}

/// Not within the type: a C function captures nothing.
private let interrupted = Atomic<Bool>(false)

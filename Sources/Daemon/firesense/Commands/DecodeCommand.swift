import ArgumentParser
import FireModel
import FireNormalise
import Foundation

/// `firesense decode`
struct DecodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decode", abstract: "Decodes one payload as the daemon would, and prints the readings.",
        discussion: """
            For people connecting a new device. Without --topic it is tried with every kind and stream that --kind and \
            --stream leave open, and the best fit is shown. Exit code 1 when something was refused.
            """)

    enum Stream: String, CaseIterable, ExpressibleByArgument { case telemetry, event, status, raw }

    @OptionGroup var files: ConfigurationOption

    @Option(help: ArgumentHelp("The form of the payload, such as native.", valueName: "name"))
    var dialect: String

    @Option(help: "A kind of the catalogue.")
    var kind: String?

    @Option(help: "Which stream of the device it is.")
    var stream: Stream?

    @Option(help: "The topic it comes on.")
    var topic: String?

    @Flag(help: "The payload is written in hexadecimal digits; blanks, colons and commas between them do no harm.")
    var hex = false

    @Option(help: "How to print.")
    var format = ListFormat.table

    @Argument(help: "A file; - or nothing: standard input.")
    var file = "-"

    func validate() throws {
        let known = try Dialects.all().map(\.name)
        guard known.contains(dialect) else {
            throw ValidationError("--dialect is '\(dialect)', expected one of \(known.joined(separator: ", "))")
        }
        if topic != nil, kind != nil || stream != nil {
            throw ValidationError("--topic says kind and stream already, leave --kind and --stream out")
        }
    }

    func run() throws {
        let loaded = try files.load()
        let catalogue = loaded.catalogue
        if let kind, catalogue[kind] == nil {
            let known = catalogue.kinds.map(\.name)
            throw Failure(
                "kind '\(printable(kind))' is in no catalogue",
                remedy: Nearest.question(kind, among: known) ?? "known are \(known.joined(separator: ", "))")
        }
        let bytes = try payload()
        let decoding = Decoding(
            dialect: dialect, catalogue: catalogue, kinds: kind.map { [$0] } ?? catalogue.kinds.map(\.name),
            streams: stream.map { [$0.rawValue] } ?? Stream.allCases.map(\.rawValue))
        let result = try topic.map { try decoding.read(bytes, topic: $0) } ?? decoding.bestFit(bytes)
        switch format {
        case .table: try Output.text(Self.text(result, LocalTime(zone: loaded.configuration.gateway.timeZone)))
        case .csv: try Output.text(Self.csv(result))
        case .json: try Output.line(result.json)
        }
        if format == .csv, let faults = result.faults { Output.complain("refused: \(printable(faults))") }
        if result.faults != nil { throw ExitCode(ExitStatus.failed) }
    }

    private func payload() throws -> [UInt8] {
        let handle: FileHandle
        if file == "-" {
            handle = .standardInput
        } else if let opened = FileHandle(forReadingAtPath: file) {
            handle = opened
        } else {
            throw Failure("cannot read \(file): \(String(cString: strerror(errno)))")
        }
        // In hexadecimal with a blank after each byte, three characters a byte.
        let limit = (Limits.maximumPayload + 1) * (hex ? 4 : 1)
        let bytes: [UInt8]
        do {
            bytes = Array(try handle.read(upToCount: limit) ?? Data())
        } catch {
            throw Failure("cannot read \(file): \(error.localizedDescription)")
        }
        return hex ? try Decoding.bytes(hexadecimal: bytes) : bytes
    }

    static func text(_ result: PayloadReader.Result, _ time: LocalTime) -> String {
        var text = "topic    \(printable(result.topic))\n"
        if result.standing == .own { text += "the daemon's own topic: acknowledged, counted and passed over\n" }
        if !result.unknownMetrics.isEmpty {
            text +=
                "unknown  \(result.unknownMetrics.map(printable).joined(separator: ", ")): stored, but in no catalogue\n"
        }
        if let faults = result.faults { text += "refused  \(printable(faults))\n" }
        guard !result.lines.isEmpty else { return text }
        var table = Table([
            .text("time"), .text("device"), .text("component"), .text("metric"), .number("value"), .text("unit"),
            .text("marks"), .text("detail"),
        ])
        table.rows = result.lines.map {
            [
                time.text($0.at), $0.device, $0.component ?? "", $0.metric, $0.value.description, $0.unit ?? "",
                $0.quality.words.joined(separator: ", "), $0.detail ?? "",
            ]
        }
        return text + "\n" + table.text
    }

    static func csv(_ result: PayloadReader.Result) -> String {
        var bytes = Array(ExportFormat.csv.header.utf8)
        for line in result.lines {
            ExportedReading(
                at: line.at, area: line.area, kind: line.kind, device: line.device, component: line.component,
                metric: line.metric, value: line.value
            ).write(.csv, to: &bytes)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

import ArgumentParser
import FireModel
import Foundation

/// `firesense quarantine`
struct QuarantineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quarantine", abstract: "Payloads that could not be read.",
        subcommands: [QuarantineListCommand.self, QuarantineShowCommand.self, QuarantineRetryCommand.self])
}

/// `firesense quarantine list`
struct QuarantineListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "What is in the quarantine and why, newest first.")

    @OptionGroup var source: SourceOptions
    @OptionGroup var limit: LimitOption

    @Option(help: "How to print.")
    var format = ListFormat.table

    func run() async throws {
        let found = try source.find()
        let page = try await found.read { data in
            try await withProgress("reading the quarantine") { progress in
                try await collect(limit.limit) { limit, cursor in
                    let page = try await data.quarantine(limit: limit, cursor: cursor)
                    progress.add(page.items.count)
                    return page
                }
            }
        }
        switch format {
        case .table: try Output.text(QuarantineList(items: page.items).table(found.localTime).text)
        case .csv: try Output.text(QuarantineList(items: page.items).csv)
        case .json: try Output.text(page.json(QuarantineList.write))
        }
        tellMore(page.next, limit.limit)
    }
}

/// `firesense quarantine show`
struct QuarantineShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "One payload with its topic, time and reason.")

    @Argument(help: "The number from the list.") var id: Int64
    @OptionGroup var source: SourceOptions

    @Flag(help: "Print the bytes of the payload and nothing else.")
    var raw = false

    @Option(help: "How to print.")
    var format = ListFormat.table

    func run() async throws {
        let found = try source.find()
        guard let item = try await found.read({ try await $0.quarantineItem(id) }) else { throw unknownPayload(id) }
        if raw { return try Output.write(item.payload) }
        switch format {
        case .table: try Output.text(QuarantineList.text(item, found.localTime))
        case .csv: try Output.text(QuarantineList(items: [item]).csv)
        case .json:
            var json = JSONWriter()
            QuarantineList.write(item, to: &json)
            try Output.line(json.text)
        }
    }
}

/// `firesense quarantine retry`
struct QuarantineRetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Reads payloads again, with their original time of receipt.")

    @Argument(help: "The numbers from the list.") var ids: [Int64]
    @OptionGroup var source: SourceOptions

    func run() async throws {
        try await source.find().change { gateway in
            var failed = 0
            for id in ids {
                do {
                    let readings = try await gateway.retry(id)
                    try Output.line("\(id): read, \(readings) reading\(readings == 1 ? "" : "s")")
                } catch let failure as Failure {
                    failed += 1
                    Output.complain("\(id): \(failure.description)")
                }
            }
            if failed > 0 { throw ExitCode(ExitStatus.failed) }
        }
    }
}

func unknownPayload(_ id: Int64) -> Failure {
    Failure("there is no payload \(id) in the quarantine", remedy: "see firesense quarantine list")
}

/// Quarantined payloads, to be printed.
struct QuarantineList {
    var items: [QuarantineItem]

    func table(_ time: LocalTime) -> Table {
        var table = Table([.number("id"), .text("received"), .text("topic"), .number("bytes"), .text("reason")])
        table.rows = items.map {
            ["\($0.id)", time.text($0.receivedAt), $0.topic, "\($0.publishedLength)", $0.reason]
        }
        return table
    }

    var csv: String {
        var table = Table(
            ["id", "received_at", "topic", "lane", "published_length", "reason", "payload_base64"].map(
                Table.Column.text))
        table.rows = items.map {
            [
                "\($0.id)", "\($0.receivedAt.milliseconds)", $0.topic, $0.lane.description, "\($0.publishedLength)",
                $0.reason, Data($0.payload).base64EncodedString(),
            ]
        }
        return table.csv
    }

    /// As the HTTP interface answers.
    static func write(_ item: QuarantineItem, to json: inout JSONWriter) {
        item.writeJSON(to: &json) { Data($0).base64EncodedString() }
    }

    static func text(_ item: QuarantineItem, _ time: LocalTime) -> String {
        let cut = item.publishedLength > item.payload.count ? ", of which \(item.payload.count) were kept" : ""
        return """
            id        \(item.id)
            received  \(time.text(item.receivedAt))
            topic     \(printable(item.topic))
            lane      \(item.lane)
            bytes     \(item.publishedLength)\(cut)
            reason    \(printable(item.reason))

            \(payload(item.payload))

            """
    }

    /// The text it is, or a dump of its bytes; a screen of it.
    static func payload(_ bytes: [UInt8]) -> String {
        let shown = bytes.prefix(4096)
        let more = bytes.count > shown.count ? "\n… (--raw prints all of it)" : ""
        // What the end was cut off from may be half a character.
        let isText =
            String(validating: bytes, as: UTF8.self).map { !$0.unicodeScalars.contains(where: isUnprintable) } ?? false
        return (isText ? String(decoding: shown, as: UTF8.self) : hexDump(Array(shown.prefix(512)))) + more
    }

    private static func isUnprintable(_ scalar: Unicode.Scalar) -> Bool {
        scalar != "\n" && scalar != "\t" && scalar != "\r" && printable(String(scalar)) != String(scalar)
    }

    /// Sixteen bytes a line with their offset, in hex and as ASCII.
    private static func hexDump(_ bytes: [UInt8]) -> String {
        stride(from: 0, to: bytes.count, by: 16).map { offset in
            let row = bytes[offset..<min(offset + 16, bytes.count)]
            let hex = row.map { hexadecimal($0, width: 2) }.joined(separator: " ")
            let ascii = row.map { (0x20...0x7E).contains($0) ? String(Unicode.Scalar($0)) : "." }.joined()
            return "\(hexadecimal(offset, width: 6))  \(hex)\(String(repeating: " ", count: 47 - hex.count))  \(ascii)"
        }.joined(separator: "\n")
    }

    private static func hexadecimal(_ number: some BinaryInteger, width: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

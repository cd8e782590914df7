import ArgumentParser
import FireModel

/// `firesense deliveries show`
struct DeliveriesShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "One delivery with every attempt that is kept and what came back.",
        discussion: "Works with the daemon running or stopped.")

    @Argument(help: "The delivery's id, the webhook-id.")
    var id: String

    @OptionGroup var source: SourceOptions

    @Option(help: "How to print; csv prints the attempts.")
    var format = ListFormat.table

    func run() async throws {
        let found = try source.find()
        let id = id.lowercased()
        guard let record = try await found.read({ try await $0.delivery(id) }) else {
            throw Failure("there is no delivery '\(printable(id))'", remedy: "see firesense deliveries list")
        }
        let report = DeliveryReport(record: record)
        switch format {
        case .table: try Output.text(report.text(found.localTime))
        case .csv: try Output.text(report.csv)
        case .json:
            var json = JSONWriter()
            record.writeJSON(to: &json)
            try Output.line(json.text)
        }
    }
}

/// One delivery, to be printed.
struct DeliveryReport {
    var record: DeliveryRecord

    func text(_ time: LocalTime) -> String {
        let delivery = record.summary
        let facts = [
            ("id", delivery.id), ("endpoint", delivery.endpoint), ("type", delivery.type),
            ("alarm", "\(delivery.alarm) revision \(record.revision)"), ("device", record.device),
            ("time", time.text(record.time)), ("created", time.text(delivery.createdAt)),
            ("replayed", time.text(delivery.replayedAt)), ("state", delivery.state.rawValue),
            ("next attempt", time.text(delivery.nextAttemptAt)), ("attempts", "\(delivery.attemptCount)"),
        ].filter { !$0.1.isEmpty }
        let width = facts.map { $0.0.count }.max() ?? 0
        let lines = facts.map { name, value in
            name + String(repeating: " ", count: width - name.count) + "  " + printable(value) + "\n"
        }
        return lines.joined() + attemptText(time) + "\ndata\n" + (record.snapshot ?? "not kept any more") + "\n"
    }

    private func attemptText(_ time: LocalTime) -> String {
        let attempts = record.summary.attempts
        guard !attempts.isEmpty else { return "" }
        let count = record.summary.attemptCount
        let older = count > attempts.count ? "the last \(attempts.count) of \(count) attempts\n" : ""
        var table = Table([.text("at"), .text("status"), .number("ms"), .text("error"), .text("answer")])
        table.rows = attempts.map { attempt in
            [
                time.text(attempt.at), attempt.status.map(String.init) ?? "-", "\(attempt.milliseconds)",
                attempt.error ?? "", attempt.answer ?? "",
            ]
        }
        return "\n" + older + table.text
    }

    var csv: String {
        var table = Table(["at", "status", "milliseconds", "error", "answer"].map(Table.Column.text))
        table.rows = record.summary.attempts.map { attempt in
            [
                "\(attempt.at.milliseconds)", attempt.status.map(String.init) ?? "", "\(attempt.milliseconds)",
                attempt.error ?? "", attempt.answer ?? "",
            ]
        }
        return table.csv
    }
}

import ArgumentParser
import FireModel

/// `firesense deliveries`
struct DeliveriesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deliveries", abstract: "Webhook deliveries.", subcommands: [DeliveriesListCommand.self])
}

/// `firesense deliveries list`
struct DeliveriesListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Deliveries with their attempts, newest first.")

    @OptionGroup var source: SourceOptions

    @Option(help: "Only in this state.")
    var state: Delivery.State?

    @OptionGroup var limit: LimitOption

    @Option(help: "How to print.")
    var format = ListFormat.table

    func run() async throws {
        let found = try source.find()
        let page = try await found.read { data in
            try await withProgress("reading deliveries") { progress in
                try await collect(limit.limit) { limit, cursor in
                    let page = try await data.deliveries(state, limit: limit, cursor: cursor)
                    progress.add(page.items.count)
                    return page
                }
            }
        }
        switch format {
        case .table: try Output.text(DeliveryList(deliveries: page.items).table(found.localTime).text)
        case .csv: try Output.text(DeliveryList(deliveries: page.items).csv)
        case .json: try Output.text(page.json { $0.writeJSON(to: &$1) })
        }
        tellMore(page.next, limit.limit)
    }
}

/// Deliveries, to be printed.
struct DeliveryList {
    var deliveries: [DeliverySummary]

    func table(_ time: LocalTime) -> Table {
        var table = Table([
            .text("created"), .text("endpoint"), .text("state"), .text("type"), .number("attempts"),
            .text("last answer"),
            .text("next attempt"), .text("alarm"), .text("id"),
        ])
        table.rows = deliveries.map { delivery in
            [
                time.text(delivery.createdAt), delivery.endpoint, delivery.state.rawValue, delivery.type,
                "\(delivery.attemptCount)", delivery.attempts.last.map(answer) ?? "",
                time.text(delivery.nextAttemptAt),
                delivery.alarm, delivery.id,
            ]
        }
        return table
    }

    var csv: String {
        var table = Table(
            [
                "id", "created_at", "endpoint", "state", "type", "alarm", "attempts", "last_status", "last_error",
                "next_attempt_at",
            ].map(Table.Column.text))
        table.rows = deliveries.map { delivery in
            [
                delivery.id, "\(delivery.createdAt.milliseconds)", delivery.endpoint, delivery.state.rawValue,
                delivery.type,
                delivery.alarm, "\(delivery.attemptCount)", delivery.attempts.last?.status.map(String.init) ?? "",
                delivery.attempts.last?.error ?? "", delivery.nextAttemptAt.map { "\($0.milliseconds)" } ?? "",
            ]
        }
        return table.csv
    }

    private func answer(_ attempt: DeliveryAttempt) -> String {
        [attempt.status.map(String.init), attempt.error].compactMap { $0 }.joined(separator: " ")
            + " in \(attempt.milliseconds) ms"
    }
}

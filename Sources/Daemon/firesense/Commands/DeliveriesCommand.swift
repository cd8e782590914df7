import ArgumentParser
import FireModel

/// `firesense deliveries`
struct DeliveriesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deliveries", abstract: "Webhook deliveries: what was told to whom, and what came back.",
        subcommands: [DeliveriesListCommand.self, DeliveriesShowCommand.self, DeliveriesReplayCommand.self])
}

/// `firesense deliveries list`
struct DeliveriesListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Deliveries with their attempts, newest first.",
        discussion: "--from and --to mean when the change was committed. Works with the daemon running or stopped.")

    @OptionGroup var source: SourceOptions

    @Option(help: "Only in this state.")
    var state: Delivery.State?

    @Option(help: "Only for this endpoint.")
    var endpoint: String?

    @Option(help: "Only of this alarm, by its id or a beginning of it that no other has.")
    var alarm: String?

    @OptionGroup var time: RangeOptions
    @OptionGroup var limit: LimitOption

    @Option(help: "How to print.")
    var format = ListFormat.table

    var filter: DeliveryFilter {
        var filter = DeliveryFilter()
        filter.state = state
        filter.endpoint = endpoint
        filter.range = time.range
        return filter
    }

    func run() async throws {
        let found = try source.find()
        let page = try await found.read { data in
            var filter = filter
            if let alarm { filter.alarm = try await wholeID(alarm, data) }
            return try await withProgress("reading deliveries") { [filter] progress in
                try await collect(limit.limit) { limit, cursor in
                    let page = try await data.deliveries(filter, limit: limit, cursor: cursor)
                    progress.add(page.items.count)
                    return page
                }
            }
        }
        if page.items.isEmpty, let endpoint { try found.expectEndpoint(endpoint) }
        let list = DeliveryList(deliveries: page.items)
        switch format {
        case .table: try Output.text(list.table(found.localTime).text)
        case .csv: try Output.text(list.csv)
        case .json: try Output.text(page.json { $0.writeJSON(to: &$1) })
        }
        tellMore(page.next, limit.limit)
    }
}

extension Source {
    /// Nothing was found for it: perhaps it is misspelt. What is configured elsewhere is not known here.
    ///
    /// - Throws: `Failure`, which names those there are.
    fileprivate func expectEndpoint(_ name: String) throws {
        let known = loaded.endpoints.map(\.name)
        guard place.address == nil, !known.isEmpty, !known.contains(name) else { return }
        throw Failure(
            "there is no endpoint '\(printable(name))' and nothing was ever sent to one; known are: "
                + known.sorted().joined(separator: ", "), remedy: Nearest.question(name, among: known))
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
                time.text(delivery.createdAt), delivery.endpoint, state(delivery), delivery.type,
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
                "next_attempt_at", "replayed_at",
            ].map(Table.Column.text))
        table.rows = deliveries.map { delivery in
            [
                delivery.id, "\(delivery.createdAt.milliseconds)", delivery.endpoint, delivery.state.rawValue,
                delivery.type,
                delivery.alarm, "\(delivery.attemptCount)", delivery.attempts.last?.status.map(String.init) ?? "",
                delivery.attempts.last?.error ?? "", milliseconds(delivery.nextAttemptAt),
                milliseconds(delivery.replayedAt),
            ]
        }
        return table.csv
    }

    private func milliseconds(_ time: Timestamp?) -> String { time.map { "\($0.milliseconds)" } ?? "" }

    private func state(_ delivery: DeliverySummary) -> String {
        delivery.state.rawValue + (delivery.replayedAt == nil ? "" : ", replayed")
    }

    private func answer(_ attempt: DeliveryAttempt) -> String {
        [attempt.status.map(String.init), attempt.error].compactMap { $0 }.joined(separator: " ")
            + " in \(attempt.milliseconds) ms"
    }
}

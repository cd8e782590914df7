import ArgumentParser
import FireModel

/// `firesense webhooks`
struct WebhooksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhooks", abstract: "The endpoints alarms are pushed to.",
        subcommands: [WebhooksListCommand.self, WebhooksTestCommand.self, WebhooksEnableCommand.self])
}

/// `firesense webhooks list`
struct WebhooksListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "How each endpoint does and what waits for it; the daemon must run.")

    @OptionGroup var source: SourceOptions

    @Option(help: "How to print.")
    var format = ListFormat.table

    func run() async throws {
        let found = try source.find()
        let bodies: [EndpointBody] = try await found.change { try await $0.inForce("/api/v1/webhooks") }
        try EndpointList(endpoints: bodies).print(format, found.localTime)
    }
}

/// `firesense webhooks enable`
struct WebhooksEnableCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable",
        abstract: "Makes everything that waits for an endpoint due at once, also after a 410; the daemon must run.")

    @Argument(help: "The endpoint's name.") var name: String
    @OptionGroup var source: SourceOptions

    @Option(help: "How to print the endpoint afterwards.")
    var format = ListFormat.table

    func run() async throws {
        let found = try source.find()
        let body: EndpointBody = try await found.change {
            try await $0.post("/api/v1/webhooks/\(percentEncoded(name))/enable", "{}")
        }
        try EndpointList(endpoints: [body]).print(format, found.localTime)
    }
}

/// Endpoints, to be printed.
struct EndpointList {
    var endpoints: [EndpointBody]

    func print(_ format: ListFormat, _ time: LocalTime) throws {
        switch format {
        case .table: try Output.text(table(time).text)
        case .csv: try Output.text(csv)
        case .json: for endpoint in endpoints { try Output.line(endpoint.json) }
        }
    }

    func table(_ time: LocalTime) -> Table {
        var table = Table([
            .text("name"), .text("state"), .number("pending"), .text("oldest"), .text("last success"),
            .text("last answer"), .text("fire"), .text("format"), .text("channel"), .text("heartbeat"),
            .text("address"),
        ])
        table.rows = endpoints.map { endpoint in
            [
                endpoint.name, endpoint.state, "\(endpoint.pending)", time.text(endpoint.oldestPendingAt),
                time.text(endpoint.lastSuccessAt), endpoint.lastAttempt.map(answer) ?? "",
                endpoint.takesFire ? "yes" : "no", endpoint.format, endpoint.channel, endpoint.heartbeat ?? "",
                endpoint.address,
            ]
        }
        return table
    }

    var csv: String {
        var table = Table(
            [
                "name", "address", "format", "channel", "takes_fire", "state", "pending", "oldest_pending_at",
                "last_success_at", "last_at", "last_status", "last_error", "heartbeat",
            ].map(Table.Column.text))
        func milliseconds(_ time: Timestamp?) -> String { time.map { "\($0.milliseconds)" } ?? "" }
        table.rows = endpoints.map { endpoint in
            [
                endpoint.name, endpoint.address, endpoint.format, endpoint.channel, "\(endpoint.takesFire)",
                endpoint.state, "\(endpoint.pending)", milliseconds(endpoint.oldestPendingAt),
                milliseconds(endpoint.lastSuccessAt), milliseconds(endpoint.lastAttempt?.at),
                endpoint.lastAttempt?.status.map(String.init) ?? "", endpoint.lastAttempt?.error ?? "",
                endpoint.heartbeat ?? "",
            ]
        }
        return table.csv
    }

    private func answer(_ attempt: EndpointBody.Attempt) -> String {
        [attempt.status.map(String.init), attempt.error].compactMap { $0 }.joined(separator: " ")
            + " in \(attempt.milliseconds) ms"
    }
}

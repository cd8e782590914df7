import ArgumentParser
import FireModel

/// `firesense deliveries replay`
struct DeliveriesReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Sends deliveries that are done with once more; the daemon must run.",
        discussion: """
            Ids and options narrow down together; at least one is given. Each goes out under its old webhook-id, with \
            the header firesense-replay: true, behind everything that was never sent. Those that still wait are left \
            alone, so that it may be repeated.
            """)

    @Argument(help: "Ids of deliveries, at most \(ReplaySelection.mostIDs).")
    var ids: [String] = []

    @Option(help: "Only for this endpoint.")
    var endpoint: String?

    @OptionGroup var time: RangeOptions

    @Option(help: "Only in this state, such as dead.")
    var state: Delivery.State?

    @OptionGroup var source: SourceOptions

    @Option(help: "How to print what was done.")
    var format = ListFormat.table

    var selection: ReplaySelection {
        var selection = ReplaySelection()
        selection.ids = ids.map { $0.lowercased() }
        selection.filter.endpoint = endpoint
        selection.filter.state = state
        selection.filter.range = time.range
        return selection
    }

    func validate() throws {
        guard selection.hasCriterion else {
            throw ValidationError("say what to send once more: ids, --endpoint, --from, --to or --state")
        }
        guard ids.count <= ReplaySelection.mostIDs else {
            throw ValidationError(
                "\(ids.count) ids are too many, expected at most \(ReplaySelection.mostIDs); say --from and --to")
        }
    }

    func run() async throws {
        let outcome = try await source.find().change { gateway in
            try await withProgress("marking deliveries") { _ in try await gateway.replay(selection) }
        }
        switch format {
        case .table: try Output.text(Self.text(outcome))
        case .csv:
            var table = Table(outcome.counts.map { Table.Column.text($0.key) })
            table.rows = [outcome.counts.map { "\($0.value)" }]
            try Output.text(table.csv)
        case .json:
            var json = JSONWriter()
            outcome.writeJSON(to: &json)
            try Output.line(json.text)
        }
        // Who named deliveries and misspelt all of them has not been served.
        if outcome.replayed == 0, outcome.unknown > 0 { throw ExitCode(ExitStatus.failed) }
    }

    static func text(_ outcome: ReplayOutcome) -> String {
        func line(_ count: Int, _ text: String) -> String? { count > 0 ? "left alone: \(count) \(text)\n" : nil }
        let lines = [
            "\(outcome.replayed) to be sent once more\n", line(outcome.stillPending, "that still wait"),
            line(outcome.endpointNotConfigured, "for an endpoint that is not configured any more"),
            line(outcome.snapshotNotKept, "of which what they told is not kept any more"),
            line(outcome.unknown, "with an id that no delivery has"),
        ]
        return lines.compactMap { $0 }.joined()
    }
}

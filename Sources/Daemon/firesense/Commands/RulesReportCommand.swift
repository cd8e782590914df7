import ArgumentParser
import FireModel

/// `firesense rules report`
struct RulesReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "How rules did: verdicts, and what the list of alarms demands of an operator.",
        discussion: "--from and --to mean when an alarm was received. Works with the daemon running or stopped.")

    @OptionGroup var source: SourceOptions
    @OptionGroup var time: RangeOptions

    @Option(help: "Only of this rule.")
    var rule: String?

    @Option(help: "One line per rule, or per rule and device.")
    var by = RuleReport.Grouping.rule

    @Option(help: "How many operators share the alarms.")
    var operators = 1

    @Option(help: "How to print; csv prints the rules.")
    var format = ListFormat.table

    func validate() throws {
        if operators < 1 { throw ValidationError("--operators is \(operators), expected 1 or more") }
    }

    func run() async throws {
        var filter = AlarmFilter()
        filter.range = time.range
        let rows = try await source.find().read { data in
            try await withProgress("reading alarms") { [filter] progress in
                try await collect(.max) { limit, cursor in
                    let page = try await data.alarms(filter, limit: limit, cursor: cursor)
                    progress.add(page.items.count)
                    return Page(items: page.items.map { AlarmRow($0) }, next: page.next)
                }.items
            }
        }
        let report = RuleReport(
            rows.filter { rule == nil || $0.rule == rule }, from: time.from, to: min(time.to ?? .now, .now), by: by,
            operators: operators)
        let printed = RuleReportText(report: report)
        switch format {
        case .table: try Output.text(printed.text)
        case .json: try Output.line(report.json)
        case .csv: try Output.text(printed.csv)
        }
    }
}

extension RuleReport.Grouping: ExpressibleByArgument {}

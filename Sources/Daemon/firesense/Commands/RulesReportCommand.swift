import ArgumentParser
import FireModel
import FireRehearsal
import FireSettings
import FireStore

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

    @Flag(help: "Limits that would have avoided false alarms and lost no true one; reads the database itself.")
    var suggest = false

    func validate() throws {
        if suggest, source.address != nil {
            throw ValidationError("--suggest reads the database itself: run it on the gateway, or on a backup")
        }
        if suggest, format != .table { throw ValidationError("--suggest prints text only") }
        if operators < 1 { throw ValidationError("--operators is \(operators), expected 1 or more") }
    }

    func run() async throws {
        if suggest { return try await suggestLimits() }
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

    private func suggestLimits() async throws {
        let found = try source.find(environment: [:])
        let path = found.place.database
        if let reason = ControlSocket.unreadable(path) {
            throw Failure(
                "cannot read the database \(path): \(reason)", remedy: "use sudo, or --database with a backup")
        }
        let (loaded, rule, range) = (found.loaded, rule, time.range)
        let suggestions = try await withProgress("trying limits") { _ in
            do {
                return try await blocking {
                    let reader = try StoreReader(path: path)
                    return try LimitSuggestion.all(
                        try Self.judged(reader, rule, range), rules: loaded.rules, catalogue: loaded.catalogue,
                        gateway: loaded.gatewayID, reader: reader)
                }
            } catch let error as StoreError {
                throw Failure("\(error)")
            } catch let error as Backtest.TooMany {
                throw Failure("\(error)")
            }
        }
        let shipped = Set(Defaults.rules(for: loaded.catalogue).rules.map(\.id))
        try Output.text(SuggestionText(suggestions: suggestions, shipped: shipped, time: found.localTime).text)
    }

    private static func judged(_ reader: StoreReader, _ rule: String?, _ range: TimeRange) throws -> [Alarm] {
        var filter = AlarmFilter()
        filter.range = range
        var judged: [Alarm] = []
        for verdict in Verdict.allCases where verdict.isTrue != nil {
            filter.verdict = verdict
            var cursor: String?
            repeat {
                let page = try reader.alarms(filter, limit: 1000, cursor: cursor)
                judged += page.items.filter { rule == nil || $0.rule == rule }
                cursor = page.next
            } while cursor != nil
        }
        return judged
    }
}

extension RuleReport.Grouping: ExpressibleByArgument {}

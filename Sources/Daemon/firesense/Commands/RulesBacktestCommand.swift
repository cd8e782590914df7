import ArgumentParser
import FireModel
import FireRehearsal
import FireSettings
import FireStore
import Foundation

/// `firesense rules backtest`
struct RulesBacktestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backtest", abstract: "Runs rules over stored history and reports what would have fired.",
        discussion: """
            Reads the database itself, with the daemon running or stopped; nothing is changed and nobody is told. Before \
            --from the rules are shown what their longest window, silence and `for` take, at least an hour; alarms of \
            that time are not counted. Latched alarms end when somebody ended the stored ones.
            """)

    @Option(
        name: .customLong("rules"), parsing: .upToNextOption,
        help: ArgumentHelp("Rules files; when absent, the rules of the configuration.", valueName: "file"))
    var files: [String] = []

    @Flag(help: "The shipped rules beside those of --rules.")
    var defaults = false

    @Option(help: "The first moment, inclusive.", transform: Timestamp.argument)
    var from: Timestamp

    @Option(help: "The last moment, exclusive; now when absent.", transform: Timestamp.argument)
    var to: Timestamp?

    @Option(
        help: ArgumentHelp(
            "Hold it against the rules of this file, or `current`: those of the configuration.", valueName: "file"))
    var diff: String?

    @Flag(help: "Each alarm by itself.")
    var list = false

    @OptionGroup var source: SourceOptions

    @Option(help: "Only of devices of this kind.")
    var kind: String?

    @Option(help: "Only of this area.")
    var area: String?

    @Option(help: "Only of this device.")
    var device: [String] = []

    @Option(help: "How to print.")
    var format = ListFormat.table

    func validate() throws {
        if let to, to <= from { throw ValidationError("--to is not after --from") }
        if source.address != nil {
            throw ValidationError("a backtest reads the database itself: run it on the gateway, or on a backup")
        }
    }

    func run() async throws {
        let found = try source.find(environment: [:])
        let path = found.place.database
        if let reason = ControlSocket.unreadable(path) {
            throw Failure(
                "cannot read the database \(path): \(reason)", remedy: "use sudo, or --database with a backup")
        }
        let new = try files.isEmpty ? found.loaded.rules : rules(files, found.loaded)
        let old = try diff.map { $0 == "current" ? found.loaded.rules : try rules([$0], found.loaded) }
        let reader: StoreReader
        do { reader = try StoreReader(path: path) } catch { throw Failure("\(error)") }
        let judged = try await alarms(DatabaseData(reader: reader, catalogue: found.loaded.catalogue))
        var test = Backtest(
            catalogue: found.loaded.catalogue, gateway: found.loaded.gatewayID, from: from, to: to ?? .now)
        test.filter = filter
        test.resets = judged.filter { $0.clearedReason != .condition }
        let outcomes = try await run(test, [new] + (old.map { [$0] } ?? []), reader)
        var report = BacktestReport(outcome: outcomes[0], rules: new)
        report.judged = JudgedAlarms(judged, by: outcomes[0], rules: new, storedRules: found.loaded.rules)
        if let old {
            report.difference = BacktestDifference(
                new: outcomes[0], old: outcomes[1], newRules: new, oldRules: old)
        }
        switch format {
        case .table: try Output.text(report.text(found.localTime, list: list))
        case .json: try Output.line(report.json(list: list))
        case .csv: try Output.text(list ? report.alarmsCSV : report.rulesCSV)
        }
    }

    private var filter: SeriesFilter {
        var filter = SeriesFilter()
        filter.kind = kind
        filter.area = area
        filter.devices = device
        return filter
    }

    private func rules(_ files: [String], _ loaded: LoadedConfiguration) throws -> [RuleDefinition] {
        let read: RuleFiles
        do {
            read = try RuleFiles(files, defaults: defaults, catalogue: loaded.catalogue)
        } catch {
            throw Failure("cannot read \(files.joined(separator: ", ")): \(error.localizedDescription)")
        }
        for problem in read.problems { Output.complain("\(problem)") }
        guard !read.problems.contains(where: { $0.severity == .error }) else {
            throw Failure("the rules have errors", code: ExitStatus.invalidConfiguration)
        }
        return read.rules
    }

    /// Stored ones of this time, for what people judged and ended.
    private func alarms(_ data: DatabaseData) async throws -> [Alarm] {
        var query = AlarmFilter()
        query.kind = kind
        query.area = area
        // By receipt; a device's time may be a day off (contract 6, "Time").
        query.range = TimeRange(from: from + -86_400_000, to: (to ?? .now) + 86_400_000)
        return try await withProgress("reading alarms") { [query] progress in
            try await collect(Backtest.mostAlarms) { limit, cursor in
                let page = try await data.alarms(query, limit: limit, cursor: cursor)
                progress.add(page.items.count)
                return page
            }.items.filter { device.isEmpty || device.contains($0.device.id) }
        }
    }

    private func run(
        _ test: Backtest, _ sets: [[RuleDefinition]], _ reader: StoreReader
    ) async throws -> [BacktestOutcome] {
        let candidates = sets.map { Backtest.Candidate($0) }
        let begin = test.from + -test.warmUp(candidates).wholeMilliseconds
        return try await withProgress("running the rules", total: test.to - begin, unit: .nothing) { progress in
            do {
                return try await blocking {
                    var told: Int64 = 0
                    return try test.run(candidates, over: reader) { reached, _ in
                        let done = max(0, reached - begin)
                        progress.add(Int(done - told))
                        told = done
                    }
                }
            } catch let error as StoreError {
                throw Failure("\(error)")
            } catch let error as Backtest.TooMany {
                throw Failure("\(error)")
            }
        }
    }
}

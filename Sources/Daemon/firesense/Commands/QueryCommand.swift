import ArgumentParser
import FireModel
import Foundation

/// `firesense query`
struct QueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query", abstract: "Readings of one metric of one device or of many, as a table with a sparkline.",
        discussion: """
            Without --step every stored value, with it one per step. Several --device, --kind, --area and --by ask for many: a row for each series, or for each group. Works with the daemon running or stopped.
            """)

    enum Format: String, CaseIterable, ExpressibleByArgument { case table, json, csv, line }

    @OptionGroup var source: SourceOptions

    @Option(help: "The device's id; several, or none with --kind, --area or --by, for many.")
    var device: [String] = []

    @Option(help: "A metric of the catalogue, or event.NAME, or online.")
    var metric: String?

    @Option(help: "Port, point, phase…; without it the device itself, of many devices all; empty: the device itself.")
    var component: String?

    @Option(help: "Only of devices of this kind.")
    var kind: String?

    @Option(help: "Only of devices in this area.")
    var area: String?

    @Option(help: "One row for each device, area or kind, over all its readings; the last two need --step.")
    var by: SeriesQuery.Grouping?

    @Flag(help: "The newest value of each; without --metric of all.")
    var latest = false

    @OptionGroup var time: RangeOptions

    @Option(help: "Width of an interval, such as 5m.", transform: Duration.argument)
    var step: Duration?

    @Option(help: "What an interval is summed up to; avg when absent.")
    var fn: ReadingQuery.Function?

    @OptionGroup var limit: LimitOption

    @Option(help: "How to print.")
    var format = Format.table

    func validate() throws {
        if let step, step < .seconds(1) { throw ValidationError("--step is \(step.firesense), expected at least 1s") }
        if fn != nil, step == nil { throw ValidationError("--fn needs --step, such as --step 5m") }
        if let by, by != .device, step == nil, !latest {
            throw ValidationError("--by \(by.rawValue) needs --step, such as --step 1h")
        }
        if latest, step != nil || by != nil || time.range != TimeRange() {
            throw ValidationError("--latest takes no --from, --to, --step, --fn and --by")
        }
    }

    /// One device and nothing else says which series.
    private var single: String? { isNarrowed || device.count != 1 ? nil : device[0] }
    private var isNarrowed: Bool { kind != nil || area != nil || by != nil }

    private var filter: SeriesFilter {
        var filter = SeriesFilter()
        filter.metric = metric
        filter.kind = kind
        filter.area = area
        filter.devices = device
        filter.component = component
        return filter
    }

    /// When nobody says from when.
    private static var usualFrom: Timestamp { .now + -86_400_000 }

    func run() async throws {
        if latest { return try await showLatest() }
        guard let metric, isNarrowed || !device.isEmpty else { throw await incomplete() }
        guard let device = single else { return try await showMany(metric) }
        let found = try source.find()
        try await found.read { data in
            guard let known = try await data.device(device) else { throw try await mistake(device, metric, data) }
            var query = ReadingQuery(device: device, component: component, metric: metric)
            query.range = time.range
            if query.range.from == nil { query.range.from = Self.usualFrom }
            query.step = step
            query.function = fn ?? .avg
            let answer = try await withProgress("reading") { try await data.readings(query, progress: $0) }
            guard let answer else { throw try await mistake(device, metric, data) }
            let result = QueryResult(
                device: known.device, component: component, metric: metric, unit: answer.unit, points: answer.points)
            try Output.text(result.text(format, found.localTime))
        }
    }

    private func showMany(_ metric: String) async throws {
        var query = SeriesQuery(filter)
        query.range = time.range
        if query.range.from == nil { query.range.from = Self.usualFrom }
        query.step = step
        query.function = fn ?? .avg
        query.grouping = by
        let page = try await source.find().read { data in
            try await withProgress("reading") { [query] in
                try await data.allSeries(query, limit: limit.limit, progress: $0)
            }
        }
        try Output.text(SeriesResult(page: page, grouping: by).text(format))
        tellMore(page.next, limit.limit)
    }

    private func showLatest() async throws {
        let found = try source.find()
        let page = try await found.read { data in
            try await withProgress("reading") { progress in
                try await collect(limit.limit) { limit, cursor in
                    let page = try await data.latest(filter, limit: limit, cursor: cursor)
                    progress.add(page.items.count)
                    return page
                }
            }
        }
        try Output.text(LatestResult(page: page).text(format, found.localTime))
        tellMore(page.next, limit.limit)
    }

    /// The command line lacks a name; with those there are, where that can be found out.
    private func incomplete() async -> Failure {
        let isAnyone = device.isEmpty && !isNarrowed
        let what = isAnyone ? "no device given" : "no metric given"
        let option = isAnyone ? "--device (or --kind, --area or --by, for many)" : "--metric"
        let examples = try? await source.find().read { data in
            guard !isAnyone else { return try await data.devices(limit: 5, cursor: nil).items.map(\.device.id) }
            guard let device = device.first else { return [] }
            return Set(try await data.device(device)?.latest.map(\.metric) ?? []).sorted()
        }
        let known = (examples ?? []).map(printable).joined(separator: ", ")
        return Failure(
            what, remedy: "say \(option)" + (known.isEmpty ? "" : ", for example \(known)"),
            code: ExitStatus.wrongUsage)
    }

    /// What is wrong with the names, with the nearest that exist.
    private func mistake(_ id: String, _ metric: String, _ data: any GatewayData) async throws -> Failure {
        guard let known = try await data.device(id) else {
            return Failure(
                "nothing has been heard from device '\(printable(id))'", remedy: try await nearDevices(id, data))
        }
        let metrics = Set(known.latest.map(\.metric)).sorted()
        guard metrics.contains(metric) else {
            let all = metrics.map(printable).joined(separator: ", ")
            return Failure(
                "device \(known.device.id) has no metric '\(printable(metric))'",
                remedy: Nearest.question(metric, among: metrics) ?? "it has \(all)")
        }
        return Failure(
            "device \(known.device.id) has no \(printable(metric)) of "
                + (component.map { "component '\(printable($0))'" } ?? "its own"),
            remedy: remedy(known.latest.filter { $0.metric == metric }.compactMap(\.component).sorted()))
    }

    private func remedy(_ components: [String]) -> String {
        guard !components.isEmpty else { return "leave --component out" }
        let shown = components.prefix(10).map(printable).joined(separator: ", ")
        return component.flatMap { Nearest.question($0, among: components) }
            ?? "say --component, one of \(shown)\(components.count > 10 ? ", …" : "")"
    }

    /// Names that are looked through for the nearest.
    private static let mostDevices = 20_000

    private func nearDevices(_ id: String, _ data: any GatewayData) async throws -> String? {
        let known = try await withProgress("looking for similar names") { progress in
            try await collect(Self.mostDevices) { limit, cursor in
                let page = try await data.devices(limit: limit, cursor: cursor)
                progress.add(page.items.count)
                return page
            }
        }
        return Nearest.question(id, among: known.items.map(\.device.id))
    }
}

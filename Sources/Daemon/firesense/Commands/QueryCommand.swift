import ArgumentParser
import FireModel
import Foundation

/// `firesense query`
struct QueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query", abstract: "Readings of one metric of one device, as a table with a sparkline.",
        discussion: "Without --step every stored value, with it one per step. Works with the daemon running or stopped."
    )

    enum Format: String, CaseIterable, ExpressibleByArgument { case table, json, csv, line }

    @OptionGroup var source: SourceOptions

    @Option(help: "The device's id.")
    var device: String?

    @Option(help: "A metric of the catalogue, or event.NAME, or online.")
    var metric: String?

    @Option(help: "Port, point, phase…; without it the device itself.")
    var component: String?

    @OptionGroup var time: RangeOptions

    @Option(help: "Width of an interval, such as 5m.", transform: Duration.argument)
    var step: Duration?

    @Option(help: "What an interval is summed up to; avg when absent.")
    var fn: ReadingQuery.Function?

    @Option(help: "How to print.")
    var format = Format.table

    func validate() throws {
        if let step, step < .seconds(1) { throw ValidationError("--step is \(step.firesense), expected at least 1s") }
        if fn != nil, step == nil { throw ValidationError("--fn needs --step, such as --step 5m") }
    }

    /// When nobody says from when.
    private static let usualRange: Int64 = 86_400_000

    func run() async throws {
        let found = try source.find()
        try await found.read { data in
            guard let device, let metric, let known = try await data.device(device) else {
                throw try await mistake(data)
            }
            var query = ReadingQuery(device: device, component: component, metric: metric)
            query.range = time.range
            if query.range.from == nil { query.range.from = .now + -Self.usualRange }
            query.step = step
            query.function = fn ?? .avg
            let answer = try await withProgress("reading") { try await data.readings(query, progress: $0) }
            guard let answer else { throw try await mistake(data) }
            let result = QueryResult(
                device: known.device, component: component, metric: metric, unit: answer.unit, points: answer.points)
            try Output.text(result.text(format, found.localTime))
        }
    }

    /// What is wrong with the names, with the nearest that exist.
    private func mistake(_ data: any GatewayData) async throws -> Failure {
        guard let id = device else {
            return Failure("no device given", remedy: "say --device, for example " + (try await examples(data)))
        }
        guard let known = try await data.device(id) else {
            return Failure(
                "nothing has been heard from device '\(printable(id))'", remedy: try await nearDevices(id, data))
        }
        let metrics = Set(known.latest.map(\.metric)).sorted()
        guard let metric else {
            return Failure("no metric given", remedy: "say --metric, one of " + metrics.joined(separator: ", "))
        }
        guard metrics.contains(metric) else {
            return Failure(
                "device \(known.device.id) has no metric '\(printable(metric))'",
                remedy: Nearest.question(metric, among: metrics) ?? "it has \(metrics.joined(separator: ", "))")
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

    private func examples(_ data: any GatewayData) async throws -> String {
        let some = try await data.devices(limit: 5, cursor: nil).items.map(\.device.id)
        guard !some.isEmpty else { throw Failure("nothing has been heard from any device yet") }
        return some.joined(separator: ", ")
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

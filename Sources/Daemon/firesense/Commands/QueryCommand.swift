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
        guard let device, let metric else { throw await incomplete() }
        let found = try source.find()
        try await found.read { data in
            guard let known = try await data.device(device) else { throw try await mistake(device, metric, data) }
            var query = ReadingQuery(device: device, component: component, metric: metric)
            query.range = time.range
            if query.range.from == nil { query.range.from = .now + -Self.usualRange }
            query.step = step
            query.function = fn ?? .avg
            let answer = try await withProgress("reading") { try await data.readings(query, progress: $0) }
            guard let answer else { throw try await mistake(device, metric, data) }
            let result = QueryResult(
                device: known.device, component: component, metric: metric, unit: answer.unit, points: answer.points)
            try Output.text(result.text(format, found.localTime))
        }
    }

    /// The command line lacks a name; with those there are, where that can be found out.
    private func incomplete() async -> Failure {
        let what = device == nil ? "no device given" : "no metric given"
        let option = device == nil ? "--device" : "--metric"
        let examples = try? await source.find().read { data in
            guard let device else { return try await data.devices(limit: 5, cursor: nil).items.map(\.device.id) }
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

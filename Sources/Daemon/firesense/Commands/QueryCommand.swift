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

/// One series, to be printed.
struct QueryResult {
    var device: AlarmDevice
    var component: String?
    var metric: String
    var unit: String?
    /// Oldest first.
    var points: [Point]

    func text(_ format: QueryCommand.Format, _ time: LocalTime) -> String {
        switch format {
        case .table: table(time)
        case .json: json
        case .csv: lines(.csv)
        case .line: lines(.line)
        }
    }

    private func table(_ time: LocalTime) -> String {
        guard !points.isEmpty else { return "no readings in this time\n" }
        let heading = unit.map { "\(metric) \($0)" } ?? metric
        var table = Table([.text("time"), Table.Column(heading: heading, isNumber: numbers.count == points.count)])
        table.keepsCase = true
        table.rows = points.map { [time.text($0.at), $0.value.description] }
        return table.text + footer
    }

    /// What the numbers come to.
    private var footer: String {
        let count = "\n\(points.count) point\(points.count == 1 ? "" : "s")"
        guard let least = numbers.min(), let greatest = numbers.max() else { return count + "\n" }
        let mean = numbers.reduce(0) { $0 + $1 / Double(numbers.count) }
        let unit = unit.map { " \($0)" } ?? ""
        return count
            + ", min \(shortest(least))\(unit), avg \(rounded(mean))\(unit), max \(shortest(greatest))\(unit)\n"
            + Sparkline.text(numbers, width: 64) + "\n"
    }

    private var numbers: [Double] {
        points.compactMap {
            switch $0.value {
            case .number(let number): number
            case .boolean(let truth): truth ? 1 : 0
            case .text: nil
            }
        }
    }

    /// A mean has more digits than what was measured; six say enough.
    private func rounded(_ number: Double) -> String {
        guard number != 0, number.isFinite else { return shortest(number) }
        let factor = pow(10, 5 - (log10(abs(number))).rounded(.down))
        let result = (number * factor).rounded() / factor
        return shortest(result.isFinite ? result : number)
    }

    private var json: String {
        var json = JSONWriter()
        json.object { json in
            json.field("unit", unit)
            json.key("points")
            json.array { json in
                for point in points {
                    json.array {
                        $0.int(point.at.milliseconds)
                        $0.value(point.value)
                    }
                }
            }
        }
        return json.text + "\n"
    }

    private func lines(_ format: ExportFormat) -> String {
        var bytes = Array(format.header.utf8)
        for point in points {
            ExportedReading(
                at: point.at, area: device.area, kind: device.kind, device: device.id, component: component,
                metric: metric, value: point.value
            ).write(format, to: &bytes)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

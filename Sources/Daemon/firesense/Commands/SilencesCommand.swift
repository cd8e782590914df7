import ArgumentParser
import FireModel
import Foundation

/// `firesense silences`
struct SilencesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "silences", abstract: "Notifications held back for a time; never of fire.",
        subcommands: [SilencesListCommand.self, SilencesAddCommand.self, SilencesRemoveCommand.self])
}

/// `firesense silences list`
struct SilencesListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Silences in force, newest first; the daemon must run.")

    @OptionGroup var source: SourceOptions

    @Option(help: "How to print.")
    var format = ListFormat.table

    func run() async throws {
        let found = try source.find()
        let all: [Silence] = try await found.change { try await $0.inForce("/api/v1/silences") }
        try SilenceList(items: all).print(format, found.localTime)
    }
}

/// How long a silence or a drill is to last, who says so and why.
struct SuppressionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("When it ends: a time, or how long from now, like 2h.", valueName: "time"))
    var until: String

    @Option(help: "Why.")
    var reason: String

    @Option(help: "Who does it; the login name when absent.")
    var by: String?

    @Option(help: "How to print it afterwards.")
    var format = ListFormat.table

    func fields() throws -> [(name: String, value: Value)] {
        [("until", .text(until)), ("reason", .text(reason)), ("by", .text(try operatorName(by)))]
    }
}

/// `firesense silences add`
struct SilencesAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Holds back notifications, of what all that is given says.",
        discussion: "Alarms are raised and shown all the same; what is still active at the end is pushed then. "
            + "At most 30d.")

    @Option(name: .customLong("device"), help: "Of this device; may be given several times, like all of these.")
    var devices: [String] = []
    @Option(name: .customLong("area"), help: "Of devices in this area.") var areas: [String] = []
    @Option(name: .customLong("kind"), help: "Of devices of this kind.") var kinds: [String] = []
    @Option(name: .customLong("rule"), help: "Of this rule.") var rules: [String] = []
    @Option(name: .customLong("category"), help: "Of this category.") var categories: [AlarmCategory] = []
    @Option(name: .customLong("component"), help: "Of this component.") var components: [String] = []

    @Flag(help: "What it watches is being worked on.")
    var outOfService = false

    @OptionGroup var options: SuppressionOptions
    @OptionGroup var source: SourceOptions

    func validate() throws {
        if [devices, areas, kinds, rules, components].allSatisfy(\.isEmpty), categories.isEmpty {
            throw ValidationError("say what to silence: --device, --area, --kind, --rule, --category or --component")
        }
    }

    func run() async throws {
        let kind = outOfService ? Silence.Kind.outOfService : .shelved
        let body = suppressionBody(
            try options.fields() + [("kind", .text(kind.rawValue))],
            [
                ("devices", devices), ("areas", areas), ("kinds", kinds), ("rules", rules),
                ("categories", categories.map(\.rawValue)), ("components", components),
            ])
        let found = try source.find()
        let silence: Silence = try await found.change { try await $0.post("/api/v1/silences", body) }
        try SilenceList(items: [silence]).print(options.format, found.localTime)
    }
}

/// `firesense silences remove`
struct SilencesRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Ends a silence; what is still active is pushed.")

    @Argument(help: "The silence's id.") var id: String

    @Option(help: "Who does it; the login name when absent.")
    var by: String?

    @OptionGroup var source: SourceOptions

    func run() async throws { try await end("/api/v1/silences/", id, by, source) }
}

/// Silences, to be printed.
struct SilenceList {
    var items: [Silence]

    func print(_ format: ListFormat, _ time: LocalTime) throws {
        switch format {
        case .table: try Output.text(table { time.text($0) }.text)
        case .csv: try Output.text(table { "\($0.milliseconds)" }.csv)
        case .json: for item in items { try Output.line(item.json) }
        }
    }

    private func table(_ time: (Timestamp) -> String) -> Table {
        var table = Table(["id", "kind", "until", "by", "what", "reason"].map(Table.Column.text))
        table.rows = items.map { [$0.id, $0.kind.rawValue, time($0.until), $0.by, what($0), $0.reason] }
        return table
    }

    private func what(_ silence: Silence) -> String {
        [
            silence.devices, silence.areas, silence.kinds, silence.rules, silence.categories.map(\.rawValue),
            silence.components,
        ].filter { !$0.isEmpty }.map { $0.joined(separator: ",") }.joined(separator: " · ")
    }
}

func suppressionBody(_ fields: [(name: String, value: Value)], _ lists: [(name: String, values: [String])]) -> String {
    var json = JSONWriter()
    json.object { json in
        for field in fields { json.field(field.name, field.value) }
        for list in lists where !list.values.isEmpty { json.field(list.name, list.values) }
    }
    return json.text
}

/// Ends a silence or a drill.
func end(_ path: String, _ id: String, _ by: String?, _ source: SourceOptions) async throws {
    struct Ended: Decodable { var id: String }
    let name = try operatorName(by)
    let ended: Ended = try await source.find().change {
        try await $0.delete(path + percentEncoded(id), [("by", name)])
    }
    try Output.line("\(ended.id): ended")
}

extension HTTPGateway {
    /// All of a list.
    func inForce<Item: Decodable & Sendable>(_ path: String) async throws -> [Item] {
        var items: [Item] = []
        var cursor: String?
        repeat {
            let page: PageBody<Item> = try await get(path, [("limit", "1000"), ("cursor", cursor)])
            items += page.items
            cursor = page.next
        } while cursor != nil
        return items
    }
}

import ArgumentParser
import FireModel
import Foundation

/// `firesense drills`
struct DrillsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drills", abstract: "Drills: what is raised meanwhile is pushed as ever, marked as one.",
        subcommands: [DrillsListCommand.self, DrillsStartCommand.self, DrillsEndCommand.self])
}

/// `firesense drills list`
struct DrillsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Drills in force, newest first; the daemon must run.")

    @OptionGroup var source: SourceOptions

    @Option(help: "How to print.")
    var format = ListFormat.table

    func run() async throws {
        let found = try source.find()
        let all: [Drill] = try await found.change { try await $0.inForce("/api/v1/drills") }
        try DrillList(items: all).print(format, found.localTime)
    }
}

/// `firesense drills start`
struct DrillsStartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Begins a drill of devices. At most 8h.")

    @Option(name: .customLong("device"), help: "A device of the drill; may be given several times.")
    var devices: [String] = []
    @Option(name: .customLong("component"), help: "Only this component of them; may be given several times.")
    var components: [String] = []

    @OptionGroup var options: SuppressionOptions
    @OptionGroup var source: SourceOptions

    func validate() throws {
        if devices.isEmpty { throw ValidationError("say which devices: --device ID") }
    }

    func run() async throws {
        let body = suppressionBody(try options.fields(), [("devices", devices), ("components", components)])
        let found = try source.find()
        let drill: Drill = try await found.change { try await $0.post("/api/v1/drills", body) }
        try DrillList(items: [drill]).print(options.format, found.localTime)
    }
}

/// `firesense drills end`
struct DrillsEndCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "end", abstract: "Ends a drill before its time.")

    @Argument(help: "The drill's id.") var id: String

    @Option(help: "Who does it; the login name when absent.")
    var by: String?

    @OptionGroup var source: SourceOptions

    func run() async throws { try await end("/api/v1/drills/", id, by, source) }
}

/// Drills, to be printed.
struct DrillList {
    var items: [Drill]

    func print(_ format: ListFormat, _ time: LocalTime) throws {
        switch format {
        case .table: try Output.text(table { time.text($0) }.text)
        case .csv: try Output.text(table { "\($0.milliseconds)" }.csv)
        case .json: for item in items { try Output.line(item.json) }
        }
    }

    private func table(_ time: (Timestamp) -> String) -> Table {
        var table = Table(["id", "until", "by", "devices", "components", "reason"].map(Table.Column.text))
        table.rows = items.map {
            [
                $0.id, time($0.until), $0.by, $0.devices.joined(separator: ","), $0.components.joined(separator: ","),
                $0.reason,
            ]
        }
        return table
    }
}

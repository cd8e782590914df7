import ArgumentParser
import FireAssembly
import FireModel
import FireSettings
import FireStore
import Foundation

/// `firesense check`
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Loads configuration, device kinds and rules as `run` would, and says what is wrong in them.",
        discussion: "Touches no network. One problem a line: file:line:column: key: what was found, what was expected.")

    @OptionGroup var files: ConfigurationOption

    @Flag(help: "Exit with 3 when there are warnings.")
    var strict = false

    @Flag(
        help: """
            Say what a reload would do to the rules, beside the last accepted configuration. \
            与上次生效的配置相比，重载会怎样改变规则。
            """)
    var diff = false

    func run() throws {
        let loaded = Daemon.load(path: files.config)
        let report = CheckReport(loaded)
        try Output.text(report.text)
        if diff, loaded.isValid { try Output.text(Self.difference(loaded)) }
        let code = report.exitCode(strict: strict)
        if code != ExitStatus.done { throw ExitCode(code) }
    }
}

extension CheckCommand {
    fileprivate static func difference(_ loaded: LoadedConfiguration) -> String {
        guard let accepted = Daemon.lastAccepted(loaded.configuration) else {
            return "no configuration was accepted yet in \(Daemon.acceptedDirectory(loaded.configuration)), "
                + "or this user cannot read it\n"
        }
        return RuleDifferenceText(
            difference: RuleDifference(from: accepted.rules, to: loaded.rules),
            active: activeAlarms(loaded.configuration.store.path)
        ).text
    }

    /// How many alarms of each rule are active; `nil`: the database cannot be read.
    private static func activeAlarms(_ database: String) -> [String: Int]? {
        guard let reader = try? StoreReader(path: database) else { return nil }
        var filter = AlarmFilter()
        filter.state = .active
        var counts: [String: Int] = [:]
        var cursor: String?
        repeat {
            guard let page = try? reader.alarms(filter, limit: 1000, cursor: cursor) else { return nil }
            for alarm in page.items { counts[alarm.rule, default: 0] += 1 }
            cursor = page.next
        } while cursor != nil
        return counts
    }
}

/// What `check` says.
struct CheckReport {
    private let loaded: LoadedConfiguration

    init(_ loaded: LoadedConfiguration) { self.loaded = loaded }

    func exitCode(strict: Bool) -> Int32 {
        if !loaded.isValid { return ExitStatus.invalidConfiguration }
        return strict && !loaded.warnings.isEmpty ? ExitStatus.warnings : ExitStatus.done
    }

    var text: String {
        let lines = loaded.problems.map { printable($0.description) } + loaded.notes.map(printable)
        return (lines + summary).map { $0 + "\n" }.joined()
    }

    /// What would run.
    private var summary: [String] {
        let errors = count(loaded.errors.count, "error")
        let warnings = count(loaded.warnings.count, "warning")
        guard loaded.isValid else { return ["\(loaded.path): invalid, \(errors), \(warnings)"] }
        let configuration = loaded.configuration
        let areas = configuration.gateway.areas
        let kinds = loaded.catalogue.kinds.map(\.name)
        return [
            "gateway    \(loaded.gatewayID)",
            "areas      \(areas.isEmpty ? "all" : areas.joined(separator: ", "))",
            "broker     \(configuration.mqtt.host):\(configuration.mqtt.port), MQTT \(configuration.mqtt.protocol.rawValue)"
                + (configuration.mqtt.tls.enabled ? ", TLS" : ""),
            "kinds      \(kinds.count): \(kinds.joined(separator: ", "))",
            "rules      \(loaded.rules.count), and the built-in ones for fire",
            "endpoints  " + endpoints(loaded.endpoints),
            "database   \(configuration.store.path)",
            "http       \(configuration.http.listen)",
            "\(loaded.path): valid, \(warnings)",
        ]
    }

    private func endpoints(_ endpoints: [Endpoint]) -> String {
        guard !endpoints.isEmpty else { return "none" }
        return "\(endpoints.count): "
            + endpoints.map { $0.excludeFire ? "\($0.name) (no fire)" : $0.name }.joined(separator: ", ")
    }

    private func count(_ number: Int, _ word: String) -> String { "\(number) \(word)\(number == 1 ? "" : "s")" }
}

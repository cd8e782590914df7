import ArgumentParser
import FireAssembly
import FireModel
import FireSettings
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

    func run() throws {
        let loaded = Daemon.load(path: files.config)
        let report = CheckReport(loaded)
        try Output.text(report.text)
        let code = report.exitCode(strict: strict)
        if code != ExitStatus.done { throw ExitCode(code) }
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

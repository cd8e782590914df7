import ArgumentParser
import FireAssembly
import FireSettings
import FireSystemd
import FireTelemetry
import Foundation
import Logging

/// `firesense run`
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "The daemon, in the foreground; systemd starts this.",
        discussion: """
            SIGHUP takes over rules, webhooks, log level and secret files. With an invalid configuration it works with \
            the last accepted one.
            """)

    @OptionGroup var files: ConfigurationOption

    func run() async throws {
        let found = Daemon.load(path: files.config)
        for problem in found.problems { Output.complain(problem.description) }
        for note in found.notes { Output.complain(note) }
        let (loaded, fallback) = try Self.choose(found)
        let threshold = bootstrapLogging(
            format: LogFormat(rawValue: loaded.configuration.log.format.rawValue) ?? .auto,
            level: Logger.Level(rawValue: loaded.configuration.log.level.rawValue) ?? .info,
            standardErrorIsJournal: Systemd.isJournalOnStandardError, journal: { Systemd.journal($0) })
        let logger = Logger(label: "firesense")
        if let fallback { logger.critical("\(fallback)") }
        let bar = ProgressBar("converting the database")
        let onMigration: (@Sendable (Double) -> Void)? = bar.map { bar in { @Sendable share in bar.move(to: share) } }
        do {
            let daemon = try await Daemon(
                loaded, configurationPath: files.config, fallback: fallback, threshold: threshold, logger: logger,
                onMigration: onMigration)
            bar?.end()
            try await daemon.group.run()
        } catch {
            throw Failure("cannot run: \(error)")
        }
    }

    /// The configuration to work with: what is on disk, else what was accepted last.
    ///
    /// - Returns: with it, why it is not the one on disk.
    /// - Throws: `ExitCode` 78, when there is nothing to fall back on.
    static func choose(_ found: LoadedConfiguration) throws -> (LoadedConfiguration, fallback: String?) {
        guard let first = found.errors.first else { return (found, nil) }
        guard let last = Daemon.lastAccepted(found.configuration) else {
            Output.complain("firesense: configuration invalid, and none was accepted before: mend it (firesense check)")
            throw ExitCode(ExitStatus.invalidConfiguration)
        }
        return (last, "configuration invalid, running on the last accepted one: \(first)")
    }
}

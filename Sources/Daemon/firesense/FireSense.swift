import ArgumentParser
import FireAssembly
import Glibc

/// Daemon and command line in one program.
@main
struct FireSense: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "firesense",
        abstract: "Takes what fire sensors publish over MQTT, stores it, and pushes alarms to webhooks.",
        discussion: """
            Times are RFC 3339, integer milliseconds since 1970, or relative like -24h; from is inclusive, to exclusive.

            Exit codes: 0 done, 1 failed, 2 wrong usage, 3 finished with warnings (--strict), 78 invalid configuration.
            """,
        version: Version.text,
        subcommands: [
            RunCommand.self, CheckCommand.self, QueryCommand.self, ExportCommand.self, ImportCommand.self,
            AlarmsCommand.self, SilencesCommand.self, DrillsCommand.self, RulesCommand.self, DeliveriesCommand.self,
            WebhooksCommand.self, QuarantineCommand.self, DecodeCommand.self, TapCommand.self,
            DoctorCommand.self, BackupCommand.self, RestoreCommand.self, MigrateCommand.self, VersionCommand.self,
        ])

    static func main() async {
        // A reader that has gone away is told by EPIPE; the daemon must not end by a webhook's closed socket.
        signal(SIGPIPE, SIG_IGN)
        Glibc.exit(await run(CommandLine.arguments.dropFirst().map { $0 }))
    }

    static func parse(_ arguments: [String]) throws -> any ParsableCommand {
        try parseAsRoot(joiningRelativeTimes(arguments))
    }

    /// `--from -24h` → `--from=-24h`: the parser would take the value for options, the `h` among them for help.
    private static func joiningRelativeTimes(_ arguments: [String]) -> [String] {
        arguments.reduce(into: []) { joined, argument in
            if let option = joined.last, option == "--from" || option == "--to", argument.first == "-",
                argument.dropFirst().first?.isNumber == true
            {
                joined[joined.count - 1] = "\(option)=\(argument)"
            } else {
                joined.append(argument)
            }
        }
    }

    /// Runs one command line.
    ///
    /// - Returns: the exit code.
    static func run(_ arguments: [String]) async -> Int32 {
        do {
            var command = try parse(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return ExitStatus.done
        } catch {
            let ending = Ending(error)
            if let text = ending.text {
                ending.isWanted ? try? Output.line(text) : Output.complain(text)
            }
            return ending.code
        }
    }
}

/// Contract 1, exit codes.
enum ExitStatus {
    static let done: Int32 = 0
    static let failed: Int32 = 1
    static let wrongUsage: Int32 = 2
    static let warnings: Int32 = 3
    /// EX_CONFIG of sysexits.h; systemd does not start the daemon again after it.
    static let invalidConfiguration: Int32 = 78
}

/// How a command that threw ends.
struct Ending: Equatable {
    var code: Int32
    /// What is still to be said.
    var text: String?
    /// Help and the like: asked for, so it goes to standard output.
    var isWanted = false

    init(_ error: any Error) {
        switch error {
        case is BrokenPipe: code = ExitStatus.done
        case let failure as Failure:
            code = failure.code
            text = "firesense: \(failure.description)"
        default:
            let status = FireSense.exitCode(for: error)
            let message = FireSense.fullMessage(for: error)
            text = message.isEmpty ? nil : message
            isWanted = status == .success
            // The argument parser's own is 64.
            code = status == .validationFailure ? ExitStatus.wrongUsage : status.rawValue
        }
    }
}

/// What went wrong and what to do about it, for people. Ends the program with code 1, unless it is the command line
/// that is wrong.
struct Failure: Error, Equatable, CustomStringConvertible {
    var description: String
    var code = ExitStatus.failed

    init(_ what: String, remedy: String? = nil, code: Int32 = ExitStatus.failed) {
        description = what + (remedy.map { "; \($0)" } ?? "")
        self.code = code
    }
}

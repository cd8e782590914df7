import ArgumentParser
import Foundation

/// Fleets of virtual devices, and the measure of what becomes of what they say.
@main
struct Simulator: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "firesense-simulator",
        abstract: "Virtual fire-sensing devices that publish over MQTT in the native form.",
        discussion: """
            Values are plausible for the time of day and raise no alarm, except for a fire that is asked for. \
            Everything a device does follows from --seed.
            """,
        subcommands: [RunCommand.self, FireLatencyCommand.self], defaultSubcommand: RunCommand.self)

    /// Exit codes of the contract: 0 done, 1 failed, 2 wrong usage (the argument parser's own is 64).
    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            let code = exitCode(for: error)
            let text = fullMessage(for: error)
            let isWanted = code == .success
            if !text.isEmpty { (isWanted ? FileHandle.standardOutput : .standardError).write(Data((text + "\n").utf8)) }
            Foundation.exit(isWanted ? 0 : code == .validationFailure ? 2 : 1)
        }
    }
}

import ArgumentParser

/// `firesense alarms`
struct AlarmsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alarms", abstract: "The alarm list, and what an operator does to an alarm.",
        subcommands: [
            AlarmsListCommand.self, AlarmsShowCommand.self, AlarmsAcknowledgeCommand.self, AlarmsVerdictCommand.self,
            AlarmsResetCommand.self,
        ])
}

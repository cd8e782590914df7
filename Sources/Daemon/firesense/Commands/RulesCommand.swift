import ArgumentParser

/// `firesense rules`
struct RulesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules", abstract: "What rules would do, and how they did.",
        subcommands: [RulesBacktestCommand.self, RulesReportCommand.self])
}

import ArgumentParser

/// `firesense rules`
struct RulesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules",
        abstract: "Rules without the daemon: their tests, what they would do, and how they did. 规则测试、回测与报表。",
        subcommands: [RulesTestCommand.self, RulesBacktestCommand.self, RulesReportCommand.self])
}

import ArgumentParser

/// `firesense rules`
struct RulesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules", abstract: "Rules without the daemon: their tests. 规则测试。",
        subcommands: [RulesTestCommand.self])
}

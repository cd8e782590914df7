import ArgumentParser
import FireModel
import Foundation

/// What all acts of an operator have.
struct ActOptions: ParsableArguments {
    @OptionGroup var source: SourceOptions

    @Option(help: "Who does it; the login name when absent.")
    var by: String?

    @Option(help: "What there is to say about it.")
    var note: String?

    @Option(help: "How to print the alarm afterwards.")
    var format = ListFormat.table

    /// - Throws: `Failure`, when nobody knows who it is.
    func name(
        environment: [String: String] = ProcessInfo.processInfo.environment,
        account: String? = userName(getuid())
    ) throws -> String {
        try operatorName(by, environment: environment, account: account)
    }

    func perform(_ deed: OperatorAct.Deed, on id: String) async throws {
        let act = OperatorAct(deed: deed, by: try name(), note: note)
        let found = try source.find()
        let alarm = try await found.change { gateway in
            try await gateway.act(act, on: try await wholeID(id, HTTPData(gateway: gateway)))
        }
        let list = AlarmList(alarms: [alarm])
        switch format {
        case .table:
            let language = Language(environment: ProcessInfo.processInfo.environment)
            try Output.text(list.table(found.localTime, language).text)
        case .csv: try Output.text(list.csv)
        case .json: try Output.line(alarm.json)
        }
    }
}

/// Who acts.
///
/// - Throws: `Failure`, when nobody knows who it is.
func operatorName(
    _ by: String?, environment: [String: String] = ProcessInfo.processInfo.environment,
    account: String? = userName(getuid())
) throws -> String {
    // Behind sudo stands a person, not root.
    let names = [by, environment["SUDO_USER"], environment["USER"], environment["LOGNAME"], account]
    guard let name = names.compactMap({ $0 }).first(where: { !$0.isEmpty }) else {
        throw Failure("who does it is not known", remedy: "say --by NAME")
    }
    return name
}

private let idHelp = ArgumentHelp("The alarm's id, or a beginning of it that no other has.")

/// `firesense alarms acknowledge`
struct AlarmsAcknowledgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "acknowledge", abstract: "Says that somebody has seen it. Never clears, never stops a delivery.")

    @Argument(help: idHelp) var id: String
    @OptionGroup var act: ActOptions

    func run() async throws { try await act.perform(.acknowledge, on: id) }
}

/// `firesense alarms verdict`
struct AlarmsVerdictCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verdict", abstract: "Says what it turned out to be; may be corrected by another verdict.",
        discussion: "false_alarm, test and drill end a latched alarm; the others leave it as it is.")

    @Argument(help: idHelp) var id: String
    @Argument(help: "What it was.") var verdict: Verdict

    @Option(help: "What brought it about, such as cooking.")
    var cause: String?

    @Flag(help: "Even while the device still reports the cause.")
    var force = false

    @OptionGroup var act: ActOptions

    func run() async throws { try await act.perform(.verdict(verdict, cause: cause, force: force), on: id) }
}

/// `firesense alarms reset`
struct AlarmsResetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "reset", abstract: "Ends an alarm.")

    @Argument(help: idHelp) var id: String

    @Flag(help: "Even while the device still reports the cause.")
    var force = false

    @OptionGroup var act: ActOptions

    func run() async throws { try await act.perform(.reset(force: force), on: id) }
}

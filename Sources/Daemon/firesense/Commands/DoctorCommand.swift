import ArgumentParser
import FireModel
import FireSettings

/// `firesense doctor`
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Looks for what would keep a fire from being seen: one line each, with the remedy.",
        discussion: """
            Clock, broker with its limits and access rules, disk, database, webhooks, and the daemon itself. Changes \
            nothing. Exit code 1 when a line says FAIL.
            """)

    @OptionGroup var files: ConfigurationOption

    @Option(help: "How to print.")
    var format = ListFormat.table

    func run() async throws {
        let loaded = try files.load()
        var findings: [Finding] = []
        for (name, check) in Self.checks(loaded) {
            let found = await withProgress("checking the \(name)") { _ in await check() }
            if format == .table { for finding in found { try Output.line(finding.line) } }
            findings += found
        }
        switch format {
        case .table: break
        case .json: try Output.text(Page(items: findings, next: nil).json(Finding.write))
        case .csv:
            var table = Table(["status", "check", "text", "remedy"].map(Table.Column.text))
            table.rows = findings.map { [$0.status.rawValue, $0.check, $0.text, $0.remedy ?? ""] }
            try Output.text(table.csv)
        }
        if findings.contains(where: { $0.status == .fail }) { throw ExitCode(ExitStatus.failed) }
    }

    private static func checks(_ loaded: LoadedConfiguration) -> [(name: String, run: () async -> [Finding])] {
        let configuration = loaded.configuration
        let isLocal = ["localhost", "127.0.0.1", "::1"].contains(configuration.mqtt.host)
        return [
            ("configuration", { MachineChecks.configuration(loaded) }),
            ("clock", { MachineChecks.clock(.current) }),
            (
                "broker",
                {
                    await onOwnThread(within: .seconds(45)) { BrokerChecks(loaded).run() }
                        ?? [.fail("broker", "not checked within 45s", "see whether its host name can be resolved")]
                }
            ),
            (
                "broker's persistence",
                {
                    [BrokerSettings.finding(BrokerSettings(file: "/etc/mosquitto/mosquitto.conf"), isLocal: isLocal)]
                }
            ),
            ("disk", { MachineChecks.disk(configuration.store) }),
            ("database", { await DatabaseChecks.run(configuration.store.path) }),
            ("endpoints", { MachineChecks.fireEndpoints(loaded.endpoints) }),
            ("webhooks", { await RemoteChecks.webhooks(loaded.endpoints) }),
            ("daemon", { await RemoteChecks.daemon(Place(configuration: configuration).controlSockets) }),
        ]
    }
}

import ArgumentParser
import FireModel
import Foundation

/// `firesense alarms list`
struct AlarmsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Alarms, newest first.",
        discussion: "--from and --to mean when an alarm was received. Works with the daemon running or stopped.")

    @OptionGroup var source: SourceOptions

    @Option(help: "Only in this state.")
    var state: AlarmState?

    @Option(help: "Only acknowledged ones (true), or not (false).")
    var acknowledged: Bool?

    @Option(help: "Only with this verdict.")
    var verdict: Verdict?

    @Option(help: "Only of this severity.")
    var severity: AlarmSeverity?

    @Option(help: "Only of this category.")
    var category: AlarmCategory?

    @Option(help: "Only of devices of this kind.")
    var kind: String?

    @Option(help: "Only of this area.")
    var area: String?

    @Option(help: "Only of this device.")
    var device: String?

    @OptionGroup var time: RangeOptions
    @OptionGroup var limit: LimitOption

    @Option(help: "How to print.")
    var format = ListFormat.table

    var filter: AlarmFilter {
        var filter = AlarmFilter()
        filter.state = state
        filter.acknowledged = acknowledged
        filter.verdict = verdict
        filter.severity = severity
        filter.category = category
        filter.kind = kind
        filter.area = area
        filter.device = device
        filter.range = time.range
        return filter
    }

    func run() async throws {
        let found = try source.find()
        let page = try await found.read { data in
            try await withProgress("reading alarms") { progress in
                try await collect(limit.limit) { limit, cursor in
                    let page = try await data.alarms(filter, limit: limit, cursor: cursor)
                    progress.add(page.items.count)
                    return page
                }
            }
        }
        let language = Language(environment: ProcessInfo.processInfo.environment)
        switch format {
        case .table: try Output.text(AlarmList(alarms: page.items).table(found.localTime, language).text)
        case .csv: try Output.text(AlarmList(alarms: page.items).csv)
        case .json: try Output.text(page.json { $0.writeJSON(to: &$1) })
        }
        tellMore(page.next, limit.limit)
    }
}

/// Says that a list was cut.
func tellMore(_ next: String?, _ limit: Int) {
    if next != nil { Output.complain("only the first \(limit) are shown; --limit shows more") }
}

/// Alarms, to be printed.
struct AlarmList {
    var alarms: [Alarm]

    func table(_ time: LocalTime, _ language: Language) -> Table {
        var table = Table([
            .text("received"), .text("state"), .text("severity"), .text("category"), .text("device"),
            .text("component"),
            .text("title"), .number("value"), .text("id"),
        ])
        table.rows = alarms.map { alarm in
            [
                time.text(alarm.receivedAt), state(alarm), alarm.severity.rawValue, alarm.category.rawValue,
                alarm.device.id, alarm.component ?? "", language == .zh ? alarm.title.zh : alarm.title.en,
                value(alarm), alarm.id,
            ]
        }
        return table
    }

    /// Times in milliseconds, as in every CSV.
    var csv: String {
        var table = Table(
            [
                "id", "received_at", "raised_at", "state", "acknowledged", "severity", "category", "rule", "area",
                "kind",
                "device", "component", "metric", "value", "unit", "title_zh", "title_en", "occurrences", "cleared_at",
                "cleared_reason", "verdict", "verdict_cause",
            ].map(Table.Column.text))
        table.rows = alarms.map { alarm in
            [
                alarm.id, "\(alarm.receivedAt.milliseconds)", "\(alarm.raisedAt.milliseconds)", alarm.state.rawValue,
                "\(alarm.acknowledged)", alarm.severity.rawValue, alarm.category.rawValue, alarm.rule,
                alarm.device.area,
                alarm.device.kind, alarm.device.id, alarm.component ?? "", alarm.metric ?? "",
                alarm.value?.description ?? "", alarm.unit ?? "", alarm.title.zh, alarm.title.en,
                "\(alarm.occurrences)",
                alarm.clearedAt.map { "\($0.milliseconds)" } ?? "", alarm.clearedReason?.rawValue ?? "",
                alarm.verdict?.rawValue ?? "", alarm.verdictCause ?? "",
            ]
        }
        return table.csv
    }

    private func state(_ alarm: Alarm) -> String {
        alarm.state.rawValue + (alarm.acknowledged ? ", acknowledged" : "") + (alarm.drill ? ", drill" : "")
    }

    private func value(_ alarm: Alarm) -> String {
        guard let value = alarm.value, value != .boolean(true) else { return "" }
        return value.description + (alarm.unit.map { " \($0)" } ?? "")
    }
}

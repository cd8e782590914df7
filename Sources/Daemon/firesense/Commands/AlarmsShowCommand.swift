import ArgumentParser
import FireModel
import Foundation

/// `firesense alarms show`
struct AlarmsShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "One alarm with its history.")

    @Argument(help: "The alarm's id, or a beginning of it that no other has.")
    var id: String

    @OptionGroup var source: SourceOptions

    @Option(help: "How to print; csv prints the history.")
    var format = ListFormat.table

    func run() async throws {
        let found = try source.find()
        let report = try await found.read { data in
            let id = try await wholeID(id, data)
            guard let (alarm, history) = try await data.alarm(id) else { throw unknownAlarm(id) }
            return AlarmReport(alarm: alarm, history: history, context: try await data.context(of: id))
        }
        let language = Language(environment: ProcessInfo.processInfo.environment)
        switch format {
        case .table: try Output.text(report.text(found.localTime, language))
        case .csv: try Output.text(report.csv)
        case .json: try Output.line(report.json)
        }
    }
}

/// One alarm, to be printed.
struct AlarmReport {
    var alarm: Alarm
    /// Oldest first.
    var history: [AlarmHistoryItem]
    /// What its device said around it, when somebody judged it.
    var context: [VerdictContext.Series]?

    func text(_ time: LocalTime, _ language: Language) -> String {
        let facts = facts(time, language).filter { !$0.value.isEmpty }
        let width = facts.map { $0.name.count }.max() ?? 0
        let lines = facts.map { fact in
            fact.name + String(repeating: " ", count: width - fact.name.count) + "  " + printable(fact.value) + "\n"
        }
        var table = Table([.text("at"), .text("change"), .number("revision"), .text("cause")])
        table.rows = history.map { [time.text($0.at), $0.kind.rawValue, "\($0.revision)", $0.cause] }
        return lines.joined() + "\n" + table.text + contextText(time)
    }

    private func contextText(_ time: LocalTime) -> String {
        guard let context, !context.isEmpty else { return "" }
        var table = Table([.text("metric"), .text("first"), .text("last"), .number("readings"), .text("values")])
        table.rows = context.map { series in
            let values = series.points.suffix(12).map(\.value.description)
            return [
                series.metric, time.text(series.points.first?.at), time.text(series.points.last?.at),
                "\(series.points.count)",
                (series.points.count > values.count ? "… " : "") + values.joined(separator: " "),
            ]
        }
        return "\ncontext of the verdict\n" + table.text
    }

    private func facts(_ time: LocalTime, _ language: Language) -> [(name: String, value: String)] {
        let unit = alarm.unit.map { " \($0)" } ?? ""
        let device = alarm.device
        let marks =
            [
                alarm.latched ? "latched" : nil, alarm.drill ? "drill" : nil, alarm.late ? "late" : nil,
                alarm.reraised ? "reraised" : nil,
            ].compactMap { $0 } + alarm.flags
        return [
            ("title", language == .zh ? alarm.title.zh : alarm.title.en),
            ("id", alarm.id), ("gateway", alarm.gateway), ("rule", alarm.rule), ("category", alarm.category.rawValue),
            ("severity", alarm.severity.rawValue), ("state", alarm.state.rawValue),
            ("marks", marks.joined(separator: ", ")),
            ("device", "\(device.id) (\(device.kind), area \(device.area))"), ("name", device.name ?? ""),
            ("site", device.site ?? ""), ("address", device.address ?? ""), ("owner", device.owner ?? ""),
            (
                "component",
                [alarm.component, alarm.componentName, alarm.componentType].compactMap { $0 }.joined(separator: " ")
            ),
            ("detail", alarm.detail ?? ""), ("metric", alarm.metric ?? ""),
            ("value", alarm.value.map { $0.description + unit } ?? ""),
            ("limit", alarm.limit.map { shortest($0) + unit } ?? ""), ("occurrences", "\(alarm.occurrences)"),
            ("raised", time.text(alarm.raisedAt)), ("received", time.text(alarm.receivedAt)),
            ("last occurrence", time.text(alarm.lastOccurrenceAt)),
            ("acknowledged", said(alarm.acknowledgedAt, alarm.acknowledgedBy, alarm.acknowledgedNote, time)),
            (
                "verdict",
                [alarm.verdict?.rawValue, alarm.verdictCause].compactMap { $0 }.joined(separator: ", ")
                    + (alarm.verdict == nil
                        ? "" : "  " + said(alarm.verdictAt, alarm.verdictBy, alarm.verdictNote, time))
            ),
            ("cleared", said(alarm.clearedAt, alarm.clearedBy, alarm.clearedReason?.rawValue, time)),
        ]
    }

    /// `2026-11-23T18:20:00.123+08:00 by 王班长: on my way`
    private func said(_ at: Timestamp?, _ by: String?, _ note: String?, _ time: LocalTime) -> String {
        time.text(at) + (by.map { " by \($0)" } ?? "") + (note.map { ": \($0)" } ?? "")
    }

    var csv: String {
        var table = Table(["at", "change", "revision", "cause"].map(Table.Column.text))
        table.rows = history.map { ["\($0.at.milliseconds)", $0.kind.rawValue, "\($0.revision)", $0.cause] }
        return table.csv
    }

    /// As the HTTP interface answers.
    var json: String {
        var list = JSONWriter()
        list.array { list in
            for item in history { item.writeJSON(to: &list) }
        }
        var around = JSONWriter()
        if let context { VerdictContext.writeJSON(context, to: &around) } else { around.string(nil) }
        return alarm.json.dropLast() + ",\"history\":\(list.text),\"context\":\(around.text)}"
    }
}

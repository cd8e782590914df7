import FireModel

/// How rules did, to be printed.
struct RuleReportText {
    var report: RuleReport

    private static let headings = [
        "raised", "true", "false", "test", "unjudged", "precision", "ack median", "ack p90", "chattering", "fleeting",
        "stale",
    ]

    var text: String {
        var rules = Table([.text("rule"), .text("device")] + Self.headings.map { .number($0) })
        rules.rows = report.groups.map { group in
            [group.rule, group.device ?? ""] + counts(group)
                + [
                    group.precision.map { "\(Int(($0 * 100).rounded())) %" } ?? "", wait(group.acknowledgedMedian),
                    wait(group.acknowledgedP90),
                ] + troubles(group)
        }
        var figures = Table([.text("figure"), .number("value"), .text("acceptable"), .text("")])
        figures.rows = report.list.figures.map {
            [$0.name, "\(rounded($0.value))", $0.acceptable, $0.isAcceptable ? "" : "!"]
        }
        var top = Table([.text("most frequent"), .text("device"), .text("component"), .number("alarms")])
        top.rows = report.list.top.map { [$0.rule, $0.device, $0.component ?? "", "\($0.count)"] }
        let warnings = report.warnings.map { "warning: \($0)\n" }.joined()
        return [warnings, rules.text, figures.text, top.text].filter { !$0.isEmpty }.joined(separator: "\n")
    }

    var csv: String {
        var table = Table(
            [
                "rule", "device", "raised", "true", "false", "test", "unjudged", "precision", "acknowledged_median_ms",
                "acknowledged_p90_ms", "chattering", "fleeting", "stale",
            ].map(Table.Column.text))
        table.rows = report.groups.map { group in
            [group.rule, group.device ?? ""] + counts(group)
                + [
                    group.precision.map { shortest($0) } ?? "", milliseconds(group.acknowledgedMedian),
                    milliseconds(group.acknowledgedP90),
                ] + troubles(group)
        }
        return table.csv
    }

    private func counts(_ group: RuleFigures) -> [String] {
        [group.raised, group.judgedTrue, group.judgedFalse, group.tests, group.unjudged].map { "\($0)" }
    }

    private func troubles(_ group: RuleFigures) -> [String] {
        [group.chattering, group.fleeting, group.stale].map { "\($0)" }
    }

    private func wait(_ duration: Duration?) -> String {
        duration.map { Duration.seconds($0.components.seconds).firesense } ?? ""
    }

    private func milliseconds(_ duration: Duration?) -> String { duration.map { "\($0.wholeMilliseconds)" } ?? "" }

    private func rounded(_ value: Double) -> String { shortest((value * 10_000).rounded() / 10_000) }
}

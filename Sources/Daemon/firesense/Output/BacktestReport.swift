import FireModel
import FireRehearsal

/// What rules would have raised, to be printed.
struct BacktestReport {
    var outcome: BacktestOutcome
    var rules: [RuleDefinition]
    var difference: BacktestDifference?
    var judged: JudgedAlarms?

    private var figures: [BacktestOutcome.Figures] { outcome.figures(of: rules.map(\.id)) }

    func text(_ time: LocalTime, list: Bool) -> String {
        var table = Table([
            .text("rule"), .number("alarms"), .number("devices"), .text("first"), .text("last"), .number("active"),
            .number("still active"),
        ])
        table.rows = figures.map {
            [
                $0.rule, "\($0.alarms)", "\($0.devices)", time.text($0.first), time.text($0.last),
                Duration.seconds($0.active.components.seconds).firesense, "\($0.stillActive)",
            ]
        }
        var parts = [table.text]
        if list { parts.append(alarms(outcome.alarms, time)) }
        if let difference {
            parts.append(
                "only with the new rules: \(difference.added.count)\n" + alarms(difference.added, time)
                    + "only with the old rules: \(difference.removed.count)\n" + alarms(difference.removed, time)
                    + "with both: \(difference.kept.count)\n")
        }
        if let judged, !judged.isEmpty { parts.append(verdicts(judged)) }
        return parts.joined(separator: "\n")
    }

    private func verdicts(_ judged: JudgedAlarms) -> String {
        """
        of \(judged.trueRaised + judged.trueLost) alarms that people judged true \(judged.trueRaised) would be raised, \
        \(judged.trueLost) lost
        of \(judged.falseRaised + judged.falseAvoided) alarms that people judged false \(judged.falseRaised) would be \
        raised, \(judged.falseAvoided) avoided

        """
    }

    private func alarms(_ alarms: [BacktestAlarm], _ time: LocalTime) -> String {
        guard !alarms.isEmpty else { return "" }
        var table = Table([
            .text("raised"), .text("cleared"), .text("rule"), .text("severity"), .text("device"), .text("component"),
            .text("metric"), .number("value"),
        ])
        table.rows = alarms.map { alarm in
            [
                time.text(alarm.raisedAt), time.text(alarm.clearedAt), alarm.rule, alarm.severity.rawValue,
                alarm.device, alarm.component ?? "", alarm.metric ?? "",
                alarm.value.map { $0.description + (alarm.unit.map { " \($0)" } ?? "") } ?? "",
            ]
        }
        return table.text
    }

    /// Times in milliseconds, as in every CSV.
    var rulesCSV: String {
        var table = Table(
            ["rule", "alarms", "devices", "first", "last", "active_ms", "still_active"].map(Table.Column.text))
        table.rows = figures.map {
            [
                $0.rule, "\($0.alarms)", "\($0.devices)", Self.milliseconds($0.first), Self.milliseconds($0.last),
                "\($0.active.wholeMilliseconds)", "\($0.stillActive)",
            ]
        }
        return table.csv
    }

    var alarmsCSV: String {
        var table = Table(
            [
                "raised_at", "cleared_at", "rule", "category", "severity", "device", "component", "metric", "value",
                "unit",
            ].map(Table.Column.text))
        table.rows = outcome.alarms.map { alarm in
            [
                Self.milliseconds(alarm.raisedAt), Self.milliseconds(alarm.clearedAt), alarm.rule,
                alarm.category.rawValue, alarm.severity.rawValue, alarm.device, alarm.component ?? "",
                alarm.metric ?? "", alarm.value?.description ?? "", alarm.unit ?? "",
            ]
        }
        return table.csv
    }

    private static func milliseconds(_ time: Timestamp?) -> String { time.map { "\($0.milliseconds)" } ?? "" }

    func json(list: Bool) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("from", outcome.from)
            json.field("to", outcome.to)
            json.key("rules")
            json.array { json in
                for its in figures {
                    json.object { json in
                        json.field("rule", its.rule)
                        json.field("alarms", its.alarms)
                        json.field("devices", its.devices)
                        json.field("first", its.first)
                        json.field("last", its.last)
                        json.field("active_ms", its.active.wholeMilliseconds)
                        json.field("still_active", its.stillActive)
                    }
                }
            }
            if list { Self.write(outcome.alarms, "alarms", &json) }
            if let difference {
                json.key("diff")
                json.object { json in
                    Self.write(difference.added, "only_new", &json)
                    Self.write(difference.removed, "only_old", &json)
                    json.field("both", difference.kept.count)
                }
            }
            if let judged {
                json.key("judged")
                json.object { json in
                    json.field("true_raised", judged.trueRaised)
                    json.field("true_lost", judged.trueLost)
                    json.field("false_raised", judged.falseRaised)
                    json.field("false_avoided", judged.falseAvoided)
                }
            }
        }
        return json.text
    }

    private static func write(_ alarms: [BacktestAlarm], _ name: String, _ json: inout JSONWriter) {
        json.key(name)
        json.array { json in
            for alarm in alarms {
                json.object { json in
                    json.field("rule", alarm.rule)
                    json.field("category", alarm.category.rawValue)
                    json.field("severity", alarm.severity.rawValue)
                    json.field("device", alarm.device)
                    json.field("component", alarm.component)
                    json.field("metric", alarm.metric)
                    json.field("value", alarm.value)
                    json.field("unit", alarm.unit)
                    json.field("raised_at", alarm.raisedAt)
                    json.field("cleared_at", alarm.clearedAt)
                }
            }
        }
    }
}

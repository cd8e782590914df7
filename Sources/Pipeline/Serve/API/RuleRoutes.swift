import FireModel
import Hummingbird

/// How rules did (contract 1, `rules report`).
func ruleRoutes(_ gateway: Gateway) -> [Route] {
    let alarms = gateway.alarms
    return [
        Route(
            method: .get, path: "/api/v1/rules/report",
            summary:
                "How rules did: verdicts per rule, and what the list of alarms demands of an operator, beside what "
                + "ISA-18.2 and EEMUA 191 call acceptable. `from` and `to` mean `received_at`.",
            scope: .read,
            parameters: [Query.rule, Query.from, Query.to, Query.reportGrouping, Query.operators],
            answer: .json(.reference("RuleReport")), weight: .heavy
        ) { call in
            let (rule, range) = (try call.value(Query.rule), try call.range())
            let (grouping, operators) = (try call.value(Query.reportGrouping), try call.value(Query.operators))
            var filter = AlarmFilter()
            filter.range = range
            var rows: [AlarmRow] = []
            var cursor: String?
            repeat {
                try Task.checkCancellation()
                let page = try await alarms.alarms(filter, limit: 1000, cursor: cursor)
                rows += page.items.lazy.map { AlarmRow($0) }.filter { rule == nil || $0.rule == rule }
                cursor = page.next
                guard rows.count <= mostAlarms else {
                    throw UnusableQuestion(
                        reason: "more than \(mostAlarms) alarms in this time; narrow 'from' and 'to', or 'rule'")
                }
            } while cursor != nil
            let report = RuleReport(
                rows, from: range.from, to: min(range.to ?? call.now, call.now), by: grouping ?? .rule,
                operators: operators ?? 1)
            return .json { report.writeJSON(to: &$0) }
        }
    ]
}

/// A report is made of all of them at once.
private let mostAlarms = 200_000

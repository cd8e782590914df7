import FireModel
import Hummingbird

/// The alarm list and what an operator does to an alarm (contract 5 and 6).
func alarmRoutes(_ gateway: Gateway, pageBytes: Int) -> [Route] {
    let alarms = gateway.alarms
    let filters: [any QueryParameter] = [
        Query.state, Query.acknowledged, Query.verdict, Query.severity, Query.category, Query.kind, Query.area,
        Query.device, Query.from, Query.to,
    ]
    return [
        Route(
            method: .get, path: "/api/v1/alarms",
            summary: "Alarms, newest first by `received_at`, which `from` and `to` also mean. \(shorter)", scope: .read,
            parameters: filters + Query.paging, answer: .json(.page(.reference("Alarm"))), weight: .list
        ) { call in
            let filter = try filter(call)
            return try await call.listing(bytes: pageBytes, step: 100) { limit, cursor in
                try await alarms.alarms(filter, limit: limit, cursor: cursor)
            } _: {
                $0.writeJSON(to: &$1)
            }
        },
        Route(
            method: .get, path: "/api/v1/alarms/{id}",
            summary: "One alarm with its history, oldest change first, and what its device said around it.",
            scope: .read, id: "The alarm's id.", answer: .json(.reference("AlarmWithHistory")),
            refusals: [404: "No such alarm."]
        ) { call in
            guard let found = try await alarms.alarm(call.id) else { throw unknownAlarm(call.id) }
            return withHistory(found.alarm, found.history, try await alarms.context(of: found.alarm.id))
        },
        act(
            "acknowledge", "Somebody has seen it. Never clears, never stops a delivery.", [Field.by, Field.note], alarms
        ) { _ throws(Problem) in .acknowledge },
        act(
            "verdict", "What it turned out to be. May be corrected; every version stays in the history.",
            [Field.verdict, Field.cause, Field.by, Field.note, Field.force], alarms
        ) { call throws(Problem) in
            .verdict(
                try call.field(required: Field.verdict), cause: try call.field(Field.cause) ?? nil,
                force: try call.field(Field.force) ?? false)
        },
        act("reset", "Ends the alarm.", [Field.by, Field.note, Field.force], alarms) { call throws(Problem) in
            .reset(force: try call.field(Field.force) ?? false)
        },
    ]
}

private func filter(_ call: Call) throws(Problem) -> AlarmFilter {
    var filter = AlarmFilter()
    filter.state = try call.value(Query.state)
    filter.acknowledged = try call.value(Query.acknowledged)
    filter.verdict = try call.value(Query.verdict)
    filter.severity = try call.value(Query.severity)
    filter.category = try call.value(Query.category)
    filter.kind = try call.value(Query.kind)
    filter.area = try call.value(Query.area)
    filter.device = try call.value(Query.device)
    filter.range = try call.range()
    return filter
}

/// The alarm object with two more fields, so that what reads a list's item reads this as well.
private func withHistory(
    _ alarm: Alarm, _ history: [AlarmHistoryItem], _ context: [VerdictContext.Series]?
) -> Answer {
    .json { json in
        json.object { json in
            json.members(of: alarm.json)
            json.key("history")
            json.array { json in
                for item in history { item.writeJSON(to: &json) }
            }
            json.key("context")
            if let context { VerdictContext.writeJSON(context, to: &json) } else { json.string(nil) }
        }
    }
}

private func act(
    _ name: String, _ summary: String, _ fields: [any BodyFieldDescription], _ alarms: any AlarmDesk,
    _ deed: @escaping @Sendable (Call) throws(Problem) -> OperatorAct.Deed
) -> Route {
    Route(
        method: .post, path: "/api/v1/alarms/{id}/\(name)", summary: summary, scope: .operate, id: "The alarm's id.",
        body: fields, answer: .json(.reference("Alarm")),
        refusals: [
            404: "No such alarm.", 409: "The cause is still reported, or the alarm is cleared already.",
            503: "The store cannot be read or written.",
        ]
    ) { call in
        let by = try call.field(required: Field.by)
        let act = OperatorAct(
            deed: try deed(call), by: call.caller?.signature(for: by) ?? by, note: try call.field(Field.note) ?? nil)
        // Only an alarm that is not there is unknown; what cannot be read just now is not.
        guard let found = try await alarms.alarm(call.id) else { throw unknownAlarm(call.id) }
        do throws(OperatorActError) {
            let alarm = try await alarms.act(act, on: found.alarm)
            return .json { alarm.writeJSON(to: &$0) }
        } catch {
            throw problem(error, call.id)
        }
    }
}

private func problem(_ error: OperatorActError, _ id: String) -> Problem {
    switch error {
    case .unknownAlarm: unknownAlarm(id)
    case .causeStillReported:
        Problem(
            .conflict, .causeStillReported,
            "The device still reports the cause. End it there first, or send \"force\": true; then the next input "
                + "that states the cause raises again.")
    case .alreadyCleared:
        Problem(.conflict, .alreadyCleared, "Only an active alarm can be reset. Its verdict may still be given.")
    case .storeNotWritable:
        .unavailable("The store cannot be written, so the act could not be kept. See /readyz; try again.")
    }
}

private func unknownAlarm(_ id: String) -> Problem { Problem(.notFound, "There is no alarm \(Problem.quoted(id)).") }

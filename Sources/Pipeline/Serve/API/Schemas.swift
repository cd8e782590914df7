import FireModel

/// The named schemas of `/openapi.json`. A test holds them against real answers.
enum Schemas {
    static let all: KeyValuePairs<String, Schema> = [
        "Problem": problem, "Alarm": alarm, "AlarmDevice": alarmDevice, "AlarmWithHistory": alarmWithHistory,
        "Silence": silence, "Drill": drill, "Ended": ended,
        "Title": title, "Kind": kind, "Device": device, "Readings": readings,
        "SeriesPoints": seriesPoints, "LatestReading": latestReading, "Delivery": delivery,
        "DeliveryRecord": deliveryRecord, "ReplayOutcome": replayOutcome, "Webhook": webhook,
        "WebhookTest": webhookTest,
        "QuarantineItem": quarantineItem, "RetryOutcome": retryOutcome, "Stats": stats,
        "ImportSummary": importSummary, "RuleReport": ruleReport,
    ]

    private static let problem = Schema.object([
        "type": .string.saying(
            "`about:blank`, or `urn:firesense:problem:…` for what a program may want to tell apart."),
        "title": .string, "status": .integer, "detail": .string,
    ]).saying("RFC 9457.")

    private static let title = Schema.object(["zh": .string, "en": .string])

    private static let deviceProperties: KeyValuePairs<String, Schema> = [
        "id": .string, "kind": .string, "area": .string, "name": .string.orNull, "site": .string.orNull,
        "address": .string.orNull, "owner": .string.orNull, "latitude": .number.orNull, "longitude": .number.orNull,
    ]
    private static let alarmDevice = Schema.object(deviceProperties)

    private static let alarmProperties: KeyValuePairs<String, Schema> = [
        "id": .string, "gateway": .string, "revision": .count(1...Int64.max).saying("Orders the changes of one alarm."),
        "rule": .string, "category": .words(AlarmCategory.self), "severity": .words(AlarmSeverity.self),
        "state": .words(AlarmState.self), "acknowledged": .boolean, "latched": .boolean, "drill": .boolean,
        "late": .boolean, "reraised": .boolean, "flags": .array(.string),
        "suppressed": .array(.words(Suppression.self)).saying("Why nobody is told of it for now; empty: they are."),
        "escalation": .count().saying("The step of its escalation that was reached, from 1; 0: none."),
        "device": .reference("AlarmDevice"),
        "devices": .array(.string).saying("Of an alarm across devices, those that have brought it about."),
        "component": .string.orNull, "component_name": .string.orNull, "component_type": .string.orNull,
        "detail": .string.orNull, "metric": .string.orNull, "value": .value.orNull, "unit": .string.orNull,
        "limit": .number.orNull, "title": .reference("Title"), "occurrences": .count(1...Int64.max),
        "raised_at": .time.saying("By the device's time."), "received_at": .time, "last_occurrence_at": .time,
        "cleared_at": .time.orNull, "cleared_reason": clearedReason.orNull, "cleared_by": .string.orNull,
        "acknowledged_at": .time.orNull, "acknowledged_by": .string.orNull, "acknowledged_note": .string.orNull,
        "verdict": .words(Verdict.self).orNull, "verdict_by": .string.orNull, "verdict_at": .time.orNull,
        "verdict_cause": .string.orNull, "verdict_note": .string.orNull,
    ]
    private static let clearedReason = Schema(
        form: .string, words: ["condition", "panel_reset", "operator_reset", "verdict"])
    private static let alarm = Schema.object(alarmProperties)
    private static let alarmWithHistory = alarm.adding([
        "history": .array(
            .object([
                "change": .words(AlarmChange.Kind.self), "revision": .count(), "at": .time, "cause": .string,
                "alarm": .reference("Alarm"),
            ])),
        "context": Schema.array(
            .object(["component": .string.orNull, "metric": .string, "points": points])
        ).orNull.saying(
            "What was stored of its device and component from 10 minutes before the raise to 2 minutes after, when "
                + "somebody judged it; null: nobody has, or nothing was stored."),
    ])

    private static let silence = Schema.object([
        "id": .string, "kind": .words(Silence.Kind.self), "devices": .array(.string), "areas": .array(.string),
        "kinds": .array(.string), "rules": .array(.string), "categories": .array(.words(AlarmCategory.self)),
        "components": .array(.string), "created_at": .time, "until": .time, "by": .string, "reason": .string,
    ]).saying("What is empty matches all; the lists together say which alarms.")
    private static let drill = Schema.object([
        "id": .string, "devices": .array(.string), "site": .string.orNull, "components": .array(.string),
        "created_at": .time, "until": .time, "by": .string, "reason": .string,
    ])
    private static let ended = Schema.object(["id": .string, "ended_by": .string])

    private static let kind = Schema.object([
        "name": .string, "title": .reference("Title"), "urgent": .boolean,
        "expected_interval": .string.saying("A duration, like `5m`."),
        "metrics": .array(
            .object([
                "name": .string, "type": .words(Metric.ValueType.self), "unit": .string.orNull,
                "plausible": .tuple(.number, .number).orNull, "title": .reference("Title"),
            ])),
    ])

    private static let device = Schema.object(deviceProperties).adding([
        "first_seen": .time, "last_seen": .time, "online": .boolean.orNull.saying("null: it never said."),
        "latest": .array(
            .object([
                "component": .string.orNull, "metric": .string, "value": .value, "unit": .string.orNull, "at": .time,
                "quality": quality,
            ])),
    ])
    private static let quality = Schema.array(
        Schema(form: .string, words: ["implausible", "clock", "receipt_time", "retained"]))

    private static let readings = Schema.object([
        "unit": .string.orNull,
        "points": points, "next": nextPoint,
    ])
    private static let points = Schema.array(.tuple(.integer.saying("Milliseconds since 1970."), .value))
    private static let nextPoint = Schema.integer.orNull.saying(
        "There is more than fits: send as `from`. null: that is all.")

    private static let seriesPoints = Schema.object([
        "device": .string.orNull, "kind": .string.orNull, "area": .string.orNull, "component": .string.orNull,
        "metric": .string, "unit": .string.orNull, "series": .count(1...Int64.max).saying("How many are in it."),
        "points": points, "next": nextPoint,
    ]).saying("What its series do not have in common is null.")

    private static let latestReading = Schema.object([
        "device": .string, "kind": .string, "area": .string, "component": .string.orNull, "metric": .string,
        "value": .value, "unit": .string.orNull, "at": .time, "quality": quality,
    ])

    private static let delivery = Schema.object([
        "id": .string.saying("The `webhook-id`."), "endpoint": .string, "alarm": .string, "type": .string,
        "state": .words(Delivery.State.self), "created_at": .time,
        "replayed_at": .time.orNull.saying("When it was last asked for once more."), "next_attempt_at": .time.orNull,
        "attempt_count": .count().saying("All that were made."),
        "attempts": .array(
            .object([
                "at": .time, "status": .integer.orNull, "error": .string.orNull, "answer": .string.orNull,
                "milliseconds": .count(),
            ])
        ).saying("The last 20, oldest first."),
    ])

    private static let deliveryRecord = delivery.adding([
        "revision": .count(1...Int64.max), "device": .string, "time": .time.saying("When the change happened."),
        "data": Schema.reference("Alarm").orNull.saying(
            "The alarm as it was at that change, as it is sent; null: not kept any more."),
    ])
    private static let replayOutcome = Schema.object([
        "replayed": .count().saying("They will be sent once more."),
        "still_pending": .count().saying("They wait for their endpoint anyway."),
        "endpoint_not_configured": .count(), "snapshot_not_kept": .count(),
        "unknown": .count().saying("Ids that no delivery has."),
    ]).saying("What was not marked was left as it is.")

    private static let webhook = Schema.object([
        "name": .string, "address": .string.saying("No more than the host: the rest may be a secret."),
        "format": .words(Endpoint.Format.self), "channel": Schema(form: .string, words: ["http", "mqtt", "command"]),
        "takes_fire": .boolean,
        "state": .words(EndpointStatus.State.self).saying(
            "`failing`: several attempts in a row have failed; `held`: it answered 410."),
        "pending": .count().saying("Replays among them."),
        "oldest_pending_at": .time.orNull.saying("Of what waits for the first time."),
        "last_success_at": .time.orNull.saying("Since the start, heartbeats among them."),
        "last_attempt": Schema.object([
            "at": .time, "status": .integer.orNull, "error": .string.orNull, "milliseconds": .count(),
        ]).orNull,
        "heartbeat": .string.orNull.saying("A duration, like `1m`; null: none is sent."),
    ])
    private static let webhookTest = Schema.object([
        "endpoint": .string, "address": .string, "accepted": .boolean, "signed": .boolean, "status": .integer.orNull,
        "reason": .string.orNull.saying("As in `deliveries_failed_total`; null: it was accepted."),
        "error": .string.orNull, "answer": .string.orNull.saying("The beginning of what it said."),
        "milliseconds": .count(),
    ])

    private static let quarantineItem = Schema.object([
        "id": .integer, "topic": .string, "received_at": .time, "reason": .string, "lane": .string,
        "published_length": .count(), "payload_base64": .string,
    ])
    private static let retryOutcome = Schema.object(["id": .integer, "readings": .count()])

    private static let ruleReport = Schema.object([
        "from": .time, "to": .time, "operators": .count(1...Int64.max), "alarms": .count(),
        "warnings": .array(.string),
        "rules": .array(
            .object([
                "rule": .string, "device": .string.orNull, "raised": .count(),
                "true": .count().saying("`true_fire` and `true_alarm`."), "false": .count(),
                "test": .count().saying("`test`, `drill`, or raised during a drill."), "unjudged": .count(),
                "precision": .number.orNull.saying("true / (true + false)"), "acknowledged_median_ms": .integer.orNull,
                "acknowledged_p90_ms": .integer.orNull,
                "chattering": .count().saying("Keys raised three times in a minute, or more than five in five."),
                "fleeting": .count().saying("Over within ten seconds."), "stale": .count().saying("Active over a day."),
            ])),
        "figures": .array(
            .object(["name": .string, "value": .number, "acceptable": .string, "is_acceptable": .boolean])),
        "top": .array(
            .object(["rule": .string, "device": .string, "component": .string.orNull, "count": .count()])),
    ])

    private static let importSummary = Schema(
        form: .object(
            [
                .init(
                    name: "complete",
                    schema: .boolean.saying("It was read to its end; else it ended at the first refusal."),
                    isRequired: true), .init(name: "dry_run", schema: .boolean, isRequired: true),
            ] + ImportSummary().counts.map { .init(name: $0.key, schema: .count(), isRequired: true) } + [
                .init(
                    name: "refusals",
                    schema: .array(
                        .object(["line": .count(1...Int64.max), "found": .string, "expected": .string])
                    ).saying("The first \(ImportSummary.shownRefusals)."), isRequired: true)
            ]))

    private static let stats = Schema(
        form: .object(
            Stats().counters.map { .init(name: $0.key, schema: .count(), isRequired: true) } + [
                .init(name: "ring", schema: .object(["urgent": ring, "bulk": ring]), isRequired: true),
                .init(
                    name: "store", schema: .object(["bytes": .count(), "series": .count(), "readings": .count()]),
                    isRequired: true),
            ]))
    private static let ring = Schema.object(["capacity": .count(), "depth": .count(), "high_water": .count()])
}

extension Schema {
    /// The same object with more properties.
    fileprivate func adding(_ more: KeyValuePairs<String, Schema>) -> Schema { adding(more, areRequired: true) }

    /// The same object with properties that may be absent.
    func adding(optional more: KeyValuePairs<String, Schema>) -> Schema { adding(more, areRequired: false) }

    private func adding(_ more: KeyValuePairs<String, Schema>, areRequired: Bool) -> Schema {
        guard case .object(let own) = form else { return self }
        var schema = self
        schema.form = .object(own + more.map { Property(name: $0.key, schema: $0.value, isRequired: areRequired) })
        return schema
    }
}

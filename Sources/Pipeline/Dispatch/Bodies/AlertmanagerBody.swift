import Crypto
import FireModel

/// The webhook body of Prometheus Alertmanager, version 4, for receivers that already read it:
/// https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
///
/// A single alert's group is the rule on this device and component, so that raise and clear meet in one group. Several
/// make a group of what they have in common.
enum AlertmanagerBody {
    static let contentType = "application/json"

    /// Alertmanager's zero time, for an alert that has not ended.
    private static let notEnded = "0001-01-01T00:00:00Z"
    private static let grouping: Set<String> = ["alertname", "gateway", "device", "component", "metric"]

    private struct Alert {
        var isFiring: Bool
        var labels: [(name: String, value: String)]
        var annotations: [(name: String, value: String)]
        var startsAt: Timestamp
        var endsAt: Timestamp?

        var status: String { isFiring ? "firing" : "resolved" }
    }

    /// - Parameters:
    ///   - snapshots: Alarms as JSON, in the order of their changes.
    ///   - language: Of the annotation `summary`.
    /// - Throws: `DecodingError` for a snapshot that is not an alarm.
    static func body(receiver: String, snapshots: [String], language: Endpoint.Language) throws -> [UInt8] {
        body(receiver: receiver, try snapshots.map { try alert(Alarm(snapshot: $0), language) })
    }

    /// An alert that always fires, as Prometheus' `Watchdog` does.
    static func heartbeat(
        receiver: String, gateway: String, at time: Timestamp, figures: DeliveryFigures, language: Endpoint.Language
    ) -> [UInt8] {
        service(
            "FireSenseHeartbeat", Title(zh: "FireSense 心跳", en: "FireSense heartbeat"), receiver, gateway, time,
            language,
            [
                ("deliveries_pending", "\(figures.pending)"), ("deliveries_delivered", "\(figures.delivered)"),
                ("deliveries_failed", "\(figures.failed)"),
            ])
    }

    /// For `webhooks test`.
    static func test(receiver: String, gateway: String, at time: Timestamp, language: Endpoint.Language) -> [UInt8] {
        service(
            "FireSenseTest", Title(zh: "这是一条测试消息，并非报警。", en: "This is a test, not an alarm."), receiver, gateway,
            time, language, [])
    }

    /// Severity `none`: no route of a receiver that calls people takes it.
    private static func service(
        _ name: String, _ title: Title, _ receiver: String, _ gateway: String, _ time: Timestamp,
        _ language: Endpoint.Language, _ annotations: [(String, String?)]
    ) -> [UInt8] {
        body(
            receiver: receiver,
            [
                Alert(
                    isFiring: true,
                    labels: pairs([("alertname", name), ("gateway", gateway), ("severity", "none")]),
                    annotations: pairs(
                        [("title_zh", title.zh), ("title_en", title.en), ("summary", title.text(in: language))]
                            + annotations), startsAt: time)
            ])
    }

    private static func body(receiver: String, _ alerts: [Alert]) -> [UInt8] {
        let common = common(alerts.map(\.labels))
        let group = common.filter { grouping.contains($0.name) }
        var json = JSONWriter()
        json.object { json in
            json.field("receiver", receiver)
            json.field("status", alerts.contains(where: \.isFiring) ? "firing" : "resolved")
            json.key("alerts")
            json.array { json in for alert in alerts { write(alert, to: &json) } }
            json.field("groupLabels", group)
            json.field("commonLabels", common)
            json.field("commonAnnotations", Self.common(alerts.map(\.annotations)))
            json.field("externalURL", "")
            json.field("version", "4")
            json.field(
                "groupKey", "{}:{" + group.map { "\($0.name)=\(quoted($0.value))" }.joined(separator: ", ") + "}")
            json.field("truncatedAlerts", 0)
        }
        return json.bytes
    }

    private static func write(_ alert: Alert, to json: inout JSONWriter) {
        json.object { json in
            json.field("status", alert.status)
            json.field("labels", alert.labels)
            json.field("annotations", alert.annotations)
            json.field("startsAt", alert.startsAt)
            json.field("endsAt", alert.endsAt?.rfc3339 ?? notEnded)
            json.field("generatorURL", "")
            json.field("fingerprint", fingerprint(alert.labels))
        }
    }

    private static func alert(_ alarm: Alarm, _ language: Endpoint.Language) -> Alert {
        Alert(
            isFiring: alarm.state == .active, labels: labels(alarm), annotations: annotations(alarm, language),
            startsAt: alarm.raisedAt, endsAt: alarm.clearedAt)
    }

    /// Only what never changes during an alarm's life: a receiver knows an alert by its labels.
    private static func labels(_ alarm: Alarm) -> [(name: String, value: String)] {
        pairs([
            ("alertname", alarm.rule), ("gateway", alarm.gateway), ("severity", alarm.severity.rawValue),
            ("category", alarm.category.rawValue), ("device", alarm.device.id), ("kind", alarm.device.kind),
            ("area", alarm.device.area), ("component", alarm.component), ("metric", alarm.metric),
            ("drill", alarm.drill ? "true" : nil),
        ])
    }

    private static func annotations(_ alarm: Alarm, _ language: Endpoint.Language) -> [(name: String, value: String)] {
        pairs([
            ("title_zh", alarm.title.zh), ("title_en", alarm.title.en), ("summary", alarm.title.text(in: language)),
            ("description", alarm.detail), ("alarm_id", alarm.id), ("revision", String(alarm.revision)),
            ("name", alarm.device.name), ("site", alarm.device.site), ("address", alarm.device.address),
            ("component_name", alarm.componentName), ("value", alarm.value.map(text)), ("unit", alarm.unit),
            ("limit", alarm.limit.map { text(.number($0)) }), ("acknowledged_by", alarm.acknowledgedBy),
            ("verdict", alarm.verdict?.rawValue),
        ])
    }

    /// Alertmanager sorts by name and knows no null.
    private static func pairs(_ all: [(String, String?)]) -> [(name: String, value: String)] {
        all.compactMap { name, value in value.map { (name: name, value: $0) } }.sorted { $0.name < $1.name }
    }

    /// Those that all have alike.
    private static func common(_ all: [[(name: String, value: String)]]) -> [(name: String, value: String)] {
        guard let first = all.first else { return [] }
        return first.filter { pair in all.allSatisfy { $0.contains { $0 == pair } } }
    }

    private static func text(_ value: Value) -> String {
        var json = JSONWriter()
        if case .text(let text) = value { return text }
        json.value(value)
        return json.text
    }

    /// As in a label set: a value with a quotation mark in it is still one value.
    private static func quoted(_ text: String) -> String {
        var json = JSONWriter()
        json.string(text)
        return json.text
    }

    /// 64 bits that stand for the labels, as sixteen hex digits.
    private static func fingerprint(_ labels: [(name: String, value: String)]) -> String {
        var hash = SHA256()
        for (name, value) in labels {
            for part in [name, value] { hash.update(data: Array(part.utf8) + [0xFF]) }
        }
        return hash.finalize().prefix(8).map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }
}

extension JSONWriter {
    fileprivate mutating func field(_ name: String, _ pairs: [(name: String, value: String)]) {
        key(name)
        object { for (name, value) in pairs { $0.field(name, value) } }
    }
}

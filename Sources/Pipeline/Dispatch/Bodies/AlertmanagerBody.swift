import Crypto
import FireModel
import Foundation

/// The webhook body of Prometheus Alertmanager, version 4, for receivers that already read it. One alert in
/// each; its group is the rule on this device and component, so that raise and clear meet in one group.
enum AlertmanagerBody {
    static let contentType = "application/json"

    /// Alertmanager's zero time, for an alert that has not ended.
    private static let notEnded = "0001-01-01T00:00:00Z"

    /// - Parameter snapshot: The alarm as JSON.
    /// - Throws: `DecodingError` for a snapshot that is not an alarm.
    static func body(receiver: String, snapshot: String) throws -> [UInt8] {
        let alarm = try JSONDecoder().decode(Alarm.self, from: Data(snapshot.utf8))
        let status = alarm.state == .active ? "firing" : "resolved"
        let labels = labels(alarm)
        let group = labels.filter { ["alertname", "gateway", "device", "component", "metric"].contains($0.name) }
        let annotations = annotations(alarm)
        var json = JSONWriter()
        json.object { json in
            json.field("receiver", receiver)
            json.field("status", status)
            json.key("alerts")
            json.array { json in
                json.object { json in
                    json.field("status", status)
                    json.field("labels", labels)
                    json.field("annotations", annotations)
                    json.field("startsAt", alarm.raisedAt)
                    json.field("endsAt", alarm.clearedAt?.rfc3339 ?? notEnded)
                    json.field("generatorURL", "")
                    json.field("fingerprint", fingerprint(labels))
                }
            }
            json.field("groupLabels", group)
            json.field("commonLabels", labels)
            json.field("commonAnnotations", annotations)
            json.field("externalURL", "")
            json.field("version", "4")
            json.field("groupKey", "{}:{" + group.map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ", ") + "}")
            json.field("truncatedAlerts", 0)
        }
        return json.bytes
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

    private static func annotations(_ alarm: Alarm) -> [(name: String, value: String)] {
        pairs([
            ("title_zh", alarm.title.zh), ("title_en", alarm.title.en), ("summary", alarm.title.zh),
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

    private static func text(_ value: Value) -> String {
        var json = JSONWriter()
        if case .text(let text) = value { return text }
        json.value(value)
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

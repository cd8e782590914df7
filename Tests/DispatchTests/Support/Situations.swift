import FireModel
import Foundation
import Testing

@testable import FireDispatch

/// Alarms as a duty room gets them, with everything that can stand in one.
enum Situation: String, CaseIterable {
    case fireRaised, drillRaised, fireAgain, fireEscalated, fireAcknowledged, fireVerdict, fireCleared, lateFire
    case waterRaised, waterCleared, crowd, system

    var change: Change {
        switch self {
        case .fireRaised: fire(.raised)
        case .drillRaised: fire(.raised) { $0.drill = true }
        case .fireAgain:
            fire(.updated) {
                $0.reraised = true
                $0.occurrences = 3
                $0.lastOccurrenceAt = $0.raisedAt + 240_000
            }
        case .fireEscalated: fire(.escalated) { $0.escalation = 1 }
        case .fireAcknowledged: fire(.acknowledged) { acknowledge(&$0) }
        case .fireVerdict:
            fire(.verdict) {
                acknowledge(&$0)
                $0.verdict = .trueFire
                $0.verdictCause = "电动自行车充电"
                $0.verdictBy = "李四"
            }
        case .fireCleared:
            fire(.cleared) {
                acknowledge(&$0)
                $0.state = .cleared
                $0.clearedAt = $0.raisedAt + 600_000
                $0.clearedReason = .panelReset
            }
        case .lateFire:
            fire(.raised) {
                $0.late = true
                $0.receivedAt = $0.raisedAt + 7_200_000
                $0.flags = ["test", "muted"]
            }
        case .waterRaised: water(.raised)
        case .waterCleared:
            water(.cleared) {
                $0.state = .cleared
                $0.clearedAt = $0.raisedAt + 600_000
                $0.clearedReason = .condition
            }
        case .crowd:
            water(.raised) {
                $0.devices = (1...7).map { "hydrant-00000\($0)" }
                $0.title = Title(zh: "多个消火栓压力同时下降", en: "Pressure falls at several hydrants")
            }
        case .system:
            water(.raised) {
                $0.category = .system
                $0.severity = .warning
                $0.device = AlarmDevice(id: "nanjing-xuanwu-01", kind: "gateway", area: "320102")
                $0.title = Title(zh: "推送失败", en: "Webhook failing")
                $0.component = "city-platform"
                $0.value = nil
                $0.unit = nil
                $0.limit = nil
                $0.detail = "connection refused"
            }
        }
    }

    private func acknowledge(_ alarm: inout Alarm) {
        alarm.acknowledged = true
        alarm.acknowledgedAt = alarm.raisedAt + 45_000
        alarm.acknowledgedBy = "张三"
        alarm.acknowledgedNote = "已派人"
    }

    private func fire(_ kind: AlarmChange.Kind, _ edit: (inout Alarm) -> Void = { _ in }) -> Change {
        var device = AlarmDevice(id: "panel-01", kind: "panel", area: "320102")
        device.name = "3号楼消防控制室"
        device.site = "玄武湖小区"
        device.address = "中央路1号"
        device.owner = "玄武物业"
        var alarm = Alarm(
            id: "019aa600-0000-7000-8000-000000000001", gateway: "nanjing-xuanwu-01", rule: "fire", category: .fire,
            severity: .critical, latched: true, device: device, component: "1-1-23-7", metric: "event.manual_alarm",
            title: Title(zh: "手动火灾报警", en: "Manual fire alarm"),
            raisedAt: Timestamp(milliseconds: 1_795_458_000_123), receivedAt: Timestamp(milliseconds: 1_795_458_000_200)
        )
        alarm.componentName = "3单元1层手报"
        alarm.componentType = "手动火灾报警按钮"
        alarm.value = .boolean(true)
        alarm.detail = "3单元1层"
        return make(alarm, kind, edit)
    }

    private func water(_ kind: AlarmChange.Kind, _ edit: (inout Alarm) -> Void = { _ in }) -> Change {
        var alarm = Alarm(
            id: "019aa600-0000-7000-8000-000000000002", gateway: "nanjing-xuanwu-01", rule: "hydrant-pressure-low",
            category: .water, severity: .major, latched: false,
            device: AlarmDevice(id: "hydrant-000007", kind: "hydrant", area: "320102"), component: nil,
            metric: "pressure", title: Title(zh: "消火栓压力低", en: "Hydrant pressure low"),
            raisedAt: Timestamp(milliseconds: 1_795_458_000_123), receivedAt: Timestamp(milliseconds: 1_795_458_000_200)
        )
        // As a 32-bit number of the device becomes one of ours.
        alarm.value = .number(0.09000000357627869)
        alarm.unit = "MPa"
        alarm.limit = 0.1
        return make(alarm, kind, edit)
    }

    private func make(_ alarm: Alarm, _ kind: AlarmChange.Kind, _ edit: (inout Alarm) -> Void) -> Change {
        var alarm = alarm
        edit(&alarm)
        return makeChange(of: alarm, kind, id: "019aa600-0000-8000-8000-\(rawValue.utf8.reduce(100) { $0 + Int($1) })")
    }
}

/// A change as the queue hands it over.
func makeChange(of alarm: Alarm, _ kind: AlarmChange.Kind = .raised, id: String = "change-1") -> Change {
    let delivery = Delivery(
        id: id, endpoint: "duty-room", alarm: alarm.id, revision: alarm.revision, type: kind.eventType,
        device: alarm.device.id, time: alarm.raisedAt, receivedAt: alarm.receivedAt, isFire: alarm.category == .fire,
        isActive: alarm.state == .active, createdAt: alarm.receivedAt, dueAt: alarm.receivedAt, snapshot: nil)
    return Change(delivery: delivery, snapshot: alarm.json)
}

/// 2026-11-24 02:21:40 in Nanjing.
let signingTime = Timestamp(milliseconds: 1_795_458_100_123)

func makeEndpoint(_ format: Endpoint.Format, _ language: Endpoint.Language = .zh, template: String = "") -> Endpoint {
    var endpoint = Endpoint(name: "duty-room", url: "http://127.0.0.1/")
    endpoint.format = format
    endpoint.language = language
    endpoint.template = template
    return endpoint
}

let form = MessageForm(gateway: "nanjing-xuanwu-01")

/// The text of a message in a chat, with what stands above it.
func text(of message: Message, _ format: Endpoint.Format) throws -> String {
    switch format {
    case .wecom, .dingtalk:
        struct Body: Decodable {
            struct Markdown: Decodable {
                var content: String?
                var text: String?
            }
            var markdown: Markdown
        }
        let markdown = try JSONDecoder().decode(Body.self, from: Data(message.body)).markdown
        return try #require(markdown.content ?? markdown.text)
    case .feishu:
        struct Body: Decodable {
            struct Text: Decodable { var content: String }
            struct Element: Decodable { var text: Text? }
            struct Header: Decodable { var title: Text }
            struct Card: Decodable {
                var header: Header
                var elements: [Element]
            }
            var card: Card
        }
        let card = try JSONDecoder().decode(Body.self, from: Data(message.body)).card
        return ([card.header.title.content] + card.elements.compactMap(\.text?.content)).joined(separator: "\n")
    case .text, .cloudevents, .alertmanager: return String(decoding: message.body, as: UTF8.self)
    }
}

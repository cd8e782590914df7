import FireModel
import Foundation
import Testing

@testable import FireDispatch

@Suite struct BodyTests {
    @Test func cloudEventIsStructuredAndItsDataVerbatim() throws {
        let delivery = makeDelivery(1)
        let snapshot = try #require(delivery.snapshot)
        let body = CloudEvent.body(delivery, gateway: "gw-1", snapshot: snapshot)
        #expect(
            String(decoding: body, as: UTF8.self)
                == #"{"specversion":"1.0","id":"duty-room-1-0","source":"/firesense/gw-1","type":"firesense.alarm.raised","#
                + #""subject":"hydrant-000007","time":"2026-11-23T18:20:00.123Z","datacontenttype":"application/json","#
                + #""data":\#(snapshot)}"#)
        #expect(body == CloudEvent.body(delivery, gateway: "gw-1", snapshot: snapshot))
        let alarm = try JSONDecoder().decode(Alarm.self, from: Data(snapshot.utf8))
        #expect(alarm.title.zh == "消火栓压力低")
    }

    private struct Alertmanager: Decodable {
        struct Alert: Decodable {
            var status: String
            var labels: [String: String]
            var annotations: [String: String]
            var startsAt: String
            var endsAt: String
            var fingerprint: String
        }
        var version: String
        var groupKey: String
        var status: String
        var receiver: String
        var groupLabels: [String: String]
        var commonLabels: [String: String]
        var truncatedAlerts: Int
        var externalURL: String
        var alerts: [Alert]
    }

    private func alertmanager(_ alarm: Alarm) throws -> Alertmanager {
        let body = try AlertmanagerBody.body(receiver: "duty-room", snapshots: [alarm.json], language: .zh)
        return try JSONDecoder().decode(Alertmanager.self, from: Data(body))
    }

    @Test func alertmanagerBodyFiresAndResolvesTheSameAlert() throws {
        var alarm = makeAlarm()
        alarm.value = .number(0.09)
        let firing = try alertmanager(alarm)
        #expect(firing.version == "4")
        #expect(firing.status == "firing")
        #expect(firing.receiver == "duty-room")
        #expect(firing.truncatedAlerts == 0)
        #expect(firing.alerts.count == 1)
        let alert = firing.alerts[0]
        #expect(alert.labels["alertname"] == "hydrant-pressure-low")
        #expect(alert.labels["severity"] == "major")
        #expect(alert.labels["area"] == "320102")
        #expect(alert.labels["gateway"] == "gw-1")
        #expect(alert.labels["component"] == nil)
        #expect(alert.annotations["title_zh"] == "消火栓压力低")
        #expect(alert.annotations["value"] == "0.09")
        #expect(alert.startsAt == alarm.raisedAt.rfc3339)
        #expect(alert.endsAt == "0001-01-01T00:00:00Z")
        #expect(alert.fingerprint.count == 16)

        let resolved = try alertmanager(makeChange(alarm, .cleared, at: 60_000).alarm)
        #expect(resolved.status == "resolved")
        #expect(resolved.alerts[0].endsAt == (alarm.raisedAt + 60_000).rfc3339)
        #expect(resolved.alerts[0].fingerprint == alert.fingerprint)
        #expect(resolved.groupKey == firing.groupKey)
    }

    @Test func alertmanagerBodyOfSomethingElseIsAnError() {
        #expect(throws: DecodingError.self) {
            try AlertmanagerBody.body(receiver: "a", snapshots: ["{}"], language: .zh)
        }
    }
}

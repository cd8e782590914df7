import FireModel
import Foundation
import Testing

@testable import FireDispatch

@Suite struct BatchTests {
    @Test func contentTypeOfAnEndpointNeverChanges() throws {
        var endpoint = makeEndpoint(.cloudevents)
        let change = Situation.fireRaised.change
        func types() throws -> Set<String> {
            [
                try form.message(for: [change], to: endpoint, at: signingTime).contentType,
                form.test(id: "a", to: endpoint, at: signingTime).contentType,
                form.heartbeat(id: "a", to: endpoint, at: signingTime, figures: DeliveryFigures()).contentType,
            ]
        }
        #expect(try types() == ["application/cloudevents+json; charset=utf-8"])
        endpoint.batch = 2
        #expect(try types() == ["application/cloudevents-batch+json; charset=utf-8"])
    }

    @Test func batchIsAnArrayOfTheSameEvents() throws {
        let changes = [Situation.fireRaised, .waterRaised].map(\.change)
        var endpoint = makeEndpoint(.cloudevents)
        let singles = try changes.map {
            String(decoding: try form.message(for: [$0], to: endpoint, at: signingTime).body, as: UTF8.self)
        }
        endpoint.batch = 5
        let batch = try form.message(for: changes, to: endpoint, at: signingTime)
        #expect(String(decoding: batch.body, as: UTF8.self) == "[\(singles.joined(separator: ","))]")
        let one = try form.message(for: [changes[0]], to: endpoint, at: signingTime)
        #expect(String(decoding: one.body, as: UTF8.self) == "[\(singles[0])]")
        #expect(one.id == changes[0].delivery.id)
    }

    @Test func idOfABatchStandsForItsComposition() {
        let id = WebhookID.id(ofBatch: ["a", "b"])
        #expect(id == WebhookID.id(ofBatch: ["a", "b"]))
        #expect(Set([id, WebhookID.id(ofBatch: ["b", "a"]), WebhookID.id(ofBatch: ["ab"]), "a", "b"]).count == 5)
        #expect(WebhookID.id(ofBatch: ["a", "b", "c"]) != id)
        #expect(id.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
        #expect(WebhookID.id(ofBatch: ["a"]) == "a")
    }

    private struct Alertmanager: Decodable {
        struct Alert: Decodable {
            var status: String
            var labels: [String: String]
        }
        var status: String
        var groupKey: String
        var groupLabels: [String: String]
        var commonLabels: [String: String]
        var commonAnnotations: [String: String]
        var alerts: [Alert]
    }

    private func alertmanager(_ changes: [Change]) throws -> Alertmanager {
        var endpoint = makeEndpoint(.alertmanager)
        endpoint.batch = 10
        let message = try form.message(for: changes, to: endpoint, at: signingTime)
        return try JSONDecoder().decode(Alertmanager.self, from: Data(message.body))
    }

    @Test func alertsOfOneBodyShareWhatIsCommonAndNothingElse() throws {
        let both = try alertmanager([Situation.fireCleared, .waterRaised].map(\.change))
        #expect(both.alerts.map(\.status) == ["resolved", "firing"])
        #expect(both.status == "firing")
        #expect(both.commonLabels == ["area": "320102", "gateway": "nanjing-xuanwu-01"])
        #expect(both.groupLabels == ["gateway": "nanjing-xuanwu-01"])
        #expect(both.groupKey == #"{}:{gateway="nanjing-xuanwu-01"}"#)
        #expect(both.commonAnnotations == ["revision": "1"])

        let resolved = try alertmanager([Situation.fireCleared, .waterCleared].map(\.change))
        #expect(resolved.status == "resolved")
    }

    @Test func aGroupKeyCannotBeForgedByAName() throws {
        var alarm = makeAlarm(component: #"a", device="b\"#)
        alarm.gateway = "gw-1"
        let body = try alertmanager([makeChange(of: alarm)])
        #expect(body.groupKey.contains(#"component="a\", device=\"b\\""#))
        #expect(body.groupLabels["component"] == #"a", device="b\"#)
    }

    @Test func whatBurnsComesFirstInAChat() throws {
        let changes = [Situation.waterRaised, .fireRaised].map(\.change)
        for format in [Endpoint.Format.wecom, .dingtalk, .feishu, .text] {
            let text = try text(of: form.message(for: changes, to: makeEndpoint(format), at: signingTime), format)
            let fire = try #require(text.range(of: "手动火灾报警"))
            let water = try #require(text.range(of: "消火栓压力低"))
            #expect(fire.lowerBound < water.lowerBound)
        }
    }

    @Test func aDrillStandsBehindWhatBurnsAndIsNotCountedAsFire() throws {
        func title(_ situations: [Situation], _ language: Endpoint.Language) throws -> String {
            try Notice(
                situations.map(\.change), for: makeEndpoint(.feishu, language),
                clock: LocalClock(zone: "Asia/Shanghai"),
                plain: ForeignText.chat
            ).title
        }
        #expect(try title([.drillRaised, .waterRaised, .fireRaised], .zh) == "🔥3 条报警消息，火警 1 条，【演练】1 条")
        #expect(try title([.drillRaised, .waterRaised, .fireRaised], .en) == "🔥 3 alarms, fire: 1, [DRILL]: 1")
        #expect(try title([.drillRaised, .waterRaised], .zh) == "2 条报警消息，【演练】1 条")
        #expect(try title([.fireCleared, .waterRaised], .zh) == "2 条报警消息")

        let changes = [Situation.drillRaised, .waterRaised, .fireRaised].map(\.change)
        let message = try form.message(for: changes, to: makeEndpoint(.feishu), at: signingTime)
        #expect(String(decoding: message.body, as: UTF8.self).contains(#""template":"red""#))
        let text = try text(of: message, .feishu).split(separator: "\n").dropFirst()
        #expect(text.first == "🔥【火警】手动火灾报警 · 玄武湖小区 3号楼消防控制室")
    }

    @Test func aRobotTakesNoMoreThanItHasRoomFor() {
        for format in Endpoint.Format.allCases {
            #expect(format.largestBatch >= 1)
            #expect((format.messagesPerMinute != nil) == format.isChat)
        }
    }
}

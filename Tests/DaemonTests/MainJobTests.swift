import Crypto
import Foundation
import Testing

/// The main job with the real binary, a real mosquitto, a real receiver and a real database.
@Suite(.serialized) struct MainJobTests {
    private let now = Int64(Date().timeIntervalSince1970 * 1000)

    @Test func fiveKindsAreStoredAndAFireIsPushedSigned() async throws {
        let broker = try await Broker()
        let receiver = try await Receiver()
        let box = try Box(broker: broker.port, webhooks: [("duty-room", receiver.url)])
        try await box.start()
        let area = "fire/v1/320102"
        try await broker.publish(
            "\(area)/hydrant/hydrant-1/telemetry", #"{"ts":\#(now),"values":{"pressure":0.31,"battery":87}}"#)
        try await broker.publish(
            "\(area)/electrical/e-1/telemetry", #"{"ts":\#(now),"values":{"residual_current":126}}"#)
        try await broker.publish(
            "\(area)/charger/c-1/telemetry",
            #"{"ts":\#(now),"component":"port-1","values":{"current":1.5,"charging":true,"state":"charging"}}"#)
        try await broker.publish(
            "\(area)/smoke/s-1/telemetry", #"{"ts":\#(now),"values":{"smoke":false,"battery":90}}"#)
        try await broker.publish(
            "\(area)/panel/p-1/event", #"{"ts":\#(now),"event":"fire","component":"1-1-40-7","detail":"3号楼5层烟感"}"#)

        try await eventually("the fire arrives") { receiver.accepted.count == 1 }
        let push = receiver.accepted[0]
        #expect(push.type == "firesense.alarm.raised")
        #expect(push.device == "p-1")
        #expect(push.alarm["category"] as? String == "fire")
        #expect(push.alarm["severity"] as? String == "critical")
        #expect(push.alarm["detail"] as? String == "3号楼5层烟感")
        #expect(push.event["id"] as? String == push.id)
        #expect(push.event["source"] as? String == "/firesense/box-1")
        let key = SymmetricKey(data: Data(repeating: 7, count: 32))
        let mac = HMAC<SHA256>.authenticationCode(
            for: Data("\(push.id).\(push.timestamp).\(push.body)".utf8), using: key)
        #expect(push.signature == "v1," + Data(mac).base64EncodedString())

        try await eventually("all is stored") { try await box.stat("readings_stored") == 9 }
        let points = try await box.get("/api/v1/readings?device=hydrant-1&metric=pressure")
        #expect(points["unit"] as? String == "MPa")
        let first = try #require((points["points"] as? [[Any]])?.first)
        #expect((first[0] as? NSNumber)?.int64Value == now)
        #expect((first[1] as? NSNumber)?.doubleValue == 0.31)
        let kinds = Set(try await box.items("/api/v1/devices").compactMap { $0["kind"] as? String })
        #expect(kinds == ["hydrant", "electrical", "charger", "smoke", "panel"])
        let alarms = try await box.items("/api/v1/alarms?state=active")
        #expect(alarms.count == 1 && alarms[0]["id"] as? String == push.alarmID)

        let table = try await box.command("query", "--device", "hydrant-1", "--metric", "pressure", "--format", "csv")
        #expect(table.contains("\(now)"))
        let lines = try await box.exported()
        #expect(lines.count == 9)
        #expect(lines.contains("\(now),320102,panel,p-1,1-1-40-7,event.fire,true"))
        try await box.stop()
        #expect(box.daemon?.isRunning == false)
        // With the daemon stopped the same commands read the file.
        let stopped = try await box.exported()
        #expect(stopped.sorted() == lines.sorted())
        #expect(try await box.command("alarms", "list", "--format", "json").contains(push.alarmID))
    }

    @Test func sameMessageTwiceIsStoredOnceAndAConflictIsCounted() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port, linger: "50ms")
        try await box.start()
        let topic = "fire/v1/320102/hydrant/h-1/telemetry"
        let message = #"{"ts":\#(now),"values":{"pressure":0.31}}"#
        try await broker.publishLines(topic, [message, message, #"{"ts":\#(now),"values":{"pressure":0.32}}"#])
        try await broker.publish(topic, #"{"ts":\#(now - 86_400_000),"values":{"pressure":0.30}}"#)
        try await eventually("four are received") {
            let stored = try await box.stat("readings_stored")
            let others = try await box.stat("readings_duplicate") + box.stat("readings_conflicting")
            return stored == 2 && others == 2
        }
        #expect(try await box.stat("readings_duplicate") == 1)
        #expect(try await box.stat("readings_conflicting") == 1)
        #expect(try await box.exported().count == 2)
    }

    @Test func retainedMessagesAreNotNewsOnEveryReconnect() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port, mqtt: ", protocol: 3.1.1", linger: "50ms")
        try await broker.publish("fire/v1/320102/hydrant/h-1/status", "online", retain: true)
        try await broker.publish(
            "fire/v1/320102/panel/p-1/event", #"{"ts":\#(now),"event":"fault"}"#, retain: true)
        try await box.start()
        try await eventually("the retained ones are stored") { try await box.stat("readings_stored") == 2 }
        let before = try await box.exported()
        for _ in 0..<3 {
            try await box.kill()
            try await box.start()
        }
        try await eventually("they came again") { try await box.stat("messages_duplicate") >= 1 }
        #expect(try await box.exported() == before)
        #expect(try await box.items("/api/v1/alarms").count == 1)
    }

    @Test func whatCannotBeReadIsInTheQuarantineAndTheStreamGoesOn() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port, linger: "50ms")
        try await box.start()
        let scratch = try Scratch()
        let big = try scratch.write("big", #"{"values":{"note":""# + String(repeating: "x", count: 1 << 20) + #""}}"#)
        try await broker.publish("fire/v1/320102/hydrant/h-1/telemetry", file: big)
        try await broker.publish("fire/v1/320102/hydrant/h-1/telemetry", #"{"values":{"pressure":"#)
        try await broker.publish("fire/v1/320102/hydrant/h-1/telemetry", String(repeating: "[", count: 10_000))
        try await broker.publish("fire/v1/320102/toaster/t-1/telemetry", #"{"values":{"pressure":1}}"#)
        try await broker.publish("fire/v1/x/y", "?")
        try await broker.publish("fire/v1/320102/panel/p-1/event", "fire!")
        try await broker.publish("fire/v1/320102/hydrant/h-1/telemetry", #"{"values":{"pressure":0.3}}"#)
        try await eventually("six are quarantined and the last is stored") {
            let quarantined = try await box.stat("messages_quarantined")
            let stored = try await box.stat("readings_stored")
            return quarantined == 6 && stored == 1
        }
        let items = try await box.items("/api/v1/quarantine")
        #expect(items.count == 6)
        #expect(items.allSatisfy { !($0["reason"] as? String ?? "").isEmpty && $0["payload_base64"] is String })
        // What was lost on an urgent topic is an alarm of its own.
        try await eventually("the duty room is told") {
            try await box.items("/api/v1/alarms?category=system").contains {
                $0["rule"] as? String == "urgent-message-quarantined"
            }
        }
    }

    @Test func operatorsActsNeedTheSocketAndAreKept() async throws {
        let broker = try await Broker()
        let receiver = try await Receiver()
        let box = try Box(broker: broker.port, webhooks: [("duty-room", receiver.url)])
        try await box.start()
        try await broker.publish("fire/v1/320102/panel/p-1/event", #"{"ts":\#(now),"event":"fire"}"#)
        try await eventually("the fire arrives") { receiver.accepted.count == 1 }
        let id = receiver.accepted[0].alarmID
        _ = try await box.command("alarms", "acknowledge", id, "--by", "王班长", "--note", "派人查看")
        _ = try await box.command("alarms", "reset", id, "--by", "王班长", expecting: 1)
        _ = try await box.command(
            "alarms", "verdict", id, "false_alarm", "--cause", "cooking", "--by", "王班长", "--force")
        try await eventually("all changes arrive in order") { receiver.accepted.count == 4 }
        #expect(
            receiver.accepted.map(\.type)
                == ["raised", "acknowledged", "verdict", "cleared"].map { "firesense.alarm.\($0)" })
        #expect(receiver.accepted.map(\.revision) == [1, 2, 3, 4])
        let alarm = try await box.get("/api/v1/alarms/\(id)")
        #expect((alarm["history"] as? [Any])?.count == 4)
        try await box.kill()
        try await box.start()
        #expect(try await box.items("/api/v1/alarms?verdict=false_alarm").count == 1)
    }
}

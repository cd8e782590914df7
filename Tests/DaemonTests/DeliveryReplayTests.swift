import Foundation
import Synchronization
import Testing

/// The ledger of the real daemon: what is sent once more, and what an operator does about an endpoint.
@Suite(.serialized) struct DeliveryReplayTests {
    private let now = Int64(Date().timeIntervalSince1970 * 1000)

    private func fire(_ broker: Broker, _ device: String) async throws {
        try await broker.publish("fire/v1/320102/panel/\(device)/event", #"{"ts":\#(now),"event":"fire"}"#)
    }

    private func deliveries(_ box: Box, _ query: String = "") async throws -> [[String: Any]] {
        try await box.items("/api/v1/deliveries?limit=1000\(query)")
    }

    private func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    private func isSettled(_ box: Box, _ count: Int) async throws -> Bool {
        try await deliveries(box, "&state=delivered").count == count
    }

    @Test func whatWasDeliveredIsSentOnceMoreUnderItsID() async throws {
        let broker = try await Broker()
        let receiver = try await Receiver()
        let box = try Box(broker: broker.port, webhooks: [("duty-room", receiver.url)])
        try await box.start()
        for device in 1...5 { try await fire(broker, "p-\(device)") }
        try await eventually("all are written down as delivered") { try await isSettled(box, 5) }
        let first = receiver.accepted
        #expect(first.allSatisfy { !$0.isReplay })

        let outcome = try object(try await box.command("deliveries", "replay", "--from", "-1h", "--format", "json"))
        #expect(outcome["replayed"] as? Int == 5)
        try await eventually("all come once more") { receiver.accepted.count == 10 }
        let again = Array(receiver.accepted.dropFirst(5))
        #expect(again.count { $0.isReplay } == 5)
        #expect(Set(again.map(\.id)) == Set(first.map(\.id)))
        #expect(
            Dictionary(uniqueKeysWithValues: again.map { ($0.id, $0.body) })
                == Dictionary(uniqueKeysWithValues: first.map { ($0.id, $0.body) }), "byte by byte what it was")
        try await eventually("their second attempts are written down") { try await isSettled(box, 5) }

        // By id; and a second time shortly after is a wish, not a mistake.
        let id = first[0].id
        for round in 1...2 {
            #expect(try await box.command("deliveries", "replay", id).contains("1 to be sent once more"))
            try await eventually("it comes") { receiver.accepted.count == 10 + round }
            #expect(receiver.accepted.last?.id == id)
            try await eventually("it is written down") { try await isSettled(box, 5) }
        }
        let record = try object(try await box.command("deliveries", "show", id, "--format", "json"))
        #expect(record["attempt_count"] as? Int == 4)
        #expect((record["attempts"] as? [[String: Any]])?.count == 4)
        #expect((record["data"] as? [String: Any])?["id"] as? String == first[0].alarmID)
        #expect(record["replayed_at"] is String)
        #expect(try await box.command("deliveries", "replay", "nobody", expecting: 1).contains("1 with an id"))
        let page = await httpGet(port: box.httpPort, "/metrics").body
        let metrics = String(decoding: page, as: UTF8.self)
        #expect(metrics.contains("firesense_deliveries_replayed_total{endpoint=\"duty-room\"} 7"))
        #expect(metrics.contains("firesense_delivery_attempt_seconds_count{endpoint=\"duty-room\"} 12"))
        #expect(metrics.contains("firesense_publish_to_push_seconds_count 5"), "a replay says nothing of that")
        #expect(metrics.contains("firesense_delivery_endpoint_state{endpoint=\"duty-room\",state=\"well\"} 1"))
        #expect(metrics.contains("firesense_delivery_results_dropped_total 0"))
    }

    @Test func replayThatWasAnsweredGoesOnAfterAKill() async throws {
        let broker = try await Broker()
        let receiver = try await Receiver()
        let box = try Box(broker: broker.port, webhooks: [("duty-room", receiver.url)])
        try await box.start()
        for device in 1...30 { try await fire(broker, "p-\(device)") }
        try await eventually("all are written down as delivered") { try await isSettled(box, 30) }
        // While it is down nothing gets through, and the daemon dies several times.
        receiver.answer { _ in (503, [:]) }
        let outcome = try object(
            try await box.command("deliveries", "replay", "--endpoint", "duty-room", "--format", "json"))
        #expect(outcome["replayed"] as? Int == 30)
        for _ in 0..<3 {
            try await box.kill()
            try await box.start()
            #expect(try await deliveries(box, "&state=pending").count == 30)
            try await eventually("pending ones are counted") { try await box.stat("deliveries_pending") == 30 }
        }
        let again = try object(
            try await box.command("deliveries", "replay", "--endpoint", "duty-room", "--format", "json"))
        #expect(again["replayed"] as? Int == 0)
        #expect(again["still_pending"] as? Int == 30)
        receiver.answer { _ in (204, [:]) }
        try await eventually("every one of them arrives", within: .seconds(60)) {
            Set(receiver.accepted.filter(\.isReplay).map(\.id)).count == 30
        }
        try await eventually("nothing waits any more") { try await box.stat("deliveries_pending") == 0 }
        #expect(Set(receiver.accepted.map(\.id)).count == 30, "nothing is invented")
    }

    @Test func fireDoesNotWaitForReplaysOfASlowReceiver() async throws {
        let broker = try await Broker()
        let receiver = try await Receiver()
        let box = try Box(broker: broker.port, webhooks: [("duty-room", receiver.url)])
        try await box.start()
        for device in 1...40 { try await fire(broker, "p-\(device)") }
        try await eventually("all are written down as delivered") { try await isSettled(box, 40) }
        // Replays hang for their whole time-out of two seconds each; others do not.
        receiver.hangsOnReplays(true)
        _ = try await box.command("deliveries", "replay", "--from", "-1h")
        try await eventually("replays are under way") { receiver.received.contains { $0.isReplay } }
        for device in 101...110 {
            let sent = Date()
            try await fire(broker, "p-\(device)")
            try await eventually("the fire arrives") { receiver.accepted.contains { $0.device == "p-\(device)" } }
            #expect(Date().timeIntervalSince(sent) < 1, "p-\(device)")
        }
        receiver.hangsOnReplays(false)
        try await eventually("the replays arrive", within: .seconds(90)) {
            Set(receiver.accepted.filter(\.isReplay).map(\.id)).count == 40
        }
    }

    @Test func enableSendsWhatAGoneEndpointHolds() async throws {
        let broker = try await Broker()
        let receiver = try await Receiver()
        receiver.answer { _ in (410, [:]) }
        let box = try Box(broker: broker.port, webhooks: [("duty-room", receiver.url)])
        try await box.start()
        try await broker.publish("fire/v1/320102/panel/p-1/event", #"{"ts":\#(now),"event":"fault"}"#)
        try await eventually("it was told to go away") { receiver.received.count >= 1 }
        try await eventually("it is held") {
            try await box.items("/api/v1/webhooks").first?["state"] as? String == "held"
        }
        let listed = try await box.command("webhooks", "list")
        #expect(listed.contains("held"))
        #expect(listed.contains("410"))
        receiver.answer { _ in (204, [:]) }
        try await Task.sleep(for: .seconds(2))
        #expect(receiver.accepted.isEmpty, "it is tried once an hour")
        #expect(try await box.command("webhooks", "enable", "duty-room").contains("duty-room"))
        try await eventually("what was held arrives") { receiver.accepted.contains { $0.device == "p-1" } }
        try await eventually("it is well again") {
            let endpoint = try await box.items("/api/v1/webhooks").first
            return endpoint?["state"] as? String == "well" && endpoint?["last_success_at"] is String
        }
        #expect(try await box.items("/api/v1/webhooks").first?["address"] as? String == "127.0.0.1")
        let csv = try await box.command("webhooks", "list", "--format", "csv").split(separator: "\n")
        #expect(csv.count == 2)
        #expect(csv.last?.hasPrefix("duty-room,127.0.0.1,cloudevents,http,true,well,0,") == true)
    }

    @Test func testSaysWhatCameBackAndWhatToDo() async throws {
        let broker = try await Broker()
        let receiver = try await Receiver()
        let box = try Box(
            broker: broker.port,
            webhooks: [("duty-room", receiver.url), ("nobody", "http://127.0.0.1:\(try freePort())/x")])
        try await box.start()
        let good = try await box.command("webhooks", "test", "duty-room")
        #expect(good.contains("signed"))
        #expect(good.contains("status 204"))
        #expect(good.contains("OK"))
        let push = try #require(receiver.received.last)
        #expect(push.type != "firesense.alarm.raised")
        #expect(push.signature.hasPrefix("v1,"))
        for (status, hint) in [
            (401, "signature"), (404, "url"), (410, "webhooks enable duty-room"), (429, "too many"),
            (302, "final address"), (500, "its log"),
        ] {
            receiver.answer { _ in (status, [:]) }
            let bad = try await box.command("webhooks", "test", "duty-room", expecting: 1)
            #expect(bad.contains("FAIL"))
            #expect(bad.contains(hint), "\(status): \(bad)")
        }
        receiver.answer { _ in nil }
        #expect(
            try await box.command("webhooks", "test", "duty-room", expecting: 1).contains("does not answer in time"))
        #expect(try await box.command("webhooks", "test", "nobody", expecting: 1).contains("nobody listens"))
        let json = try object(try await box.command("webhooks", "test", "nobody", "--format", "json", expecting: 1))
        #expect(json["accepted"] as? Bool == false)
        #expect(json["reason"] as? String == "refused")
        // Nothing of it is in the ledger, and the endpoint is as it was.
        #expect(try await deliveries(box).isEmpty)
        #expect(try await box.items("/api/v1/webhooks").allSatisfy { $0["state"] as? String == "well" })
        let unknown = try Program(
            Program.products.appending(path: "firesense").path,
            ["webhooks", "test", "duty-rom", "--config", box.configuration])
        #expect(try await unknown.ended() == 1)
        #expect(unknown.standardError.contains("duty-room, nobody"))
        #expect(unknown.standardError.contains("Did you mean duty-room?"))
    }

    @Test func ledgerIsFilteredAlsoWithTheDaemonStopped() async throws {
        let broker = try await Broker()
        let one = try await Receiver()
        let two = try await Receiver()
        let box = try Box(broker: broker.port, webhooks: [("duty-room", one.url), ("city", two.url)])
        try await box.start()
        for device in 1...3 { try await fire(broker, "p-\(device)") }
        try await eventually("all are written down as delivered") { try await isSettled(box, 6) }
        #expect(try await deliveries(box, "&endpoint=city").count == 3)
        let alarm = try #require(one.accepted.first?.alarmID)
        #expect(try await deliveries(box, "&alarm=\(alarm)").count == 2)
        #expect(try await deliveries(box, "&to=-1h").isEmpty)
        #expect(await box.status("/api/v1/deliveries?endpoint=a%20b") == 400)
        try await box.stop()
        func count(_ arguments: String...) async throws -> Int {
            let program = try Program(
                Program.products.appending(path: "firesense").path,
                ["deliveries", "list", "--format", "csv", "--config", box.configuration] + arguments)
            #expect(try await program.ended() == 0)
            return program.standardOutput.split(separator: "\n").count - 1
        }
        #expect(try await count("--endpoint", "city") == 3)
        #expect(try await count("--alarm", alarm, "--state", "delivered") == 2)
        #expect(try await count("--from", "-1h") == 6)
        let id = try #require(one.accepted.first?.id)
        #expect(try await box.command("deliveries", "show", id).contains(alarm))
        let wrong = try Program(
            Program.products.appending(path: "firesense").path,
            ["deliveries", "list", "--endpoint", "citty", "--config", box.configuration])
        #expect(try await wrong.ended() == 1)
        #expect(wrong.standardError.contains("did you mean city?"))
    }
}

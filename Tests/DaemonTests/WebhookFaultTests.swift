import Foundation
import Testing

/// Receivers that fail in every way: each change arrives, in order, under one id.
@Suite(.serialized) struct WebhookFaultTests {
    private let now = Int64(Date().timeIntervalSince1970 * 1000)

    private func expectOrder(_ receiver: Receiver, alarms: Int, sourceLocation: SourceLocation = #_sourceLocation) {
        var revisions: [String: [Int]] = [:]
        var ids: [String: Set<String>] = [:]
        for push in receiver.received {
            ids["\(push.alarmID)#\(push.revision)", default: []].insert(push.id)
            if (200..<300).contains(push.status) { revisions[push.alarmID, default: []].append(push.revision) }
        }
        #expect(revisions.count == alarms, sourceLocation: sourceLocation)
        for (alarm, sequence) in revisions {
            #expect(sequence == sequence.sorted(), "alarm \(alarm)", sourceLocation: sourceLocation)
        }
        for (change, its) in ids { #expect(its.count == 1, "change \(change)", sourceLocation: sourceLocation) }
    }

    private func fireAndReset(_ broker: Broker, _ device: String) async throws {
        let topic = "fire/v1/320102/panel/\(device)/event"
        try await broker.publish(topic, #"{"ts":\#(now),"event":"fire"}"#)
        try await broker.publish(topic, #"{"ts":\#(now + 1000),"event":"reset"}"#)
    }

    @Test(arguments: [500, 404, 410, 429, 302])
    func statusThatIsNoSuccessIsRetried(_ status: Int) async throws {
        let broker = try await Broker()
        let receiver = try await Receiver()
        receiver.answer { attempt in
            attempt < 2
                ? (status, status == 429 ? ["Retry-After": "1"] : status == 302 ? ["Location": "/other"] : [:])
                : (204, [:])
        }
        let box = try Box(broker: broker.port, webhooks: [("duty-room", receiver.url)])
        try await box.start()
        try await fireAndReset(broker, "p-1")
        if status == 410 {
            // Held, not dropped: tried again at the next start.
            try await eventually("it was told to go away") { receiver.received.count >= 1 }
            receiver.answer { _ in (204, [:]) }
            try await box.kill()
            try await box.start()
        }
        try await eventually("both changes arrive") { receiver.accepted.filter { $0.category == "fire" }.count == 2 }
        expectOrder(receiver, alarms: Set(receiver.accepted.map(\.alarmID)).count)
    }

    @Test func receiverThatHangsDelaysNoOther() async throws {
        let broker = try await Broker()
        let hanging = try await Receiver()
        let quick = try await Receiver()
        hanging.answer { _ in nil }
        let box = try Box(broker: broker.port, webhooks: [("hanging", hanging.url), ("quick", quick.url)])
        try await box.start()
        for device in 1...20 { try await fireAndReset(broker, "p-\(device)") }
        try await eventually("the quick one has all") { quick.accepted.filter { $0.category == "fire" }.count == 40 }
        hanging.answer { _ in (204, [:]) }
        try await eventually("the other one too", within: .seconds(90)) {
            hanging.accepted.filter { $0.category == "fire" }.count == 40
        }
        expectOrder(quick, alarms: Set(quick.accepted.map(\.alarmID)).count)
        expectOrder(hanging, alarms: Set(hanging.accepted.map(\.alarmID)).count)
    }

    @Test func killBetweenCommitAndPushLosesNoChange() async throws {
        let broker = try await Broker()
        let receiver = try await Receiver()
        receiver.answer { _ in (503, [:]) }
        let box = try Box(broker: broker.port, webhooks: [("duty-room", receiver.url)])
        try await box.start()
        for device in 1...5 {
            try await fireAndReset(broker, "p-\(device)")
            try await eventually("it was tried") { receiver.received.contains { $0.device == "p-\(device)" } }
            try await box.kill()
            try await box.start()
        }
        receiver.answer { _ in (204, [:]) }
        try await eventually("every change arrives", within: .seconds(90)) {
            Set(receiver.accepted.filter { $0.category == "fire" }.map { "\($0.alarmID)#\($0.revision)" }).count == 10
        }
        expectOrder(receiver, alarms: Set(receiver.accepted.map(\.alarmID)).count)
    }

    @Test func receiverThatRefusesConnectionsGetsAllWhenItIsThere() async throws {
        let broker = try await Broker()
        let port = try freePort()
        let box = try Box(broker: broker.port, webhooks: [("duty-room", "http://127.0.0.1:\(port)/hook")])
        try await box.start()
        try await fireAndReset(broker, "p-1")
        try await eventually("two wait") { try await box.stat("deliveries_pending") >= 2 }
        let scratch = try Scratch()
        let log = scratch.path("received.jsonl")
        let receiver = try Program(
            "/usr/bin/env",
            [
                "python3", Self.referenceReceiver, "--port", "\(port)", "--log", log, "--secret-file",
                box.scratch.path("secret-duty-room"),
            ])
        defer { receiver.signal(SIGTERM) }
        try await eventually("nothing waits any more", within: .seconds(60)) {
            try await box.stat("deliveries_pending") == 0
        }
        // Each line is one request, with the receiver's own judgement of signature and id.
        let requests = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
        }
        let fire = requests.filter {
            let alarm = ($0["event"] as? [String: Any])?["data"] as? [String: Any]
            return alarm?["category"] as? String == "fire" && $0["duplicate"] as? Bool == false
        }
        #expect(fire.map { $0["type"] as? String } == ["firesense.alarm.raised", "firesense.alarm.cleared"])
        #expect(fire.allSatisfy { $0["status"] as? Int == 204 && $0["problem"] is NSNull })
        var ids: [String: Set<String>] = [:]
        for request in requests {
            guard let event = request["event"] as? [String: Any], let id = request["webhook_id"] as? String,
                let alarm = event["data"] as? [String: Any]
            else { continue }
            ids["\(alarm["id"] ?? "")#\(alarm["revision"] ?? "")", default: []].insert(id)
        }
        #expect(ids.count >= 2 && ids.values.allSatisfy { $0.count == 1 })
    }

    static let referenceReceiver = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Deploy/examples/receiver.py").path
}

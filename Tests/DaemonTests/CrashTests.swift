import Foundation
import Testing

/// Killed at any moment, nothing that the broker took may be missing or there twice.
@Suite(.serialized) struct CrashTests {
    private let now = Int64(Date().timeIntervalSince1970 * 1000)

    /// Five kills while 100,000 messages flow over six connections: telemetry, events, and what cannot be read.
    @Test func everyMessageIsThereExactlyOnceAfterFiveKills() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port, linger: "100ms")
        try await box.start()
        let perDevice = 23_000
        // Of a kind that is urgent and of one that is not.
        let devices = [
            ("hydrant", "h-1", "pressure"), ("hydrant", "h-2", "pressure"), ("smoke", "s-1", "temperature"),
            ("smoke", "s-2", "temperature"),
        ]
        let (events, unreadable) = (2000, 500)
        let start = now - Int64(perDevice)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (kind, device, metric) in devices {
                group.addTask {
                    try await broker.publishLines(
                        "fire/v1/320102/\(kind)/\(device)/telemetry",
                        (0..<perDevice).map {
                            #"{"ts":\#(start + Int64($0)),"values":{"\#(metric)":\#(0.2 + Double($0 % 100) / 1000)}}"#
                        })
                }
            }
            group.addTask {
                try await broker.publishLines(
                    "fire/v1/320102/panel/p-1/event",
                    (0..<events).map { #"{"ts":\#(start + Int64($0)),"event":"feedback"}"# })
            }
            group.addTask {
                try await broker.publishLines(
                    "fire/v1/320102/hydrant/h-3/telemetry", (0..<unreadable).map { "unreadable \($0)" })
            }
            for kill in 1...5 {
                // Somewhere in the middle of the work, not at a fixed time.
                let goal = kill * 8000 + Int.random(in: 0..<4000)
                let before = try await box.exported().count
                try await eventually("\(goal) are stored", within: .seconds(120)) {
                    try await box.stat("readings_stored") + before >= goal
                }
                try await box.kill()
                try await box.start()
            }
            try await group.waitForAll()
        }
        let expected = perDevice * devices.count + events
        try await eventually("all are stored", within: .seconds(180), every: .milliseconds(500)) {
            try await (box.get("/api/v1/stats")["store"] as? [String: Any])?["readings"] as? Int == expected
        }
        let lines = try await box.exported()
        #expect(lines.count == expected)
        #expect(Set(lines).count == expected)
        #expect(lines.count { $0.contains(",p-1,,event.feedback,") } == events)
        // What cannot be read has no identity: it is there, perhaps once more for a kill.
        var kept: Set<String> = []
        var cursor: String? = ""
        while let from = cursor {
            let page = try await box.get("/api/v1/quarantine?limit=1000" + (from.isEmpty ? "" : "&cursor=\(from)"))
            for item in page["items"] as? [[String: Any]] ?? [] {
                let payload = Data(base64Encoded: item["payload_base64"] as? String ?? "") ?? Data()
                kept.insert(String(decoding: payload, as: UTF8.self))
            }
            cursor = page["next"] as? String
        }
        #expect(kept == Set((0..<unreadable).map { "unreadable \($0)" }))
    }

    /// Redelivered after a crash before the acknowledgement, a message without a time of its own takes the
    /// recorded time of receipt: it is the same event, not a second one.
    @Test func redeliveryWithoutTimeIsOneEvent() async throws {
        let broker = try await Broker()
        let receiver = try await Receiver()
        let proxy = try Proxy(broker: broker.port)
        defer { proxy.end() }
        let box = try Box(broker: proxy.port, webhooks: [("duty-room", receiver.url)])
        // Once before, so that the broker knows both sessions and each message has one place to go.
        try await box.start()
        try await box.stop()
        try await box.start()
        for round in 1...5 {
            proxy.hold()
            try await broker.publish("fire/v1/320102/panel/p-\(round)/event", #"{"event":"fire"}"#)
            // The push proves the commit; the acknowledgement cannot have left.
            try await eventually("fire \(round) arrives") { Set(receiver.accepted.map(\.device)).count == round }
            try await box.kill()
            proxy.release()
            try await box.start()
            try await eventually("it comes again") { try await box.stat("messages_duplicate") >= 1 }
        }
        try await box.stop()
        #expect(try await box.exported().count == 5)
        #expect(Set(receiver.accepted.map(\.alarmID)).count == 5)
    }

    /// What is under way is in the hands of the broker alone: queued for a daemon that is down, read by one that
    /// has not committed it, published before one is back.
    @Test func brokerThatRestartsLosesNothing() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port, linger: "10s")
        func publish(_ range: Range<Int>) async throws {
            try await broker.publishLines(
                "fire/v1/320102/hydrant/h-1/telemetry",
                range.map { #"{"ts":\#(now + Int64($0)),"values":{"pressure":0.3}}"# })
        }
        try await box.start()
        try await box.stop()
        try await publish(0..<300)
        try await broker.stop()
        try await broker.start()
        try await publish(300..<500)
        try await box.start()
        try await eventually("what was queued is read") { try await box.stat("messages_received") >= 500 }
        try await eventually("and stored") { try await box.exported().count == 500 }

        try await publish(500..<800)
        try await eventually("read") { try await box.stat("messages_received") >= 800 }
        // Held for company: nothing of it is acknowledged yet.
        #expect(try await box.stat("messages_acknowledged") < 800)
        try await broker.stop()
        try await eventually("the daemon notices") { await box.status("/readyz") == 503 }
        #expect(await box.status("/healthz") == 200)
        try await broker.start()
        try await publish(800..<1000)
        try await eventually("it is back", within: .seconds(60)) { await box.status("/readyz") == 200 }
        try await eventually("all are stored", within: .seconds(60)) { try await box.exported().count == 1000 }
        #expect(Set(try await box.exported()).count == 1000)
    }

    @Test func brokerThatIsNotThereIsWaitedFor() async throws {
        let broker = try await Broker()
        try await broker.stop()
        let box = try Box(broker: broker.port)
        try await box.start(waitUntilReady: false)
        try await eventually("the daemon says so") { await box.status("/readyz") == 503 }
        #expect(await box.status("/healthz") == 200)
        try await broker.start()
        try await eventually("it is ready", within: .seconds(60)) { await box.status("/readyz") == 200 }
    }

    @Test func queuedMessagesAreReadAfterAStop() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port)
        try await box.start()
        try await box.stop()
        try await broker.publishLines(
            "fire/v1/320102/hydrant/h-1/telemetry",
            (0..<2000).map { #"{"ts":\#(now + Int64($0)),"values":{"pressure":0.3}}"# })
        try await box.start()
        try await eventually("all are stored") { try await box.stat("readings_stored") == 2000 }
    }
}

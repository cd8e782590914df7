import Foundation
import Testing

/// Killed at any moment, nothing that the broker took may be missing or there twice.
@Suite(.serialized) struct CrashTests {
    private let now = Int64(Date().timeIntervalSince1970 * 1000)

    /// Five kills while 100,000 messages flow over four connections.
    @Test func everyMessageIsThereExactlyOnceAfterFiveKills() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port, linger: "100ms")
        try await box.start()
        let perDevice = 25_000
        let devices = (1...4).map { "h-\($0)" }
        let start = now - Int64(perDevice)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for device in devices {
                group.addTask {
                    try await broker.publishLines(
                        "fire/v1/320102/hydrant/\(device)/telemetry",
                        (0..<perDevice).map {
                            #"{"ts":\#(start + Int64($0)),"values":{"pressure":\#(0.2 + Double($0 % 100) / 1000)}}"#
                        })
                }
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
        let expected = perDevice * devices.count
        try await eventually("all are stored", within: .seconds(180), every: .milliseconds(500)) {
            try await (box.get("/api/v1/stats")["store"] as? [String: Any])?["readings"] as? Int == expected
        }
        let lines = try await box.exported()
        #expect(lines.count == expected)
        #expect(Set(lines).count == expected)
    }

    /// Redelivered after a crash before the acknowledgement, a message without a time of its own takes the
    /// recorded time of receipt: it is the same event, not a second one.
    @Test func redeliveryWithoutTimeIsOneEvent() async throws {
        let broker = try await Broker()
        let receiver = try await Receiver()
        let box = try Box(broker: broker.port, webhooks: [("duty-room", receiver.url)])
        try await box.start()
        for round in 1...10 {
            try await broker.publish("fire/v1/320102/panel/p-\(round)/event", #"{"event":"fire"}"#)
            // The push proves the commit; the acknowledgement may or may not have left by now.
            try await eventually("fire \(round) arrives") { Set(receiver.accepted.map(\.device)).count == round }
            try await box.kill()
            try await box.start()
        }
        try await box.stop()
        #expect(try await box.exported().count == 10)
        #expect(Set(receiver.accepted.map(\.alarmID)).count == 10)
    }

    @Test func brokerThatRestartsLosesNothing() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port, linger: "50ms")
        try await box.start()
        let topic = "fire/v1/320102/hydrant/h-1/telemetry"
        try await broker.publishLines(topic, (0..<500).map { #"{"ts":\#(now + Int64($0)),"values":{"pressure":0.3}}"# })
        try await broker.stop()
        try await eventually("the daemon notices") { await box.status("/readyz") == 503 }
        #expect(await box.status("/healthz") == 200)
        try await Task.sleep(for: .seconds(10))
        try await broker.start()
        try await eventually("it is back", within: .seconds(60)) { await box.status("/readyz") == 200 }
        try await broker.publishLines(
            topic, (500..<1000).map { #"{"ts":\#(now + Int64($0)),"values":{"pressure":0.3}}"# })
        try await eventually("all are stored") { try await box.stat("readings_stored") == 1000 }
        #expect(try await box.exported().count == 1000)
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

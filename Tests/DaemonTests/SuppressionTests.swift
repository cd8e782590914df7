import Foundation
import Testing

/// Silences and drills with the real daemon, killed in the middle of them.
@Suite(.serialized) struct SuppressionTests {
    private func fault(_ broker: Broker, _ device: String, _ event: String = "fault") async throws {
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        try await broker.publish("fire/v1/320102/panel/\(device)/event", #"{"ts":\#(now),"event":"\#(event)"}"#)
    }

    private func suppressed(_ box: Box, _ device: String) async throws -> [[String]] {
        try await box.items("/api/v1/alarms?device=\(device)").compactMap { $0["suppressed"] as? [String] }
    }

    private func metric(_ box: Box, _ name: String) async -> String? {
        let page = String(decoding: await httpGet(port: box.httpPort, "/metrics").body, as: UTF8.self)
        return page.split(separator: "\n").first { $0.hasPrefix("\(name) ") }.map {
            String($0.dropFirst(name.count + 1))
        }
    }

    /// What is silenced stays so over a kill -9, what ends is told then, and no fire waits.
    @Test func silenceOutlivesAKill() async throws {
        let broker = try await Broker()
        let receiver = try await Receiver()
        let box = try Box(broker: broker.port, webhooks: [("duty-room", receiver.url)])
        try await box.start()
        let added = try await box.command(
            "silences", "add", "--device", "p-1", "--until", "1h", "--reason", "repair", "--by", "Li", "--format",
            "json")
        let silence = try JSONSerialization.jsonObject(with: Data(added.utf8)) as? [String: Any]
        let id = try #require(silence?["id"] as? String)
        // A second one ends by itself, soon.
        _ = try await box.command(
            "silences", "add", "--device", "p-2", "--until", "12s", "--out-of-service", "--reason", "repair", "--by",
            "Li")
        try await fault(broker, "p-1")
        try await fault(broker, "p-2")
        try await eventually("both are raised") {
            let (one, two) = (try await suppressed(box, "p-1"), try await suppressed(box, "p-2"))
            return one == [["shelved"]] && two == [["out_of_service"]]
        }
        try await box.kill()
        try await box.start()
        #expect(try await suppressed(box, "p-1") == [["shelved"]])
        #expect(try await box.items("/api/v1/silences").contains { $0["id"] as? String == id })
        try await fault(broker, "p-1", "fire")
        try await eventually("the fire is told") { receiver.accepted.contains { $0.category == "fire" } }
        // The one that was to end has ended by itself, and is told.
        try await eventually("the second silence ends", within: .seconds(30)) {
            receiver.accepted.contains { $0.device == "p-2" }
        }
        let told = try #require(receiver.accepted.first { $0.device == "p-2" })
        #expect(told.type == "firesense.alarm.raised")
        #expect(told.alarm["suppressed"] as? [String] == [])
        #expect(!receiver.accepted.contains { $0.device == "p-1" && $0.category == "fault" })
        #expect(await metric(box, "firesense_silences_active") == "1")
        #expect(try await box.command("silences", "list", "--format", "csv").contains(id))
        #expect(try await box.command("silences", "remove", id, "--by", "Li").contains("ended"))
        try await eventually("the first is told as well") {
            receiver.accepted.contains { $0.device == "p-1" && $0.category == "fault" }
        }
        #expect(await metric(box, "firesense_silences_active") == "0")
        _ = try await box.command("silences", "remove", id, "--by", "Li", expecting: 1)
        // And it stays ended.
        try await box.kill()
        try await box.start()
        #expect(try await box.items("/api/v1/silences").isEmpty)
        #expect(try await suppressed(box, "p-1").allSatisfy(\.isEmpty))
    }

    /// A fire within a drill is pushed, and says so; behind its end it is a fire.
    @Test func drillOutlivesAKill() async throws {
        let broker = try await Broker()
        let receiver = try await Receiver()
        let box = try Box(broker: broker.port, webhooks: [("duty-room", receiver.url)])
        try await box.start()
        let started = try await box.command(
            "drills", "start", "--device", "p-1", "--until", "1h", "--reason", "drill", "--by", "Li", "--format", "json"
        )
        let id = try #require(
            (try JSONSerialization.jsonObject(with: Data(started.utf8)) as? [String: Any])?["id"] as? String)
        try await box.kill()
        try await box.start()
        try await fault(broker, "p-1", "fire")
        try await fault(broker, "p-2", "fire")
        try await eventually("both fires are told") { receiver.accepted.count == 2 }
        func drill(_ device: String) -> Bool? {
            receiver.accepted.last { $0.device == device }?.alarm["drill"] as? Bool
        }
        #expect(drill("p-1") == true)
        #expect(drill("p-2") == false)
        #expect(try await box.command("drills", "end", id, "--by", "Li").contains("ended"))
        #expect(try await box.items("/api/v1/drills").isEmpty)
        try await fault(broker, "p-1", "fire")
        try await eventually("it is a fire now") { drill("p-1") == false }
    }
}

import Foundation
import Testing

/// What contract 5 promises on `/metrics`, on the page of a real daemon that has had something to do.
@Suite struct MetricsTests {
    private struct Sample {
        var name: String
        var labels: [String: String]
        var value: Double
    }

    private func page(_ box: Box) async throws -> (samples: [Sample], types: [String: String]) {
        let (status, body) = await httpGet(port: box.httpPort, "/metrics")
        guard status == 200 else { throw Overdue(description: "/metrics: \(status)") }
        var types: [String: String] = [:]
        var samples: [Sample] = []
        for line in String(decoding: body, as: UTF8.self).split(separator: "\n") {
            if line.hasPrefix("# TYPE ") {
                let words = line.split(separator: " ")
                types[String(words[2])] = String(words[3])
            } else if !line.hasPrefix("#"), let blank = line.lastIndex(of: " ") {
                let series = line[..<blank]
                let name = series.prefix { $0 != "{" }
                var labels: [String: String] = [:]
                for pair in series.dropFirst(name.count).drop(while: { $0 == "{" }).split(separator: ",") {
                    let halves = pair.split(separator: "=", maxSplits: 1)
                    guard halves.count == 2 else { continue }
                    labels[String(halves[0])] = String(halves[1].filter { $0 != "\"" && $0 != "}" })
                }
                let value = Double(line[line.index(after: blank)...]) ?? .nan
                samples.append(Sample(name: String(name), labels: labels, value: value))
            }
        }
        return (samples, types)
    }

    @Test func everythingPromisedIsOnThePageWithItsLabels() async throws {
        let broker = try await Broker()
        let (good, bad) = (try await Receiver(), try await Receiver())
        bad.answer { _ in (500, [:]) }
        let box = try Box(
            broker: broker.port, webhooks: [("duty-room", good.url), ("refusing", bad.url)], linger: "50ms")
        try await box.start()
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        try await broker.publish("fire/v1/320102/panel/p-1/event", #"{"ts":\#(now),"event":"fire"}"#)
        try await broker.publish("fire/v1/320102/hydrant/h-1/telemetry", #"{"ts":\#(now),"values":{"pressure":0.3}}"#)
        try await broker.publish("fire/v1/320102/hydrant/h-1/telemetry", #"{"values":{"pressure":"x"}}"#)
        try await eventually("all of it has been counted") {
            let quarantined = try await box.stat("messages_quarantined")
            return quarantined >= 1 && !good.accepted.isEmpty && bad.received.count >= 2
        }

        func series(_ name: String, _ labels: Set<String>, _ holds: ([Sample]) -> Bool = { _ in true }) async throws {
            // Some figures follow what they count with the next commit.
            try await eventually("firesense_\(name) is right") {
                let found = try await page(box).samples.filter { $0.name == "firesense_\(name)" }
                return !found.isEmpty && found.allSatisfy { Set($0.labels.keys) == labels } && holds(found)
            }
        }
        func value(_ found: [Sample], _ labels: [String: String] = [:]) -> Double? {
            found.first { sample in labels.allSatisfy { sample.labels[$0.key] == $0.value } }?.value
        }
        func bothLanes(_ found: [Sample]) -> Bool {
            found.map { $0.labels["lane"] ?? "" }.sorted() == ["bulk", "urgent"]
        }

        try await series("build_info", ["version", "commit"]) { value($0) == 1 }
        try await series("config_last_reload_successful", []) { value($0) == 1 }
        try await series("mqtt_connected", ["lane"]) { bothLanes($0) && $0.allSatisfy { $0.value == 1 } }
        try await series("store_writable", []) { value($0) == 1 }
        try await series("clock_synchronised", []) { [0, 1].contains(value($0)) }
        try await series("messages_received_total", ["lane"]) { bothLanes($0) && $0.allSatisfy { $0.value >= 1 } }
        try await series("messages_quarantined_total", ["reason"]) { $0.contains { $0.value == 1 } }
        try await series("ring_depth", ["lane"], bothLanes)
        try await series("commit_seconds_bucket", ["le"]) { $0.last?.labels["le"] == "+Inf" }
        try await series("commit_seconds_sum", []) { value($0) ?? 0 > 0 }
        try await series("commit_seconds_count", []) { value($0) ?? 0 >= 1 }
        try await series("alarms_active", ["category", "severity"]) {
            value($0, ["category": "fire", "severity": "critical"]) == 1
        }
        try await series("silences_active", []) { value($0) == 0 }
        try await series("fire_endpoints", []) { value($0) == 2 }
        try await series("deliveries_pending", ["endpoint"]) {
            value($0, ["endpoint": "duty-room"]) == 0 && value($0, ["endpoint": "refusing"]) ?? 0 >= 1
        }
        try await series("delivery_oldest_pending_seconds", ["endpoint"]) {
            value($0, ["endpoint": "duty-room"]) == 0 && value($0, ["endpoint": "refusing"]) ?? 0 > 0
        }
        try await series("deliveries_failed_total", ["endpoint", "reason"]) {
            value($0, ["endpoint": "refusing", "reason": "server_error"]) ?? 0 >= 2
        }
        try await series("publish_to_push_seconds_bucket", ["le"]) { $0.last?.labels["le"] == "+Inf" }
        try await series("publish_to_push_seconds_sum", [])
        try await series("publish_to_push_seconds_count", []) { value($0) ?? 0 >= 1 }

        let types = try await page(box).types
        for (name, type) in [
            ("commit_seconds", "histogram"), ("publish_to_push_seconds", "histogram"),
            ("messages_received_total", "counter"), ("deliveries_failed_total", "counter"),
            ("messages_quarantined_total", "counter"), ("alarms_active", "gauge"), ("deliveries_pending", "gauge"),
        ] {
            #expect(types["firesense_\(name)"] == type, "\(name)")
        }
        withExtendedLifetime(broker) {}
    }
}

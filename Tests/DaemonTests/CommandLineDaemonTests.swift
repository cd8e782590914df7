import Foundation
import Testing

/// The commands against the real daemon and the real broker.
@Suite struct CommandLineDaemonTests {
    private static let at = Int64(Date().timeIntervalSince1970 * 1000) - 60_000

    /// A gateway that has stored readings, an alarm, a delivery and a payload it could not read.
    private func filled() async throws -> (Broker, Box) {
        let broker = try await Broker()
        let nobody = try freePort()
        let box = try Box(broker: broker.port)
        let text = try String(contentsOfFile: box.configuration, encoding: .utf8)
        try box.scratch.write(
            "firesense.yaml",
            text.replacing(
                "webhooks: []", with: "webhooks: [{ name: duty-room, url: \"http://127.0.0.1:\(nobody)/hook\" }]"))
        try await box.start()
        for index in 0..<3 {
            try await broker.publish(
                "fire/v1/320102/hydrant/hydrant-1/telemetry",
                #"{"ts":\#(Self.at + Int64(index)),"values":{"pressure":0.\#(index + 1)}}"#)
        }
        try await broker.publish("fire/v1/320102/hydrant/hydrant-1/telemetry", #"{"values":{"pressure":"x"}}"#)
        try await broker.publish(
            "fire/v1/320102/smoke/smoke-1/event", #"{"ts":\#(Self.at),"event":"fire","detail":"a, \"b\""}"#)
        try await eventually("all of it is stored") {
            let stored = try await box.stat("readings_stored")
            let quarantined = try await box.stat("messages_quarantined")
            guard stored >= 4, quarantined == 1 else { return false }
            // Counted when it is taken in, seen when it is committed.
            return try await !box.items("/api/v1/alarms?category=fire").isEmpty
        }
        return (broker, box)
    }

    @Test func databaseAndInterfaceSayTheSame() async throws {
        let (broker, box) = try await filled()
        let range = ["--from", "\(Self.at)", "--to", "\(Self.at + 1000)"]
        for command in [
            ["query", "--device", "hydrant-1", "--metric", "pressure", "--format", "json"] + range,
            [
                "query", "--device", "hydrant-1", "--metric", "pressure", "--step", "1s", "--fn", "max", "--format",
                "csv",
            ]
                + range,
            ["query", "--device", "smoke-1", "--metric", "event.fire", "--format", "table"] + range,
            ["export", "--format", "csv"], ["export", "--format", "line", "--kind", "smoke"],
            ["alarms", "list", "--category", "fire", "--format", "json"], ["quarantine", "list", "--format", "csv"],
            ["quarantine", "show", "1", "--format", "json"], ["quarantine", "show", "1", "--raw"],
        ] {
            let stored = try await box.run(command)
            let asked = try await box.run(command + ["--address", "127.0.0.1:\(box.httpPort)"])
            #expect(!stored.isEmpty, "\(command)")
            #expect(stored == asked, "\(command)")
        }
        withExtendedLifetime(broker) {}
    }

    /// Many series at once: the same from the database, over HTTP, and with the daemon stopped.
    @Test func manySeriesAreTheSameByEveryWay() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port, linger: "50ms")
        try await box.start()
        for number in 1...4 {
            let (kind, area) = number == 4 ? ("smoke", "320105") : ("hydrant", "32010\(number / 2)")
            let values = kind == "smoke" ? #"{"temperature":21.5}"# : #"{"pressure":0.\#(number),"temperature":20.5}"#
            try await broker.publish(
                "fire/v1/\(area)/\(kind)/\(kind)-\(number)/telemetry",
                #"{"ts":\#(Self.at + Int64(number)),"values":\#(values)}"#)
        }
        try await eventually("all of it is stored") { try await box.stat("readings_stored") >= 7 }
        let steps = ["--step", "1h", "--from", "\(Self.at)", "--to", "\(Self.at + 1000)"]
        let pressure = ["query", "--metric", "pressure", "--kind", "hydrant"]
        let temperature = ["query", "--metric", "temperature"]
        let questions: [[String]] = [
            pressure, pressure + steps, pressure + steps + ["--by", "area", "--fn", "sum"],
            temperature + steps + ["--by", "kind"], temperature + ["--device", "hydrant-1", "--device", "smoke-4"],
            temperature + ["--latest"], ["query", "--latest", "--device", "hydrant-2"],
        ]
        var commands: [[String]] = []
        for format in ["table", "json", "csv", "line"] { commands += questions.map { $0 + ["--format", format] } }
        var before: [String] = []
        for command in commands {
            let stored = try await box.run(command)
            let asked = try await box.run(command + ["--address", "127.0.0.1:\(box.httpPort)"])
            #expect(!stored.isEmpty, "\(command)")
            #expect(stored == asked, "\(command)")
            before.append(stored)
        }
        let hour = Self.at / 3_600_000 * 3_600_000
        let place = try #require(commands.firstIndex { $0.contains("sum") && $0.contains("csv") })
        let sums = before[place]
        #expect(
            sums == "ts,area,kind,device,component,metric,value\n\(hour),320100,hydrant,,,pressure,0.1\n"
                + "\(hour),320101,hydrant,,,pressure,0.5\n")
        let newest = try await box.get("/api/v1/readings/latest?metric=temperature&area=320105")
        let item = try #require((newest["items"] as? [[String: Any]])?.first)
        #expect(item["device"] as? String == "smoke-4")
        #expect(item["unit"] as? String == "Cel")
        #expect(item["value"] as? Double == 21.5)
        // A unit is never added to another.
        for (metric, kind, field) in [("power", "electrical", "e-1"), ("power", "charger", "c-1")] {
            try await broker.publish(
                "fire/v1/320109/\(kind)/\(field)/telemetry", #"{"ts":\#(Self.at),"values":{"\#(metric)":1}}"#)
        }
        try await eventually("both are stored") { try await box.stat("readings_stored") >= 9 }
        let mixed = ["query", "--metric", "power", "--by", "area"] + steps
        for command in [mixed, mixed + ["--address", "127.0.0.1:\(box.httpPort)"]] {
            _ = try await box.run(command, expecting: 1)
            #expect(try await box.run(command + ["--kind", "charger"]).contains("320109"))
        }
        try await box.stop()
        for (command, before) in zip(commands, before) {
            #expect(try await box.run(command) == before, "\(command) with the daemon stopped")
        }
        withExtendedLifetime(broker) {}
    }

    @Test func lookingNeedsNoDaemonAndChangingDoes() async throws {
        let (broker, box) = try await filled()
        let id = try #require(try await box.items("/api/v1/alarms?category=fire").first?["id"] as? String)
        let shown = try await box.run(["alarms", "show", String(id.prefix(30)), "--format", "json"])
        #expect(shown.hasPrefix("{\"id\":\"\(id)\""))
        #expect(shown.contains("\"history\":[{\"change\":\"raised\""))
        let acknowledged = try await box.run([
            "alarms", "acknowledge", String(id.prefix(30)), "--by", "王班长", "--format", "json",
        ])
        #expect(acknowledged.contains("\"acknowledged_by\":\"王班长\""))
        _ = try await box.run(["quarantine", "retry", "1"], expecting: 1)
        _ = try await box.run(["alarms", "acknowledge", "ffffffff", "--by", "x"], expecting: 1)
        // Without tokens the interface on the network changes nothing.
        _ = try await box.run(
            ["alarms", "reset", id, "--by", "x", "--force", "--address", "127.0.0.1:\(box.httpPort)"], expecting: 1)
        try await box.stop()
        #expect(try await box.run(["alarms", "list", "--acknowledged", "true"]).contains(id))
        #expect(try await box.run(["deliveries", "list", "--state", "pending"]).contains("firesense.alarm.raised"))
        #expect(
            try await box.run(["query", "--device", "hydrant-1", "--metric", "pressure", "--from", "\(Self.at)"])
                .contains("▁"))
        _ = try await box.run(["alarms", "reset", id, "--by", "x"], expecting: 1)
        _ = try await box.run(["query", "--device", "hydrant-2", "--metric", "pressure"], expecting: 1)
        withExtendedLifetime(broker) {}
    }

    @Test func tapShowsWhatArrives() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port)
        let tap = try Program.firesense(
            "tap", "fire/v1/+/hydrant/#", "--count", "2", "--format", "json", "--config", box.configuration)
        // A session of QoS 0 hears only what comes after it.
        try await eventually("it has heard enough", every: .milliseconds(100)) {
            guard tap.isRunning else { return true }
            try await broker.publish(
                "fire/v1/320102/hydrant/h-1/telemetry", #"{"ts":\#(Self.at),"values":{"pressure":0.3}}"#)
            return !tap.isRunning
        }
        #expect(try await tap.ended() == 0)
        try await eventually("both are shown") { tap.standardOutput.split(separator: "\n").count == 2 }
        #expect(tap.standardOutput.contains("\"value\":0.3,\"unit\":\"MPa\""))
    }

    @Test func decodingTellsByItsExitCode() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port)
        let good = try box.scratch.write("good.json", #"{"values":{"pressure":0.3}}"#)
        let bad = try box.scratch.write("bad.json", #"{"values":{"pressure":"high"}}"#)
        #expect(try await box.run(["decode", "--dialect", "native", good]).contains("hydrant/device/telemetry"))
        #expect(try await box.run(["decode", "--dialect", "native", bad], expecting: 1).contains("values.pressure"))
        withExtendedLifetime(broker) {}
    }

    @Test func doctorFailsWithoutAnEndpointForFire() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port)
        try await box.start()
        let lines = try await box.run(["doctor", "--format", "csv"], expecting: 1).split(separator: "\n")
        #expect(lines.filter { $0.hasPrefix("FAIL") }.count == 1)
        #expect(lines.contains { $0.hasPrefix("FAIL,fire endpoint,") })
        #expect(lines.contains { $0.hasPrefix("OK,daemon,ready") })
        #expect(lines.contains { $0.hasPrefix("OK,database,") })
        withExtendedLifetime(broker) {}
    }
}

extension Box {
    /// Standard output of a command on this box's configuration.
    fileprivate func run(_ arguments: [String], expecting status: Int32 = 0) async throws -> String {
        let output = scratch.path("output-\(UUID().uuidString.prefix(8))")
        let firesense = Program.products.appending(path: "firesense").path
        let program = try Program(
            "/bin/sh", ["-c", "exec \"$@\" > '\(output)'", "sh", firesense] + arguments + ["--config", configuration])
        let ended = try await program.ended(within: .seconds(120))
        let text = try String(contentsOfFile: output, encoding: .utf8)
        guard ended == status else {
            throw Overdue(description: "firesense \(arguments): exit \(ended)\n\(text)\n\(program.standardError)")
        }
        return text
    }
}

import Foundation
import Testing

/// `firesense import` against real daemons: what one has exported, another has afterwards.
@Suite(.serialized) struct ImportCommandTests {
    private let now = Int64(Date().timeIntervalSince1970 * 1000)

    /// Every line of the export. Their order tells how readings lie in the store, and is nobody's to rely on.
    private func export(_ box: Box, _ format: String) async throws -> [Substring] {
        try await box.command("export", "--format", format).split(separator: "\n").sorted()
    }

    /// Readings of all kinds of values, over the broker.
    private func fill(_ broker: Broker) async throws {
        try await broker.publishLines(
            "fire/v1/320102/hydrant/h-1/telemetry",
            (0..<500).map {
                #"{"ts":\#(now - 600_000 + Int64($0) * 1000),"values":{"pressure":0.\#(300 + $0),"tilt":\#($0 % 7 == 0),"flow":1e-\#($0 % 300)}}"#
            })
        let texts = ["charging", "a,\\\"b\\\"", "two\\nlines", "火灾 🔥", "true", "12", ""]
        try await broker.publishLines(
            "fire/v1/320105/charger/c-1/telemetry",
            texts.enumerated().map {
                #"{"ts":\#(now - 60_000 + Int64($0)),"component":"port 3, 火","values":{"state":"\#($1)","odd":"\#($1)","power":-0.0,"energy":1.7976931348623157e308,"voltage":5e-324}}"#
            })
        for active in [true, false] {
            try await broker.publish(
                "fire/v1/320102/panel/p-1/event",
                #"{"ts":\#(now - 50_000),"event":"fault","component":"c-9","active":\#(active),"detail":"loop 2"}"#)
        }
        try await broker.publish("fire/v1/320102/hydrant/h-1/status", "online")
    }

    @Test(arguments: ["csv", "line"]) func whatOneExportsAnotherHas(format: String) async throws {
        let broker = try await Broker()
        let first = try Box(broker: broker.port, linger: "50ms")
        try await first.start()
        try await fill(broker)
        try await eventually("all is stored") { try await first.stat("readings_stored") >= 500 * 3 + 7 * 5 + 3 }
        try await first.stop()
        let exported = try await export(first, format)
        let file = try first.scratch.write("all.txt", try await first.command("export", "--format", format))

        let another = try await Broker()
        let second = try Box(broker: another.port)
        try await second.start()
        #expect(exported.count > 1500)
        let dry = try await second.command("import", file, "--format", format, "--dry-run")
        #expect(dry.contains("would be stored") && dry.contains("3 devices"), "\(dry)")
        #expect(try await second.exported() == [])
        let told = try await second.command("import", file, "--format", format)
        #expect(told.contains("0 duplicate, 0 conflicting, 0 refused; 3 devices"), "\(told)")
        #expect(try await export(second, format) == exported)
        // Once more changes nothing.
        let again = try await second.command("import", file)
        #expect(again.contains(" 0 stored"), "\(again)")
        #expect(try await export(second, format) == exported)
        // Nothing of it is an alarm, and no device counts as online.
        #expect(try await second.items("/api/v1/alarms?category=fault").isEmpty)
        #expect(try await second.get("/api/v1/devices/h-1")["online"] is NSNull)
        try await second.kill()
        #expect(try await export(second, format) == exported)
        try await second.start()
        #expect(try await second.items("/api/v1/alarms?category=fault").isEmpty)
        #expect(try await export(second, format) == exported)
    }

    @Test func whatIsRefusedIsToldWithItsLine() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port)
        try await box.start()
        let file = try box.scratch.write(
            "some.csv",
            """
            ts,area,kind,device,component,metric,value
            \(now - 3000),320102,hydrant,h-1,,pressure,0.3
            \(now - 2000),320102,hydrant,h-1,,pressure,high
            \(now - 1000),320102,hydrant,h-1,,pressure,0.4
            \(now - 1000),320102,charger,h-1,,power,1
            \(now - 1000),320102,volcano,v-1,,heat,1
            \(now - 500),320102,hydrant,h-1,,pressure,0.5

            """)
        let stopped = try await box.command("import", file, expecting: 1)
        #expect(stopped.contains("some.csv:3: found value 'high', expected a number"), "\(stopped)")
        #expect(stopped.contains("it ended at line 3"))
        #expect(try await box.exported() == ["\(now - 3000),320102,hydrant,h-1,,pressure,0.3"])
        let whole = try await box.command("import", file, "--keep-going", expecting: 3)
        #expect(whole.contains("6 read, 2 stored, 1 duplicate, 0 conflicting, 3 refused"), "\(whole)")
        #expect(whole.contains("some.csv:5: found kind 'charger' for device 'h-1', expected 'hydrant'"), "\(whole)")
        #expect(whole.contains("some.csv:6: found kind 'volcano'"), "\(whole)")
        let wrong = try box.scratch.write("wrong.csv", "ts,device,metric,wert\n1,2,3,4\n")
        let program = try Program.firesense("import", wrong, "--config", box.configuration)
        #expect(try await program.ended() == 1)
        #expect(
            program.standardError.contains("column 'wert' is not known here; known are: ts, area"),
            "\(program.standardError)")
        let unknown = try box.scratch.write("unknown", "what is this\n")
        #expect(try await Program.firesense("import", unknown, "--config", box.configuration).ended() == 2)
        #expect(try await Program.firesense("import", "/nowhere", "--config", box.configuration).ended() == 1)
        // Large files that are refused at their beginning end at once.
        let large = try box.scratch.write(
            "large.csv",
            "ts,area,kind,device,component,metric,value\nx,320102,hydrant,h-1,,pressure,1\n"
                + String(repeating: "\(now),320102,hydrant,h-1,,pressure,1\n", count: 200_000))
        #expect(try await box.command("import", large, expecting: 1).contains("large.csv:2: found time 'x'"))
        try await box.stop()
        let none = try Program.firesense("import", file, "--config", box.configuration)
        #expect(try await none.ended() == 1)
        #expect(none.standardError.contains("the daemon cannot be reached"))
    }

    /// Killed in the middle and run again, while a fire comes: nothing is lost or doubled, and the fire is pushed at once.
    @Test func killedInTheMiddleItIsRunAgain() async throws {
        let broker = try await Broker()
        let receiver = try await Receiver()
        let box = try Box(broker: broker.port, webhooks: [("duty-room", receiver.url)])
        try await box.start()
        let devices = 40
        let perDevice = 10_000
        let path = box.scratch.path("large.csv")
        var bytes = Array("ts,area,kind,device,component,metric,value\n".utf8)
        for at in 0..<perDevice {
            for device in 0..<devices {
                bytes += Array(
                    "\(now - 90_000_000 + Int64(at) * 5000 + Int64(device)),320102,hydrant,h-\(device),,pressure,\((at * 7 + device) % 100)\n"
                        .utf8)
            }
        }
        try Data(bytes).write(to: URL(filePath: path))
        for _ in 1...2 {
            let program = try Program.firesense("import", path, "--config", box.configuration)
            try await eventually("some is stored", within: .seconds(60)) {
                try await box.stat("readings_stored") > 0
            }
            try await box.kill()
            #expect(try await program.ended() == 1)
            #expect(program.standardError.contains("run it again"), "\(program.standardError)")
            try await box.start()
        }
        let program = try Program.firesense("import", path, "--config", box.configuration)
        var delays: [Duration] = []
        for fire in 1...20 where program.isRunning {
            let began = ContinuousClock.now
            try await broker.publish("fire/v1/320102/smoke/s-\(fire)/event", #"{"event":"fire"}"#)
            try await eventually("fire \(fire) is pushed", every: .milliseconds(1)) {
                Set(receiver.accepted.map(\.device)).contains("s-\(fire)")
            }
            delays.append(began.duration(to: .now))
        }
        #expect(try await program.ended(within: .seconds(300)) == 0)
        #expect(program.standardOutput.contains("0 conflicting, 0 refused"), "\(program.standardOutput)")
        // Publishing starts a program each time; what is meant is that no fire waits for the import.
        #expect(delays.allSatisfy { $0 < .seconds(2) }, "\(delays)")
        try await box.stop()
        let found = try await box.exported().filter { $0.contains("pressure") }
        #expect(found.count == devices * perDevice)
        let expected = String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst().map(String.init)
        #expect(Set(found) == Set(expected))
        let doctor = try Program.firesense("doctor", "--config", box.configuration)
        _ = try await doctor.ended()
        #expect(!doctor.standardOutput.contains("chunk"), "\(doctor.standardOutput)")
    }
}

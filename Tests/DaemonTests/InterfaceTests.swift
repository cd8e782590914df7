import Crypto
import Foundation
import Testing

/// Who may do what with the real daemon, and by which way the command line reads.
@Suite struct InterfaceTests {
    private let now = Int64(Date().timeIntervalSince1970 * 1000)

    private func line(_ name: String, _ scope: String, _ token: String) -> String {
        let hash = SHA256.hash(data: Data(token.utf8)).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return "\(name) \(scope) \(hash.joined() as String)\n"
    }

    private func configure(_ box: Box, http: String) throws {
        let text = try String(contentsOfFile: box.configuration, encoding: .utf8)
        let listen = "http: { listen: \"127.0.0.1:\(box.httpPort)\" }"
        #expect(text.contains(listen))
        try box.scratch.write("firesense.yaml", text.replacing(listen, with: "http: { \(http) }"))
    }

    @Test func tokenOpensWhatItsScopeReaches() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port)
        let reading = try box.scratch.write("reading", "reading-token\n")
        let operating = try box.scratch.write("operating", "operating-token\n")
        let tokens = try box.scratch.write(
            "tokens", line("office", "read", "reading-token") + line("duty-room", "operate", "operating-token"))
        try configure(
            box, http: "listen: \"127.0.0.1:\(box.httpPort)\", names: [gateway.example], tokens_file: \(tokens)")
        try await box.start()
        try await broker.publish("fire/v1/320102/panel/p-1/event", #"{"ts":\#(now),"event":"fire"}"#)
        var id = ""
        try await eventually("the fire is stored") {
            let fires = try await box.run(["alarms", "list", "--category", "fire", "--format", "csv"])
            id = fires.split(separator: "\n").dropFirst().first?.split(separator: ",").first.map(String.init) ?? ""
            return !id.isEmpty
        }
        for (path, expected) in [
            ("/healthz", 200), ("/readyz", 200), ("/metrics", 401), ("/api/v1/alarms", 401), ("/api/v1/stats", 401),
        ] {
            #expect(await box.status(path) == expected, "\(path)")
        }

        let address = ["--address", "127.0.0.1:\(box.httpPort)"]
        _ = try await box.run(["alarms", "list"] + address, expecting: 1)
        #expect(try await box.run(["alarms", "list"] + address + ["--token-file", reading]).contains(id.prefix(8)))
        let acknowledge = ["alarms", "acknowledge", id, "--by", "王班长", "--format", "json"] + address
        _ = try await box.run(acknowledge, expecting: 1)
        _ = try await box.run(acknowledge + ["--token-file", reading], expecting: 1)
        let acknowledged = try await box.run(acknowledge + ["--token-file", operating])
        #expect(acknowledged.contains("\"acknowledged_by\":\"王班长 (duty-room)\""), "the token vouches for the name")
        // The environment does as well.
        #expect(
            try await box.run(
                ["alarms", "list"],
                environment: ["FIRESENSE_ADDRESS": "127.0.0.1:\(box.httpPort)", "FIRESENSE_TOKEN_FILE": reading]
            ).contains(id.prefix(8)))

        // By a configured name, and by no other.
        for (host, expected) in [("gateway.example:1", "200"), ("evil.example", "421")] {
            let curl = try Program(
                "/usr/bin/curl",
                [
                    "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: \(host)",
                    "http://127.0.0.1:\(box.httpPort)/healthz",
                ])
            _ = try await curl.ended()
            #expect(curl.standardOutput == expected, "\(host)")
        }

        // Exchanged at a reload, without a restart.
        try box.scratch.write("tokens", line("office", "read", "another-token"))
        box.daemon?.signal(SIGHUP)
        try await eventually("the old token is refused", every: .milliseconds(200)) {
            let program = try box.program(["alarms", "list"] + address + ["--token-file", reading])
            return try await program.ended() == 1
        }
        let another = try box.scratch.write("another", "another-token\n")
        #expect(try await box.run(["alarms", "list"] + address + ["--token-file", another]).contains(id.prefix(8)))
        withExtendedLifetime(broker) {}
    }

    /// Lists are the same from the database, through the control socket where the database may not be read, from
    /// afar, and when the daemon has stopped.
    @Test func listsAreTheSameByEveryWay() async throws {
        let broker = try await Broker()
        let receiver = try await Receiver()
        receiver.answer { attempt in attempt < 2 ? (503, [:]) : (204, [:]) }
        let box = try Box(broker: broker.port, webhooks: [("duty-room", receiver.url)], linger: "50ms")
        try await box.start()
        try await broker.publish("fire/v1/320102/hydrant/h-1/event", #"{"ts":\#(now),"event":"fire"}"#)
        try await broker.publish("fire/v1/320102/hydrant/h-1/telemetry", #"{"values":{"pressure":"x"}}"#)
        try await eventually("delivered at the third attempt, and written down") {
            let delivered = try await box.items("/api/v1/deliveries?state=delivered")
            let quarantined = try await box.items("/api/v1/quarantine")
            return delivered.contains { $0["attempt_count"] as? Int == 3 } && quarantined.count == 1
        }
        // As root everything may be read; what is not there may be read by nobody.
        let closed = box.scratch.path("closed.sqlite")
        if geteuid() != 0 {
            #expect(FileManager.default.createFile(atPath: closed, contents: nil, attributes: [.posixPermissions: 0]))
        }
        let commands = ["table", "csv", "json"].flatMap { format in
            [["deliveries", "list", "--format", format], ["quarantine", "list", "--format", format]]
        }
        var before: [String] = []
        for command in commands {
            let stored = try await box.run(command)
            #expect(!stored.isEmpty)
            #expect(try await box.run(command + ["--database", closed]) == stored, "\(command) through the socket")
            let asked = try await box.run(command + ["--address", "127.0.0.1:\(box.httpPort)"])
            #expect(asked == stored, "\(command) from afar")
            before.append(stored)
        }
        #expect(before[2].contains(",delivered,firesense.alarm.raised,"))
        #expect(before[2].contains(",3,204,"), "three attempts, the last of them answered 204")
        try await box.stop()
        for (command, before) in zip(commands, before) {
            #expect(try await box.run(command) == before, "\(command) with the daemon stopped")
            _ = try await box.run(command + ["--database", closed], expecting: 1)
        }
        withExtendedLifetime(broker) {}
    }

    @Test func goneEndpointIsACriticalAlarmThatEndsWithItsName() async throws {
        let broker = try await Broker()
        let (gone, other) = (try await Receiver(), try await Receiver())
        gone.answer { _ in (410, [:]) }
        let box = try Box(broker: broker.port, webhooks: [("duty-room", gone.url), ("office", other.url)])
        try await box.start()
        try await broker.publish("fire/v1/320102/panel/p-1/event", #"{"ts":\#(now),"event":"fire"}"#)
        func alarm(_ state: String) async throws -> [String: Any]? {
            try await box.items("/api/v1/alarms?category=system&state=\(state)").first {
                $0["rule"] as? String == "webhook-gone" && $0["component"] as? String == "duty-room"
            }
        }
        try await eventually("the alarm is raised") { try await alarm("active") != nil }
        #expect(try await alarm("active")?["severity"] as? String == "critical")
        try await eventually("it is told where it can be") {
            other.accepted.contains { $0.category == "system" && $0.type == "firesense.alarm.raised" }
        }
        #expect(!gone.received.contains { $0.category == "system" }, "nobody is told through a broken line")
        #expect(await box.status("/readyz") == 200)

        // It works again.
        gone.answer { _ in (204, [:]) }
        box.daemon?.signal(SIGHUP)
        try await eventually("the alarm is over", within: .seconds(90)) { try await alarm("active") == nil }
        #expect(try await alarm("cleared")?["cleared_reason"] as? String == "condition")

        // It is gone once more, and renamed while the daemon is down: nobody is left to end its alarm but the start.
        gone.answer { _ in (410, [:]) }
        try await broker.publish("fire/v1/320102/panel/p-2/event", #"{"ts":\#(now),"event":"fire"}"#)
        try await eventually("raised again") { try await alarm("active") != nil }
        try await box.stop()
        let text = try String(contentsOfFile: box.configuration, encoding: .utf8)
        try box.scratch.write("firesense.yaml", text.replacing("name: duty-room", with: "name: control-room"))
        try await box.start()
        try await eventually("over with its name") { try await alarm("active") == nil }
        withExtendedLifetime(broker) {}
    }
}

extension Box {
    fileprivate func program(_ arguments: [String], environment: [String: String] = [:]) throws -> Program {
        try Program(
            Program.products.appending(path: "firesense").path, arguments + ["--config", configuration],
            environment: environment)
    }

    /// Standard output of a command on this box's configuration.
    fileprivate func run(
        _ arguments: [String], expecting status: Int32 = 0, environment: [String: String] = [:]
    ) async throws -> String {
        let program = try program(arguments, environment: environment)
        let ended = try await program.ended(within: .seconds(120))
        guard ended == status else {
            throw Overdue(
                description:
                    "firesense \(arguments): exit \(ended)\n\(program.standardOutput)\n\(program.standardError)")
        }
        return program.standardOutput
    }
}

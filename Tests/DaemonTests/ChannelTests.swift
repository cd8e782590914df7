import Foundation
import Testing

/// The ways out beside HTTP, with the real daemon.
@Suite struct ChannelTests {
    /// What a subscriber that comes now is told, one `topic payload` a line.
    private func retained(_ broker: Broker, _ filter: String) async throws -> [String] {
        let program = try Program(
            "/usr/bin/mosquitto_sub",
            ["-h", "127.0.0.1", "-p", "\(broker.port)", "-t", filter, "-W", "1", "-v", "--retained-only"])
        _ = try await program.ended()
        return program.standardOutput.split(separator: "\n").map(String.init)
    }

    private let fire = #"{"event":"fire","component":"p1"}"#

    @Test func alarmsArePublishedAndTheActiveOnesRetained() async throws {
        let broker = try await Broker()
        let box = try Box(
            broker: broker.port, extra: "webhooks_allow: []", endpoints: "  - { name: screens, mqtt: true }")
        try await box.start()
        let live = try Program(
            "/usr/bin/mosquitto_sub",
            ["-h", "127.0.0.1", "-p", "\(broker.port)", "-t", "fire/v1/+/alarm/+", "-v", "-q", "1"])
        try await broker.publish("fire/v1/320102/panel/panel-1/event", fire)
        try await eventually("published") { live.standardOutput.contains("firesense.alarm.raised") }
        let alarm = try #require(try await box.items("/api/v1/alarms?category=fire").first?["id"] as? String)
        #expect(live.standardOutput.hasPrefix("fire/v1/320102/alarm/\(alarm) {"))
        let standing = try await retained(broker, "fire/v1/+/alarm/+")
        #expect(standing.count == 1)
        #expect(standing.first?.contains("\"id\":\"\(alarm)\"") == true)

        try await broker.publish("fire/v1/320102/panel/panel-1/event", #"{"event":"reset"}"#)
        try await eventually("its end is told") { live.standardOutput.contains("firesense.alarm.cleared") }
        try await eventually("nothing is retained any more") {
            try await retained(broker, "fire/v1/+/alarm/+").isEmpty
        }
        try await eventually("recorded") { try await box.stat("deliveries_delivered") == 2 }
        #expect(try await box.stat("deliveries_failed") == 0)
        // What it publishes comes back to it under catch_all, and is no message of a device.
        #expect(try await box.items("/api/v1/quarantine").isEmpty)
        live.signal(SIGTERM)
    }

    @Test func brokerThatIsAwayIsWaitedFor() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port, endpoints: "  - { name: screens, mqtt: true }")
        try await box.start()
        try await broker.publish("fire/v1/320102/panel/panel-1/event", fire)
        try await eventually("delivered") { try await box.stat("deliveries_delivered") >= 1 }
        try await broker.stop()
        let before = try await box.stat("deliveries_failed")
        let alarm = try #require(try await box.items("/api/v1/alarms?category=fire").first?["id"] as? String)
        _ = try await box.command("alarms", "acknowledge", alarm, "--by", "duty")
        try await eventually("tried in vain") { try await box.stat("deliveries_failed") > before }
        try await broker.start()
        try await eventually("delivered after all", within: .seconds(60)) {
            try await box.stat("deliveries_delivered") >= 2
        }
    }

    @Test func commandIsRunForAFireAndTriedAgain() async throws {
        let broker = try await Broker()
        let scratch = try Scratch()
        let script = try scratch.write(
            "siren",
            """
            #!/bin/sh
            echo "$FIRESENSE_TYPE $(wc -c)" >> '\(scratch.path("calls"))'
            [ "$(wc -l < '\(scratch.path("calls"))')" -ge 2 ]
            """)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
        let box = try Box(broker: broker.port, endpoints: "  - { name: siren, command: [\(script)] }")
        try await box.start()
        try await broker.publish("fire/v1/320102/panel/panel-1/event", fire)
        try await eventually("run") { try await box.stat("deliveries_delivered") == 1 }
        let calls = try String(contentsOfFile: scratch.path("calls"), encoding: .utf8).split(separator: "\n")
        #expect(calls.count == 2, "the first one fails")
        #expect(calls.allSatisfy { $0.hasPrefix("firesense.alarm.raised ") && !$0.hasSuffix(" 0") })
        // Results are written down with the next commit.
        var attempts: [[String: Any]] = []
        try await eventually("both attempts are in the ledger") {
            let delivery = try await box.items("/api/v1/deliveries").first
            attempts = delivery?["attempts"] as? [[String: Any]] ?? []
            return attempts.count == 2
        }
        #expect(attempts.first?["error"] as? String == "exit code 1, expected 0")
    }

    /// A proxy of HTTP that makes tunnels, all of them to one port of this machine.
    private let tunnels = """
        import socket, sys, threading
        def copy(a, b):
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        def serve(client):
            head = b""
            while b"\\r\\n\\r\\n" not in head:
                head += client.recv(65536)
            print(head.split(b"\\r\\n")[0].decode(), flush=True)
            there = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
            client.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
            threading.Thread(target=copy, args=(there, client), daemon=True).start()
            copy(client, there)
        server = socket.create_server(("127.0.0.1", int(sys.argv[2])))
        print("listening", flush=True)
        while True:
            threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
        """

    @Test func proxyOfTheEnvironmentIsGoneThrough() async throws {
        let broker = try await Broker()
        let receiver = try await Receiver()
        let port = try freePort()
        let proxy = try Program("/usr/bin/python3", ["-c", tunnels, "\(receiver.port)", "\(port)"])
        defer { proxy.signal(SIGKILL) }
        try await eventually("the proxy listens") { proxy.standardOutput.contains("listening") }
        let box = try Box(broker: broker.port, webhooks: [("cloud", "http://cloud.invalid/hook")])
        try await box.start(environment: ["http_proxy": "http://127.0.0.1:\(port)", "no_proxy": "127.0.0.1,localhost"])
        try await broker.publish("fire/v1/320102/panel/panel-1/event", fire)
        try await eventually("delivered") { receiver.accepted.count == 1 }
        #expect(proxy.standardOutput.contains("CONNECT cloud.invalid:80 HTTP/1.1"))
    }
}

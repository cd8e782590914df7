import Foundation
import Testing

/// What is wrong with the connection is said clearly, and tried again at a civil pace.
@Suite(.serialized) struct ConnectionFaultTests {
    private func makeCertificates(_ scratch: Scratch) async throws {
        let script = """
            set -e
            cd '\(scratch.url.path)'
            for ca in right wrong; do
              openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout $ca-ca.key -out $ca-ca.pem -subj /CN=$ca -days 30
            done
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out server.csr -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1
            printf 'subjectAltName=IP:127.0.0.1\\n' > ext
            openssl x509 -req -in server.csr -CA right-ca.pem -CAkey right-ca.key -CAcreateserial -out server.pem -days 30 -extfile ext
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout client.key -out client.csr -subj /CN=box-1
            openssl x509 -req -in client.csr -CA right-ca.pem -CAkey right-ca.key -CAcreateserial -out client.pem -days 30
            cp right-ca.pem ca.pem
            mkdir -p demo && cd demo && touch index.txt && echo 01 > serial
            printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index.txt\\nserial=serial\\nnew_certs_dir=.\\ndefault_md=sha256\\npolicy=p\\nx509_extensions=e\\n[p]\\ncommonName=supplied\\n[e]\\nsubjectAltName=IP:127.0.0.1\\n' > c
            openssl ca -batch -config c -in ../server.csr -cert ../right-ca.pem -keyfile ../right-ca.key -out ../expired.pem -notext -startdate 20200101000000Z -enddate 20200201000000Z
            """
        let program = try Program("/bin/bash", ["-c", script])
        guard try await program.ended() == 0 else { throw Overdue(description: program.standardError) }
    }

    private func tls(_ scratch: Scratch, _ ca: String) -> String {
        ", tls: { enabled: true, ca_file: \(scratch.path(ca)) }"
    }

    @Test func authorityThatDidNotSignIsRefusedWithItsName() async throws {
        let scratch = try Scratch()
        try await makeCertificates(scratch)
        let broker = try await Broker(
            extra: "certfile \(scratch.path("server.pem"))\nkeyfile \(scratch.path("server.key"))")
        let right = try Box(broker: broker.port, mqtt: tls(scratch, "right-ca.pem"))
        try await right.start()
        try await right.stop()
        let wrong = try Box(broker: broker.port, mqtt: tls(scratch, "wrong-ca.pem"))
        try await wrong.start(waitUntilReady: false)
        try await eventually("it says why") {
            wrong.log.lowercased().contains("ca_file") || wrong.log.lowercased().contains("certificate")
        }
        #expect(await wrong.status("/readyz") == 503)
    }

    @Test func expiredCertificateIsRefused() async throws {
        let scratch = try Scratch()
        try await makeCertificates(scratch)
        let broker = try await Broker(
            extra: "certfile \(scratch.path("expired.pem"))\nkeyfile \(scratch.path("server.key"))")
        let box = try Box(broker: broker.port, mqtt: tls(scratch, "right-ca.pem"))
        try await box.start(waitUntilReady: false)
        try await eventually("it says why") { box.log.lowercased().contains("expired") }
    }

    @Test func wrongPasswordIsRefusedAndRetriedAtACivilPace() async throws {
        let scratch = try Scratch()
        let passwords = scratch.path("passwords")
        _ = try await Program("/usr/bin/mosquitto_passwd", ["-c", "-b", passwords, "box", "right"]).ended()
        let broker = try await Broker(extra: "password_file \(passwords)", anonymous: false)
        let file = try scratch.write("password", "not-the-right-one\n")
        let box = try Box(broker: broker.port, mqtt: ", username: box, password_file: \(file)")
        try await box.start(waitUntilReady: false)
        try await eventually("it says why") { box.log.contains("password") }
        let lines = box.log.split(separator: "\n").count
        try await Task.sleep(for: .seconds(3))
        #expect(box.log.split(separator: "\n").count - lines < 10)
        let detail = String(decoding: await httpGet(port: box.httpPort, "/readyz").body, as: UTF8.self)
        #expect(detail.contains("not connected"))
        #expect(!(box.log + detail).contains("not-the-right-one"))
        // Renewed and reloaded it is tried at once; no restart.
        try scratch.write("password", "right\n")
        box.daemon?.signal(SIGHUP)
        try await eventually("it is connected") { await box.status("/readyz") == 200 }
    }

    /// The urgent session alone is refused: not ready, and what is urgent is taken by the other one.
    @Test func urgentSessionThatIsRefusedIsToldAndLosesNoFire() async throws {
        let broker = try await Broker()
        let receiver = try await Receiver()
        let proxy = try Proxy(broker: broker.port)
        defer { proxy.end() }
        proxy.refuse("-urgent")
        let box = try Box(broker: proxy.port, webhooks: [("duty-room", receiver.url)])
        try await box.start(waitUntilReady: false)
        try await eventually("bulk is connected, urgent is not") {
            let body = String(decoding: await httpGet(port: box.httpPort, "/readyz").body, as: UTF8.self)
            return body.contains("the urgent session is not connected") && !body.contains("the bulk session")
        }
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        try await broker.publish("fire/v1/320102/panel/p-1/event", #"{"ts":\#(now),"event":"fire"}"#)
        try await eventually("the fire arrives") { receiver.accepted.contains { $0.device == "p-1" } }
        proxy.refuse(nil)
        try await eventually("it is ready", within: .seconds(60)) { await box.status("/readyz") == 200 }
        try await broker.publish("fire/v1/320102/panel/p-2/event", #"{"ts":\#(now),"event":"fire"}"#)
        try await eventually("so does the next") { receiver.accepted.contains { $0.device == "p-2" } }
        let lines = try await box.exported()
        #expect(lines.count { $0.contains("event.fire") } == 2)
    }

    @Test func changedKeyThatNeedsARestartIsShownUntilThen() async throws {
        let broker = try await Broker()
        let systemd = try NotifySocket()
        let box = try Box(broker: broker.port)
        try await box.start(environment: systemd.environment)
        try await eventually("systemd is told") { systemd.count("READY=1") == 1 }
        let text = try String(contentsOfFile: box.configuration, encoding: .utf8)
        try text.replacing("linger: 500ms", with: "linger: 400ms").write(
            toFile: box.configuration, atomically: true, encoding: .utf8)
        // The second reload changes nothing, and what needs a restart still does.
        for round in 1...2 {
            box.daemon?.signal(SIGHUP)
            try await eventually("reloaded, \(round)") {
                systemd.count("RELOADING=1") == round && systemd.count("READY=1") == 1 + round
            }
            #expect(try await box.get("/readyz")["warnings"] as? [String] == ["restart required: store.linger"])
        }
        try await eventually("in the status line") { systemd.status.contains("restart required: store.linger") }
        try await box.stop()
        try await box.start()
        #expect(try await box.get("/readyz")["warnings"] == nil)
    }

    /// Done with reloading would be taken for started.
    @Test func reloadBeforeItIsReadyDoesNotMakeItReady() async throws {
        let broker = try await Broker()
        try await broker.stop()
        let systemd = try NotifySocket()
        let box = try Box(broker: broker.port)
        try await box.start(waitUntilReady: false, environment: systemd.environment)
        try await eventually("it waits") { await box.status("/readyz") == 503 }
        box.daemon?.signal(SIGHUP)
        try await eventually("it is reloaded") { box.log.contains("configuration reloaded") }
        #expect(systemd.count("READY=1") == 0)
        #expect(systemd.count("RELOADING=1") == 0)
        // Once for the time until here, and not with every look.
        #expect(systemd.assignments.count { $0.hasPrefix("EXTEND_TIMEOUT_USEC=") } == 1)
        try await broker.start()
        try await eventually("it is ready", within: .seconds(60)) { systemd.count("READY=1") == 1 }
        #expect(systemd.status.contains("messages/s"))
    }

    @Test func clientCertificateIsShownToTheBroker() async throws {
        let scratch = try Scratch()
        try await makeCertificates(scratch)
        let broker = try await Broker(
            extra: "certfile \(scratch.path("server.pem"))\nkeyfile \(scratch.path("server.key"))\n"
                + "cafile \(scratch.path("right-ca.pem"))\nrequire_certificate true")
        let (ca, cert, key) = (scratch.path("right-ca.pem"), scratch.path("client.pem"), scratch.path("client.key"))
        let box = try Box(
            broker: broker.port, mqtt: ", tls: { enabled: true, ca_file: \(ca), cert_file: \(cert), key_file: \(key) }")
        try await box.start()
        try await box.stop()
        let without = try Box(broker: broker.port, mqtt: tls(scratch, "right-ca.pem"))
        try await without.start(waitUntilReady: false)
        // Under TLS 1.3 the refusal comes after the handshake: as an alert, or as a connection that is just closed.
        let texts = ["cannot connect to the broker", "connection to the broker lost", "waiting for the broker"]
        try await eventually("it says so") { texts.contains(where: without.log.contains) }
        #expect(await without.status("/readyz") == 503)
    }

    @Test func everyUnknownMetricOfAMessageIsNamed() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port)
        try await box.start()
        let names = (1...10).map { "odd_\($0)" }
        let values = names.map { #""\#($0)":1"# }.joined(separator: ",")
        try await broker.publish("fire/v1/320102/hydrant/h-1/telemetry", #"{"values":{\#(values)}}"#)
        try await eventually("all are named") { names.allSatisfy { box.log.contains($0) } }
        #expect(box.log.split(separator: "\n").count { $0.contains("not in the catalogue") } == 1)
    }

    @Test func invalidConfigurationIsExit78OrTheLastAccepted() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port)
        try "gateway: { id: 7, areaz: [] }\n".write(
            toFile: box.scratch.path("bad.yaml"), atomically: true, encoding: .utf8)
        let check = try Program.firesense("check", "--config", box.scratch.path("bad.yaml"))
        #expect(try await check.ended() == 78)
        try await eventually("the key is named") { (check.standardOutput + check.standardError).contains("areaz") }
        try await box.start()
        try await box.stop()
        let good = try String(contentsOfFile: box.configuration, encoding: .utf8)
        try (good + "\nnonsense: true\n").write(toFile: box.configuration, atomically: true, encoding: .utf8)
        try await box.start(waitUntilReady: false)
        try await eventually("it runs on the last accepted one") { await box.status("/readyz") == 200 }
        #expect((try await box.get("/readyz")["warnings"] as? [String])?.first?.contains("accepted") == true)
        try await eventually("it is an alarm") {
            try await box.items("/api/v1/alarms?category=system").contains {
                $0["rule"] as? String == "configuration-invalid"
            }
        }
        // Mended and reloaded, it is over.
        try good.write(toFile: box.configuration, atomically: true, encoding: .utf8)
        box.daemon?.signal(SIGHUP)
        try await eventually("the alarm is over") {
            try await box.items("/api/v1/alarms?category=system&state=active").isEmpty
        }
        #expect(try await box.get("/readyz")["warnings"] == nil)
    }

    @Test func reloadSwapsRulesWithoutARestart() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port, linger: "50ms")
        try await box.start()
        let topic = "fire/v1/320102/hydrant/h-1/telemetry"
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        try await broker.publish(topic, #"{"ts":\#(now),"values":{"temperature":-5}}"#)
        let folder = box.scratch.url.appending(path: "rules.d")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try """
        rules:
          - id: hydrant-frost
            kinds: [hydrant]
            category: water
            severity: minor
            title: { zh: 消火栓结冰, en: Hydrant frost }
            when: { metric: temperature, below: 0 }
        """.write(to: folder.appending(path: "frost.yaml"), atomically: true, encoding: .utf8)
        box.daemon?.signal(SIGHUP)
        try await eventually("it is reloaded") { box.log.contains("configuration reloaded") }
        try await broker.publish(topic, #"{"ts":\#(now + 1),"values":{"temperature":-5}}"#)
        try await eventually("the new rule raises") {
            try await box.items("/api/v1/alarms").contains { $0["rule"] as? String == "hydrant-frost" }
        }
        try "rules: [ nonsense ]".write(to: folder.appending(path: "frost.yaml"), atomically: true, encoding: .utf8)
        box.daemon?.signal(SIGHUP)
        try await eventually("the bad one is refused") { box.log.contains("reload refused") }
        #expect(try await box.items("/api/v1/alarms?state=active").count == 1)
    }
}

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
        let file = try scratch.write("password", "wrong\n")
        let box = try Box(broker: broker.port, mqtt: ", username: box, password_file: \(file)")
        try await box.start(waitUntilReady: false)
        try await eventually("it says why") { box.log.contains("password") }
        #expect(!box.log.contains("wrong\n"))
        let lines = box.log.split(separator: "\n").count
        try await Task.sleep(for: .seconds(3))
        #expect(box.log.split(separator: "\n").count - lines < 10)
        try scratch.write("password", "right\n")
        try await box.stop()
        try await box.start()
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

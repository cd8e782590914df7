import FireIntake
import FireModel
import FireMQTT
import Foundation
import Testing

/// A certificate authority and a broker's certificate, made for one test.
private final class Authority {
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "firesense-broker-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try authority("ca")
        try authority("other")
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func path(_ name: String) -> String { folder.appending(path: name).path }

    private func authority(_ name: String) throws {
        try run(
            "/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout",
            path("\(name).key"), "-out", path("\(name).crt"), "-days", "2", "-subj", "/CN=\(name)")
    }

    /// `days` below zero: expired.
    func certificate(for name: String, days: Int = 2) throws {
        try run(
            "/usr/bin/openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            path("server.key"), "-out", path("server.csr"), "-subj", "/CN=broker")
        try "subjectAltName=\(name)\n".write(toFile: path("extension"), atomically: true, encoding: .utf8)
        try run(
            "/usr/bin/openssl", "x509", "-req", "-in", path("server.csr"), "-CA", path("ca.crt"), "-CAkey",
            path("ca.key"),
            "-CAcreateserial", "-days", "\(days)", "-extfile", path("extension"), "-out", path("server.crt"))
    }

    /// For whoever is asked for one.
    func clientCertificate() throws {
        try run(
            "/usr/bin/openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            path("client.key"), "-out", path("client.csr"), "-subj", "/CN=gateway")
        try run(
            "/usr/bin/openssl", "x509", "-req", "-in", path("client.csr"), "-CA", path("ca.crt"), "-CAkey",
            path("ca.key"), "-CAcreateserial", "-days", "2", "-out", path("client.crt"))
    }

    func broker(_ extra: String = "") async throws -> Broker {
        try await Broker(
            "certfile FOLDER/server.crt\nkeyfile FOLDER/server.key\nmax_inflight_messages 1000\n\(extra)",
            folder: folder)
    }
}

@Suite(.serialized) struct TLSTests {
    private func failure(_ broker: Broker, caFile: String?) async throws -> (Bench, String) {
        let bench = try Bench(port: broker.port) { $0.tls = MQTTTLS(caFile: caFile) }
        try await eventually("an error") { bench.session.status.lastError != nil }
        return (bench, bench.session.status.lastError ?? "")
    }

    @Test func acknowledgesAfterCommitOverTLS() async throws {
        let authority = try Authority()
        try authority.certificate(for: "IP:127.0.0.1")
        let broker = try await authority.broker()
        let peer = try await Peer(port: broker.port) { $0.tls = MQTTTLS(caFile: authority.path("ca.crt")) }
        let messages = (0..<200).map { (topic: "fire/v1/a/smoke/s/event", text: "\($0)") }
        let first = try Bench(port: broker.port) { $0.tls = MQTTTLS(caFile: authority.path("ca.crt")) }
        try await first.connected()
        try await peer.publish(messages)
        _ = try await first.take(1)
        try await first.kill()
        let second = try Bench(port: broker.port) { $0.tls = MQTTTLS(caFile: authority.path("ca.crt")) }
        let again = try await second.takeAndCommit(200)
        #expect(again.map(\.text) == messages.map(\.text))
        #expect(again.count { $0.header.flags.contains(.duplicate) } == 200)
        try await second.acknowledged(200)
        second.stop()
    }

    @Test(arguments: [MQTTVersion.v5, .v311])
    func aClientCertificateIsShownWhereOneIsAskedFor(version: MQTTVersion) async throws {
        let authority = try Authority()
        try authority.certificate(for: "IP:127.0.0.1")
        try authority.clientCertificate()
        let broker = try await authority.broker("cafile FOLDER/ca.crt\nrequire_certificate true")
        let without = try Bench(port: broker.port) {
            $0.version = version
            $0.tls = MQTTTLS(caFile: authority.path("ca.crt"))
        }
        try await eventually("an error") { without.session.status.lastError != nil }
        // Under TLS 1.3 the refusal comes after the handshake: as an alert, or as a connection that is just closed.
        #expect(!without.session.status.wasEverConnected)
        without.stop()
        let bench = try Bench(port: broker.port) {
            $0.version = version
            $0.tls = MQTTTLS(
                caFile: authority.path("ca.crt"), certFile: authority.path("client.crt"),
                keyFile: authority.path("client.key"))
        }
        try await bench.connected()
        bench.stop()
    }

    @Test func aWrongAuthorityIsNamed() async throws {
        let authority = try Authority()
        try authority.certificate(for: "IP:127.0.0.1")
        let (bench, error) = try await failure(try await authority.broker(), caFile: authority.path("other.crt"))
        #expect(error.contains("the certificate of 127.0.0.1"), "\(error)")
        #expect(error.contains("the CA file must be that of the authority that signed it"), "\(error)")
        #expect(bench.log.contains(.error, "cannot connect to the broker"))
    }

    @Test func theAuthoritiesOfTheSystemDoNotKnowOurs() async throws {
        let authority = try Authority()
        try authority.certificate(for: "IP:127.0.0.1")
        let (_, error) = try await failure(try await authority.broker(), caFile: nil)
        #expect(error.contains("the CA file must be"), "\(error)")
    }

    @Test func anExpiredCertificateIsNamed() async throws {
        let authority = try Authority()
        try authority.certificate(for: "IP:127.0.0.1", days: -1)
        let (_, error) = try await failure(try await authority.broker(), caFile: authority.path("ca.crt"))
        #expect(error.contains("certificate has expired"), "\(error)")
        #expect(error.contains("renew it"), "\(error)")
    }

    @Test func aCertificateForAnotherNameIsNamed() async throws {
        let authority = try Authority()
        try authority.certificate(for: "DNS:elsewhere.example")
        let (_, error) = try await failure(try await authority.broker(), caFile: authority.path("ca.crt"))
        #expect(error.contains("made out to another name"), "\(error)")
    }

    @Test func aMissingFileIsNamed() async throws {
        let broker = try await Broker()
        let (_, error) = try await failure(broker, caFile: "/nowhere/ca.crt")
        #expect(error.contains("cannot read /nowhere/ca.crt"), "\(error)")
    }

    @Test func aPortWithoutTLSIsNamed() async throws {
        let authority = try Authority()
        let broker = try await Broker()
        let (_, error) = try await failure(broker, caFile: authority.path("ca.crt"))
        #expect(!error.isEmpty)
        #expect(error.contains("TLS") || error.contains("closed the connection"), "\(error)")
    }
}

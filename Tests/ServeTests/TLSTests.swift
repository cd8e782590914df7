import Foundation
import Testing

@testable import FireServe

@Suite(.enabled(if: ["/usr/bin/openssl", "/usr/bin/curl"].allSatisfy(FileManager.default.isExecutableFile)))
struct TLSTests {
    @Test func certificateIsServedAndExchangedAtAReload() async throws {
        try await withFolder { folder in
            let settings = ServeSettings.testing {
                $0.tlsCertificateFile = folder + "/cert.pem"
                $0.tlsKeyFile = folder + "/key.pem"
            }
            try await makeCertificate(in: folder, name: "first")
            try await withServer(.init(), settings) { server, port in
                let url = "https://localhost:\(port)/healthz"
                let curl = ["--silent", "--show-error", "--resolve", "localhost:\(port):127.0.0.1", "--cacert"]
                #expect(try await run("/usr/bin/curl", curl + [folder + "/cert.pem", url]) == #"{"healthy":true}"#)
                let old = folder + "/old.pem"
                try FileManager.default.copyItem(atPath: folder + "/cert.pem", toPath: old)
                try await makeCertificate(in: folder, name: "second")
                #expect(try await run("/usr/bin/curl", curl + [old, url]) == #"{"healthy":true}"#)
                try server.reloadCertificate()
                #expect(try await run("/usr/bin/curl", curl + [folder + "/cert.pem", url]) == #"{"healthy":true}"#)
                #expect(try await run("/usr/bin/curl", curl + [old, url]).contains("healthy") == false)
                try Data("rubbish".utf8).write(to: URL(filePath: folder + "/key.pem"))
                #expect(throws: CertificateError.self) { try server.reloadCertificate() }
                #expect(try await run("/usr/bin/curl", curl + [folder + "/cert.pem", url]) == #"{"healthy":true}"#)
                // Plain HTTP gets no answer.
                #expect(status(await (try RawClient(port: port)).get("/healthz")) == 0)
            }
        }
    }

    @Test func unusableCertificateIsAnError() async throws {
        try await withFolder { folder in
            #expect(throws: CertificateError.self) {
                try server(
                    .init(),
                    .testing {
                        $0.tlsCertificateFile = folder + "/none.pem"
                        $0.tlsKeyFile = folder + "/none.pem"
                    })
            }
            #expect(throws: ServeSettingsError.self) {
                try server(.init(), .testing { $0.tlsCertificateFile = folder + "/none.pem" })
            }
        }
    }

    private func makeCertificate(in folder: String, name: String) async throws {
        try await run(
            "/usr/bin/openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=\(name)", "-addext", "subjectAltName=DNS:localhost", "-keyout", folder + "/key.pem",
                "-out", folder + "/cert.pem",
            ])
    }
}

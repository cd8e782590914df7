import Foundation
import Hummingbird
import HummingbirdTesting
import Testing

@testable import FireServe

@Suite struct ConsoleTests {
    @Test func pageRunsOnlyItsOwnScript() async throws {
        try await server().network.test(.router) { client in
            let response = try await client.execute(uri: "/", method: .get)
            #expect(response.status == .ok)
            #expect(response.headers[.contentType] == "text/html; charset=utf-8")
            let policy = try #require(response.headers[.contentSecurityPolicy])
            #expect(policy.contains("default-src 'none'") && !policy.contains("unsafe"))
            #expect(response.text.contains("未解除的报警"))
            // Text of alarms must never become markup, and nothing may come from elsewhere.
            for forbidden in ["innerHTML", "document.write", "http://", "https://", "src="] {
                #expect(!response.text.contains(forbidden))
            }
        }
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl")))
    func policyNamesTheHashOfTheScriptAsABrowserSeesIt() async throws {
        let page = DutyPage.html
        let script = try #require(page.split(separator: "<script>").last?.split(separator: "</script>").first)
        try await withFolder { folder in
            try Data(script.utf8).write(to: URL(filePath: folder + "/script"))
            let hash = try await run(
                "/bin/sh", ["-c", "openssl dgst -sha256 -binary < \(folder)/script | base64"])
            #expect(DutyPage.contentSecurityPolicy.contains("script-src 'sha256-\(hash.prefix { $0 != "\n" })'"))
        }
    }
}

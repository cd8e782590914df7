import FireModel
import Hummingbird
import HummingbirdTesting
import Testing

@testable import FireServe

/// Who may have the database.
@Suite struct BackupRouteTests {
    @Test func itComesThroughTheControlSocketAlone() async throws {
        let tokens = try Tokens(parsing: tokensFile)
        let server = try server(
            .init(),
            .testing {
                $0.controlSocketPath = "unused"
                $0.tokens = tokens
            })
        try await #require(server.control).test(.router) { client in
            let response = try await client.execute(uri: "/api/v1/backup", method: .get)
            #expect(response.status == .ok)
            #expect(response.headers[.contentType] == "application/octet-stream")
            #expect(response.body.readableBytes == 300_000)
        }
        try await server.network.test(.router) { client in
            let headers: HTTPFields = [.authorization: "Bearer ruling-token"]
            let response = try await client.execute(uri: "/api/v1/backup", method: .get, headers: headers)
            #expect(response.status == .forbidden)
            #expect(String(buffer: response.body).contains("on the gateway's own machine"))
        }
    }
}

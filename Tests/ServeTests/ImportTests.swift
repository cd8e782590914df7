import FireModel
import Foundation
import Testing

@testable import FireServe

/// A body of any length, as far as HTTP is concerned.
@Suite struct ImportRouteTests {
    private let path = "/api/v1/readings/import?format=csv"

    /// Over the control socket, where everybody is an administrator.
    private func withControl(
        _ gateway: MemoryGateway = MemoryGateway(), _ change: @escaping (inout ServeSettings) -> Void = { _ in },
        _ body: @escaping @Sendable (String) async throws -> Void
    ) async throws {
        try await withFolder { folder in
            let socket = folder + "/control.sock"
            let settings = ServeSettings.testing {
                $0.controlSocketPath = socket
                change(&$0)
            }
            try await withServer(gateway, settings) { _, _ in try await body(socket) }
        }
    }

    @Test func largeBodyIsTakenPieceByPiece() async throws {
        let gateway = MemoryGateway()
        try await withControl(gateway, { $0.limits.body = 1000 }) { socket in
            let client = try RawClient(path: socket)
            let line = String(repeating: "x", count: 99) + "\n"
            let count = 50_000
            await client.send(
                "POST \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: \(count * 100)\r\n\r\n")
            for _ in 0..<count / 1000 { await client.send(String(repeating: line, count: 1000)) }
            let answer = await client.readToEnd()
            #expect(status(answer) == 200)
            #expect(answer.contains("\"read\":50000,\"stored\":50000"), "\(answer)")
            #expect(gateway.taken.withLock { $0 } == count * 100)
        }
    }

    /// The rest of a file is not waited for.
    @Test func refusalIsAnsweredBeforeTheEnd() async throws {
        try await withControl { socket in
            let client = try RawClient(path: socket)
            await client.send(
                "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\na\n!b\n"
                    + String(repeating: "c\n", count: 40_000))
            let answer = await client.readToEnd()
            #expect(status(answer) == 422)
            #expect(answer.contains("\"complete\":false") && answer.contains("\"line\":2"), "\(answer)")
        }
    }

    @Test func whoeverSendsNothingIsDisconnected() async throws {
        try await withControl(MemoryGateway(), { $0.limits.uploadStall = .milliseconds(200) }) { socket in
            let client = try RawClient(path: socket)
            await client.send("POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\na\n")
            #expect(!(await client.readToEnd()).contains(" 200 "))
        }
    }

    /// It may take longer than an answer of its own.
    @Test func slowUploadOutlivesTheTimeOfAnAnswer() async throws {
        let gateway = MemoryGateway()
        try await withControl(gateway, { $0.limits.answer = .milliseconds(400) }) { socket in
            let client = try RawClient(path: socket)
            await client.send("POST \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 40\r\n\r\n")
            for _ in 0..<20 {
                await client.send("a\n")
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(status(await client.readToEnd()) == 200)
        }
    }

    @Test func onlyAnAdministratorImports() async throws {
        try await withServer { _, port in
            let answer = await (try RawClient(port: port)).post(path, "a\n")
            #expect(status(answer) == 403)
        }
    }
}

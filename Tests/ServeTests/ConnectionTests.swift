import Foundation
import Hummingbird
import Testing

@testable import FireServe

/// Nobody keeps a connection for longer than its limits, whatever they send and with whatever token. There is
/// room for one connection, so that a second caller is answered only when the first is gone.
@Suite struct ConnectionTests {
    private func settings(_ path: String, _ change: (inout ServeSettings) -> Void = { _ in }) throws -> ServeSettings {
        let tokens = try Tokens(parsing: tokensFile)
        return .testing {
            $0.controlSocketPath = path
            $0.tokens = tokens
            $0.limits.connections = 1
            // Renewed by every byte; what ends these connections must be something else.
            $0.limits.idle = .seconds(60)
            $0.limits.linger = .milliseconds(300)
            change(&$0)
        }
    }

    @Test func callerThatReadsNoneOfItsAnswersIsDisconnected() async throws {
        try await withFolder { folder in
            let path = folder + "/control.sock"
            try await withServer(.init(), settings(path) { $0.limits.stall = .milliseconds(300) }) { _, _ in
                let deaf = try RawClient(path: path)
                let request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
                // An answer proves that it is inside and counted.
                await deaf.send(request)
                #expect(!(await deaf.read(1)).isEmpty)
                async let sent = deaf.send(String(repeating: request, count: 100_000))
                #expect(status(await (try RawClient(path: path)).get("/healthz")) == 200)
                #expect(await sent < 100_000 * request.utf8.count, "what it goes on sending is not read either")
                withExtendedLifetime(deaf) {}
            }
        }
    }

    @Test(arguments: [
        // Without a token, to a path that is not there, with a method that is not there, and with no body to come.
        ("POST", "/api/v1/alarms/alarm-001/reset", 401), ("POST", "/nowhere", 404), ("PUT", "/healthz", 405),
        ("GET", "/healthz", 200), ("GET", "/metrics", 401),
    ])
    func bodyThatDripsHoldsNoConnection(method: String, path: String, expected: Int) async throws {
        let tokens = try Tokens(parsing: tokensFile)
        let settings = ServeSettings.testing {
            $0.tokens = tokens
            $0.limits.connections = 1
            $0.limits.idle = .seconds(60)
            $0.limits.linger = .milliseconds(300)
        }
        try await withServer(.init(), settings) { _, port in
            let dripping = try RawClient(port: port)
            await dripping.send("\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
            let answer = String(decoding: await dripping.read(), as: UTF8.self)
            #expect(status(answer) == expected)
            #expect(answer.lowercased().contains("connection: close\r\n"))
            let drip = Task {
                while await dripping.send("x") == 1, !Task.isCancelled { try await Task.sleep(for: .milliseconds(50)) }
            }
            defer { drip.cancel() }
            #expect(status(await (try RawClient(port: port)).get("/healthz")) == 200)
            withExtendedLifetime(dripping) {}
        }
    }

    @Test(arguments: ["Content-Length: 10000000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n2540BE400\r\n"])
    func hugeBodyIsNotReadWhereNoneIsWanted(headers: String) async throws {
        try await withFolder { folder in
            let path = folder + "/control.sock"
            try await withServer(.init(), settings(path)) { _, _ in
                let client = try RawClient(path: path)
                await client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\(headers)")
                let answer = String(decoding: await client.read(), as: UTF8.self)
                #expect(status(answer) == 200)
                #expect(answer.lowercased().contains("connection: close\r\n"))
                let taken = await client.send([UInt8](repeating: 0x78, count: 64 << 20))
                #expect(taken < 4 << 20, "a bounded amount, and what the kernel holds")
            }
        }
    }

    @Test func bodyThatHasCostsNoConnection() async throws {
        try await withFolder { folder in
            let path = folder + "/control.sock"
            try await withServer(.init(), settings(path)) { _, _ in
                let client = try RawClient(path: path)
                for _ in 0..<3 {
                    await client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
                    let answer = String(decoding: await client.read(), as: UTF8.self)
                    #expect(status(answer) == 200)
                    #expect(!answer.lowercased().contains("connection: close"))
                }
            }
        }
    }

    @Test func whatComesAfterTheLastRequestIsNotAnswered() async throws {
        try await withFolder { folder in
            let path = folder + "/control.sock"
            try await withServer(.init(), settings(path)) { _, _ in
                let client = try RawClient(path: path)
                let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
                await client.send("\(request)Connection: close\r\n\r\n\(request)\r\n\(request)\r\n")
                // It stays open on the caller's side.
                let answer = await client.readToEnd()
                #expect(answer.components(separatedBy: "HTTP/1.1 200").count == 2)
                #expect(status(await (try RawClient(path: path)).get("/healthz")) == 200)
                withExtendedLifetime(client) {}
            }
        }
    }
}

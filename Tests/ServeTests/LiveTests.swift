import FireModel
import Foundation
import Hummingbird
import HummingbirdTesting
import Testing

@testable import FireServe

/// Over real sockets.
@Suite struct LiveTests {
    @Test func controlSocketServesAdminsAndIsClosedToOthers() async throws {
        try await withFolder { folder in
            let path = folder + "/control.sock"
            // What a crash left behind.
            let stale = Foundation.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let bound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(stale, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            close(stale)
            #expect(bound == 0)
            let gateway = MemoryGateway()
            let tokens = try Tokens(parsing: tokensFile)
            let settings = ServeSettings.testing {
                $0.controlSocketPath = path
                $0.tokens = tokens
            }
            try await withServer(gateway, settings) { _, port in
                #expect(mode(of: path) == (Self.hasGroup ? 0o660 : 0o600))
                let read = await (try RawClient(path: path)).get("/api/v1/stats")
                #expect(status(read) == 200)
                let changed = await (try RawClient(path: path))
                    .post("/api/v1/alarms/alarm-001/acknowledge", #"{"by":"Li"}"#)
                #expect(status(changed) == 200)
                #expect(changed.contains(#""acknowledged_by":"Li""#))
                // No host to be mistaken for.
                let foreign = await (try RawClient(path: path)).exchange(
                    "GET /healthz HTTP/1.1\r\nHost: whatever\r\nConnection: close\r\n\r\n")
                #expect(status(foreign) == 200)
                let network = await (try RawClient(port: port)).get("/api/v1/stats")
                #expect(status(network) == 401)
            }
        }
    }

    private static let hasGroup = getgrnam(ControlSocket.group) != nil

    /// Whoever may open it has scope `admin`; the group a file has by itself may be one that everybody is in.
    @Test func controlSocketIsForItsGroupOrForNobodyElse() async throws {
        try await withFolder { folder in
            let path = folder + "/control.sock"
            #expect(FileManager.default.createFile(atPath: path, contents: nil))
            #expect(ControlSocket.restrict(path, to: "no-such-group-here") == "there is no group 'no-such-group-here'")
            #expect(mode(of: path) == 0o600)
            let own = try #require(getgrgid(getegid())).pointee
            #expect(ControlSocket.restrict(path, to: String(cString: own.gr_name)) == nil)
            #expect(mode(of: path) == 0o660)
        }
    }

    @Test func controlSocketDoesNotReplaceAnythingButASocket() async throws {
        try await withFolder { folder in
            let path = folder + "/control.sock"
            #expect(FileManager.default.createFile(atPath: path, contents: Data("precious".utf8)))
            let server = try server(.init(), .testing { $0.controlSocketPath = path })
            let control = try #require(server.control)
            await #expect(throws: (any Error).self) { try await control.runService(gracefulShutdownSignals: []) }
            #expect(FileManager.default.contents(atPath: path) == Data("precious".utf8))
        }
    }

    @Test func takenPortIsAnErrorAndNotACrash() async throws {
        try await withServer { _, port in
            let second = try server(.init(), .testing { $0.port = port })
            await #expect(throws: (any Error).self) { try await second.network.runService(gracefulShutdownSignals: []) }
        }
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + String(repeating: "a", count: 200_000) + "\r\n\r\n", 431),
        ("GET / HTTP/1.1\r\nHost: localhost\r\n" + String(repeating: "X: y\r\n", count: 5000) + "\r\n", 431),
        ("GET /" + String(repeating: "a", count: 1_000_000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
        ("GET /\(String(repeating: "/a", count: 6000)) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 431),
        ("\u{0}\u{1}\u{2}\r\n\r\n", 400), ("GET\r\n\r\n", 400), ("\r\n\r\n\r\nnonsense\r\n\r\n", 400),
        ("GET / HTTP/9.9\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: localhost\r\nX Y: z\r\n\r\n", 400),
        ("BREW /coffee HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400),
        ("CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404),
        ("OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404),
        ("GET http://evil.example/api/v1/alarms HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 421),
        ("GET ? HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400),
        ("GET /api/v1/alarms?&&=&=a&%=%&?# HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400),
        ("GET /api/v1/alarms HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 400),
        ("POST /api/v1/alarms/a/reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n", 400),
        (
            "POST /api/v1/alarms/a/reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
                + "Transfer-Encoding: chunked\r\n\r\n", 400
        ),
        (
            "POST /api/v1/alarms/a/reset HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n", 403
        ),
    ])
    func hostileRequestIsRefusedAndTheNextIsServed(request: String, expected: Int) async throws {
        try await withServer(.init(), .testing { $0.limits.linger = .milliseconds(200) }) { _, port in
            let answer = await (try RawClient(port: port)).exchange(request)
            #expect(status(answer) == expected, "\(answer.prefix(200))")
            #expect(answer.contains("Content-Type: application/problem+json\r\n"))
            #expect(answer.contains("\"status\":\(status(answer)),"))
            #expect(status(await (try RawClient(port: port)).get("/healthz")) == 200)
        }
    }

    @Test func whatIsNotHTTPBehindARequestIsAnsweredBehindItsAnswer() async throws {
        try await withServer(.init(), .testing { $0.limits.linger = .milliseconds(200) }) { _, port in
            let answer = await (try RawClient(port: port)).exchange(
                "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nnonsense\r\n\r\n")
            let answers = answer.components(separatedBy: "HTTP/1.1 ")
            #expect(answers.map { $0.prefix(3) } == ["", "200", "400"])
            #expect(answers.last?.contains("What came is not HTTP") == true)
        }
    }

    @Test func bodyLargerThanItsLimitIsRefused() async throws {
        try await withFolder { folder in
            let path = folder + "/control.sock"
            let settings = ServeSettings.testing {
                $0.controlSocketPath = path
                $0.limits.linger = .milliseconds(300)
            }
            try await withServer(.init(), settings) { _, _ in
                let target = "POST /api/v1/alarms/alarm-001/reset HTTP/1.1\r\nHost: x\r\n"
                let announced = await (try RawClient(path: path)).exchange(
                    target + "Content-Length: 100000000\r\n\r\n{")
                #expect(status(announced) == 413)
                let chunk = String(repeating: " ", count: 0x10000)
                let chunked = await (try RawClient(path: path)).exchange(
                    target + "Transfer-Encoding: chunked\r\n\r\n"
                        + String(repeating: "10000\r\n\(chunk)\r\n", count: 4) + "0\r\n\r\n")
                #expect(status(chunked) == 413)
                #expect(chunked.contains("application/problem+json"))
                let largest = "{\"by\":\"Li\"" + String(repeating: " ", count: 65_525) + "}"
                #expect(
                    status(await (try RawClient(path: path)).post("/api/v1/alarms/alarm-001/reset", largest)) == 200)
                let notUTF8 = try RawClient(path: path)
                await notUTF8.send(
                    Array("\(target)Connection: close\r\nContent-Length: 11\r\n\r\n{\"by\":\"".utf8) + [0xFF, 0xFE]
                        + Array("\"}".utf8))
                #expect(await notUTF8.readToEnd().contains("not UTF-8"))
            }
        }
    }

    @Test func bodyThatNeverEndsIsCutOff() async throws {
        try await withFolder { folder in
            let path = folder + "/control.sock"
            let settings = ServeSettings.testing {
                $0.controlSocketPath = path
                $0.limits.bodyTime = .milliseconds(200)
            }
            try await withServer(.init(), settings) { _, _ in
                let answer = await (try RawClient(path: path)).exchange(
                    "POST /api/v1/alarms/a/reset HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
                #expect(status(answer) == 408)
            }
        }
    }

    @Test func idleConnectionIsClosed() async throws {
        try await withServer(.init(), .testing { $0.limits.idle = .milliseconds(200) }) { _, port in
            let silent = try RawClient(port: port)
            #expect(await silent.read().isEmpty)
            let halfway = try RawClient(port: port)
            await halfway.send("GET /healthz HTTP/1.1\r\nHost: loc")
            #expect(await halfway.read().isEmpty)
        }
    }

    @Test func connectionsBeyondTheLimitWaitForARoom() async throws {
        let settings = ServeSettings.testing {
            $0.limits.connections = 2
            $0.limits.idle = .seconds(4)
        }
        try await withServer(.init(), settings) { _, port in
            let first = try RawClient(port: port)
            let second = try RawClient(port: port)
            // An answer proves that they are inside and counted.
            for client in [first, second] {
                await client.send("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                #expect(!(await client.read()).isEmpty)
            }
            async let third = (try RawClient(port: port)).get("/healthz")
            // Room is made by the idle time-out of the first two, and by nothing else.
            let firstIsClosed = await first.read().isEmpty
            let secondIsClosed = await second.read().isEmpty
            #expect(firstIsClosed || secondIsClosed)
            let answer = try await third
            #expect(status(answer) == 200)
        }
    }

    @Test func requestsFollowEachOtherOnOneConnection() async throws {
        try await server().network.test(.live) { client in
            for _ in 0..<5 {
                let found = try await client.execute(uri: "/api/v1/alarms", method: .get)
                #expect(found.status == .ok)
                let unknown = try await client.execute(uri: "/nowhere", method: .get)
                #expect(unknown.status == .notFound)
            }
        }
    }
}

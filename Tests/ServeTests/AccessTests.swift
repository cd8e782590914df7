import Hummingbird
import HummingbirdTesting
import Testing

@testable import FireServe

@Suite struct TokensTests {
    @Test func tokensFileIsReadWithCommentsAndEitherCase() throws {
        let tokens = try Tokens(parsing: tokensFile)
        #expect(tokens.entries.map(\.name) == ["prometheus", "duty-room", "office"])
        #expect(tokens.holder(of: "reading-token")?.scope == .read)
        #expect(tokens.holder(of: "operating-token")?.name == "duty-room")
        #expect(tokens.holder(of: "ruling-token")?.scope == .admin)
        #expect(tokens.holder(of: "reading-token ") == nil)
        #expect(tokens.holder(of: "") == nil)
    }

    @Test(
        arguments: [
            ("", nil), ("# only a comment\n", nil), ("a read\n", 1), ("\n\na write \(hash)\n", 3), ("a read 1234\n", 1),
            ("a read \(hash)z\n", 1), ("ä read \(hash)\n", 1), ("a read \(hash)\na admin \(hash)", 2),
            ("a read \(hash) extra\n", 1),
        ] as [(String, Int?)])
    func unusableTokensFileIsRefusedWithItsLine(text: String, line: Int?) {
        let error = #expect(throws: TokensError.self) { try Tokens(parsing: text) }
        #expect(error?.line == line)
        #expect(error?.description.contains(hash) == false)
    }
}

private let hash = String(repeating: "0f", count: 32)

@Suite struct HostNamesTests {
    @Test(arguments: [
        "localhost", "localhost:8470", "LOCALHOST:9000", "127.0.0.1:8470", "127.0.0.1", "[::1]:8470", "[::1]",
        "gateway.example:80", "10.1.2.3",
    ])
    func ownNamesAreServed(host: String) {
        #expect(HostNames(listen: "127.0.0.1", names: ["Gateway.example", "10.1.2.3"]).contains(host, local: nil))
    }

    @Test(arguments: [
        "evil.example", "evil.example:8470", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.256", "",
        ":8470", "[::1", "[::1]x", "localhost:port", "localhost:99999", "a b", "10.0.0.1",
    ])
    func otherNamesAreNot(host: String) {
        #expect(!HostNames(listen: "127.0.0.1", names: []).contains(host, local: "127.0.0.1"))
    }

    @Test func addressAtWhichTheCallerArrivedIsServedWhenListeningEverywhere() {
        let names = HostNames(listen: "0.0.0.0", names: [])
        #expect(names.contains("192.168.1.5:8470", local: "192.168.1.5"))
        #expect(!names.contains("192.168.1.6:8470", local: "192.168.1.5"))
        #expect(!names.contains("localhost", local: "192.168.1.5"))
        #expect(names.contains("localhost", local: "127.0.0.1"))
    }

    /// `[::]` takes IPv4 too, and such a connection's own address is told as `::ffff:127.0.0.1`.
    @Test func addressOfVersionFourAtASocketOfVersionSixIsServed() {
        let names = HostNames(listen: "::", names: ["::ffff:10.0.0.9"])
        #expect(names.contains("127.0.0.1:8470", local: "::ffff:127.0.0.1"))
        #expect(names.contains("localhost:8470", local: "::FFFF:127.0.0.1"))
        #expect(names.contains("192.168.1.5", local: "::ffff:192.168.1.5"))
        #expect(names.contains("[::ffff:192.168.1.5]:8470", local: "::ffff:192.168.1.5"))
        #expect(names.contains("10.0.0.9", local: "::ffff:192.168.1.5"))
        #expect(names.contains("[fd00::1]:8470", local: "fd00::1"))
        #expect(!names.contains("localhost", local: "::ffff:192.168.1.5"))
        #expect(!names.contains("192.168.1.6", local: "::ffff:192.168.1.5"))
        #expect(!names.contains("evil.example", local: "::ffff:127.0.0.1"))
    }
}

@Suite struct AccessTests {
    /// Method, path, body, and the scope that opens it.
    private static let doors: [(HTTPRequest.Method, String, String, Scope?)] = [
        (.get, "/healthz", "", nil), (.get, "/readyz", "", nil), (.get, "/openapi.json", "", nil),
        (.get, "/metrics", "", .read), (.get, "/api/v1/stats", "", .read), (.get, "/api/v1/kinds", "", .read),
        (.get, "/api/v1/devices", "", .read), (.get, "/api/v1/devices/hydrant-000000", "", .read),
        (.get, "/api/v1/readings?device=hydrant-000007&metric=pressure", "", .read),
        (.get, "/api/v1/export?format=csv", "", .read), (.get, "/api/v1/alarms", "", .read),
        (.get, "/api/v1/alarms/alarm-001", "", .read), (.get, "/api/v1/deliveries", "", .read),
        (.get, "/api/v1/quarantine", "", .read),
        (.post, "/api/v1/alarms/alarm-001/acknowledge", #"{"by":"Li"}"#, .operate),
        (.post, "/api/v1/alarms/alarm-001/verdict", #"{"by":"Li","verdict":"unknown"}"#, .operate),
        (.post, "/api/v1/alarms/alarm-001/reset", #"{"by":"Li"}"#, .operate),
        (.post, "/api/v1/quarantine/2/retry", "", .operate), (.get, "/api/v1/webhooks", "", .read),
        (.get, "/api/v1/deliveries/00000000-0000-7000-8000-000000000007", "", .read),
        (.post, "/api/v1/deliveries/replay", #"{"state":"dead"}"#, .operate),
        (.post, "/api/v1/webhooks/duty-held/enable", "", .operate),
        (.post, "/api/v1/webhooks/duty-held/test", "", .operate),
        (.get, "/api/v1/silences", "", .read), (.get, "/api/v1/drills", "", .read),
        (
            .post, "/api/v1/silences", #"{"devices":["h-1"],"until":"2h","by":"Li","reason":"repair"}"#, .operate
        ),
        (.post, "/api/v1/drills", #"{"devices":["p-1"],"until":"2h","by":"Li","reason":"drill"}"#, .operate),
    ]

    private static let callers: [(String?, Scope?)] = [
        (nil, nil), ("Bearer nonsense", nil), ("Basic reading-token", nil), ("Bearer", nil),
        ("Bearer reading-token operating-token", nil), ("Bearer reading-token", .read),
        ("bearer operating-token", .operate), ("Bearer ruling-token", .admin),
    ]

    @Test(arguments: doors.indices) func scopesOpenExactlyTheirRoutes(door: Int) async throws {
        let (method, path, body, needed) = Self.doors[door]
        for (authorization, scope) in Self.callers {
            let server = try server(.init(), .testing { $0.tokens = try? Tokens(parsing: tokensFile) })
            try await server.network.test(.router) { client in
                let response = try await client.execute(
                    uri: path, method: method, headers: authorization.map { [.authorization: $0] } ?? [:],
                    body: method == .post ? ByteBuffer(string: body) : nil)
                let expected: HTTPResponse.Status =
                    if let needed { scope.map { $0 >= needed ? .ok : .forbidden } ?? .unauthorized } else { .ok }
                #expect(response.status == expected, "\(method) \(path) as \(authorization ?? "nobody")")
                if expected == .unauthorized {
                    #expect(response.headers[.wwwAuthenticate]?.hasPrefix("Bearer realm=") == true)
                }
                if expected == .forbidden, let needed { #expect(response.text.contains("'\(needed.rawValue)'")) }
                #expect(!response.text.contains("reading-token"))
            }
        }
    }

    @Test(arguments: doors.indices) func withoutTokensLoopbackReadsAndNobodyChanges(door: Int) async throws {
        let (method, path, body, needed) = Self.doors[door]
        try await server().network.test(.router) { client in
            let response = try await client.execute(
                uri: path, method: method, body: method == .post ? ByteBuffer(string: body) : nil)
            #expect(response.status == (needed == .operate ? .forbidden : .ok))
            if needed == .operate { #expect(response.text.contains("http.tokens_file")) }
        }
    }

    @Test func withoutTokensNothingIsReadFromAfar() async throws {
        let settings = ServeSettings.testing {
            $0.host = "0.0.0.0"
            $0.names = ["localhost"]
        }
        try await server(.init(), settings).network.test(.router) { client in
            let read = try await client.execute(uri: "/api/v1/alarms", method: .get)
            #expect(read.status == .forbidden)
            let health = try await client.execute(uri: "/healthz", method: .get)
            #expect(health.status == .ok)
        }
    }

    @Test func tokensAreExchangedAtRunTime() async throws {
        let server = try server(.init(), .testing { $0.tokens = try? Tokens(parsing: tokensFile) })
        try await server.network.test(.router) { client in
            let headers: HTTPFields = [.authorization: "Bearer reading-token"]
            #expect(try await client.execute(uri: "/metrics", method: .get, headers: headers).status == .ok)
            server.replaceTokens(try Tokens(parsing: "other read \(hash)"))
            #expect(try await client.execute(uri: "/metrics", method: .get, headers: headers).status == .unauthorized)
        }
    }

    @Test func nameOfTheTokenIsKeptBesideTheDoer() async throws {
        let gateway = MemoryGateway()
        let server = try server(gateway, .testing { $0.tokens = try? Tokens(parsing: tokensFile) })
        try await server.network.test(.router) { client in
            let response = try await client.execute(
                uri: "/api/v1/alarms/alarm-001/acknowledge", method: .post,
                headers: [.authorization: "Bearer operating-token"], body: ByteBuffer(string: #"{"by":"王伟"}"#))
            #expect(try response.json["acknowledged_by"] == .string("王伟 (duty-room)"))
        }
    }

    @Test func socketForBothVersionsOfIPServesVersionFour() async throws {
        try await withServer(.init(), .testing { $0.host = "::" }) { _, port in
            for host in ["127.0.0.1:\(port)", "localhost"] {
                let answer = await (try RawClient(port: port)).exchange(
                    "GET /healthz HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
                #expect(status(answer) == 200, "\(host)")
            }
        }
    }

    @Test func foreignHostIsRefusedOnEveryRoute() async throws {
        try await withServer { _, port in
            for path in ["/", "/healthz", "/api/v1/alarms", "/nowhere"] {
                let client = try RawClient(port: port)
                let answer = await client.exchange(
                    "GET \(path) HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
                #expect(status(answer) == 421)
                #expect(answer.contains("urn:firesense:problem:unknown-host"))
            }
            let nameless = try RawClient(port: port)
            #expect(status(await nameless.exchange("GET /healthz HTTP/1.0\r\nConnection: close\r\n\r\n")) == 400)
            let own = try RawClient(port: port)
            #expect(
                status(
                    await own.exchange("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n\r\n"))
                    == 200)
        }
    }
}

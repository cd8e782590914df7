import FireModel
import Hummingbird
import HummingbirdTesting
import Testing

@testable import FireServe

/// Silences and drills over HTTP (contract 5).
@Suite struct SuppressionRouteTests {
    private let gateway = MemoryGateway()

    private func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: String? = nil
    ) async throws -> TestResponse {
        let server = try server(gateway, .testing { $0.controlSocketPath = "unused" })
        return try await #require(server.control).test(.router) {
            try await $0.execute(uri: path, method: method, body: body.map { ByteBuffer(string: $0) })
        }
    }

    @Test func silenceIsKeptListedAndEnded() async throws {
        let answer = try await send(
            .post, "/api/v1/silences",
            #"{"devices":["h-1"],"categories":["water"],"kind":"out_of_service","until":"2h","by":"王伟","reason":"检修"}"#)
        #expect(answer.status == .ok)
        let silence = try #require(gateway.state.withLock { $0.silences.first })
        #expect(silence.devices == ["h-1"])
        #expect(silence.categories == [.water])
        #expect(silence.kind == .outOfService)
        #expect(silence.until - silence.createdAt == 2 * 3_600_000)
        #expect(silence.by == "王伟")
        #expect(silence.reason == "检修")
        #expect(try answer.json["id"] == .string(silence.id))
        let list = try await send(.get, "/api/v1/silences").json
        #expect(list["items"].items.map { $0["id"] } == [.string(silence.id)])
        let end = try await send(.delete, "/api/v1/silences/\(silence.id)?by=Li")
        #expect(end.status == .ok)
        #expect(try end.json["ended_by"] == .string("Li"))
        #expect(gateway.state.withLock { $0.silences }.isEmpty)
        #expect(try await send(.delete, "/api/v1/silences/\(silence.id)").status == .notFound)
    }

    /// Of each, what is wrong is named.
    @Test(arguments: [
        (#"{"until":"2h","by":"Li","reason":"r"}"#, "at least one"),
        (#"{"devices":[],"rules":[],"until":"2h","by":"Li","reason":"r"}"#, "at least one"),
        (#"{"categories":["water","fire"],"until":"2h","by":"Li","reason":"r"}"#, "always told"),
        (#"{"categories":["system"],"until":"2h","by":"Li","reason":"r"}"#, "always told"),
        (#"{"categories":["wine"],"until":"2h","by":"Li","reason":"r"}"#, "categories"),
        (#"{"devices":"h-1","until":"2h","by":"Li","reason":"r"}"#, "devices"),
        (#"{"devices":["h 1"],"until":"2h","by":"Li","reason":"r"}"#, "devices"),
        (#"{"devices":["h-1"],"until":"721h","by":"Li","reason":"r"}"#, "until"),
        (#"{"devices":["h-1"],"until":"0s","by":"Li","reason":"r"}"#, "until"),
        (#"{"devices":["h-1"],"until":"2020-01-01T00:00:00Z","by":"Li","reason":"r"}"#, "until"),
        (#"{"devices":["h-1"],"until":"tomorrow","by":"Li","reason":"r"}"#, "until"),
        (#"{"devices":["h-1"],"by":"Li","reason":"r"}"#, "until"),
        (#"{"devices":["h-1"],"until":"2h","reason":"r"}"#, "by"),
        (#"{"devices":["h-1"],"until":"2h","by":"Li"}"#, "reason"),
        (#"{"devices":["h-1"],"until":"2h","by":"Li","reason":" "}"#, "reason"),
        (#"{"devices":["h-1"],"kind":"forever","until":"2h","by":"Li","reason":"r"}"#, "kind"),
    ])
    func unusableSilenceIsRefused(body: String, word: String) async throws {
        let answer = try await send(.post, "/api/v1/silences", body)
        #expect(answer.status == .badRequest)
        #expect(answer.text.contains(word), "\(answer.text)")
        #expect(gateway.state.withLock { $0.silences }.isEmpty)
    }

    @Test(arguments: [
        #"{"devices":["h-1"],"until":"720h","by":"Li","reason":"r"}"#,
        #"{"areas":["320102"],"until":"30d","by":"Li","reason":"r"}"#,
        #"{"components":["泵 1"],"until":"1s","by":"Li","reason":"r"}"#,
        #"{"rules":["event-fault"],"kinds":["panel"],"until":"90m","by":"Li","reason":"r"}"#,
    ])
    func usableSilenceIsTaken(body: String) async throws {
        #expect(try await send(.post, "/api/v1/silences", body).status == .ok)
    }

    @Test func refusalsOfTheWorkerAreTold() async throws {
        let body = #"{"devices":["h-1"],"until":"2h","by":"Li","reason":"r"}"#
        for _ in 0..<3 { #expect(try await send(.post, "/api/v1/silences", body).status == .ok) }
        #expect(try await send(.post, "/api/v1/silences", body).status == .conflict)
        gateway.state.withLock { $0.isWritable = false }
        #expect(try await send(.post, "/api/v1/drills", body).status == .serviceUnavailable)
        #expect(try await send(.delete, "/api/v1/drills/none").status == .serviceUnavailable)
    }

    @Test func drillIsKeptListedAndEnded() async throws {
        let answer = try await send(
            .post, "/api/v1/drills",
            #"{"devices":["p-1","p-2"],"components":["c-1"],"until":"8h","by":"Li","reason":"月度演练"}"#)
        #expect(answer.status == .ok)
        let drill = try #require(gateway.state.withLock { $0.drills.first })
        #expect(drill.devices == ["p-1", "p-2"])
        #expect(drill.components == ["c-1"])
        #expect(try await send(.get, "/api/v1/drills").json["items"].items.count == 1)
        #expect(try await send(.delete, "/api/v1/drills/\(drill.id.uppercased())").status == .ok)
        #expect(gateway.state.withLock { $0.drills }.isEmpty)
    }

    @Test(arguments: [
        (#"{"until":"2h","by":"Li","reason":"r"}"#, "devices"),
        (#"{"devices":[],"until":"2h","by":"Li","reason":"r"}"#, "devices"),
        (#"{"site":"school","until":"2h","by":"Li","reason":"r"}"#, "site"),
        (#"{"devices":["p-1"],"until":"481m","by":"Li","reason":"r"}"#, "until"),
    ])
    func unusableDrillIsRefused(body: String, word: String) async throws {
        let answer = try await send(.post, "/api/v1/drills", body)
        #expect(answer.status == .badRequest)
        #expect(answer.text.contains(word))
        #expect(gateway.state.withLock { $0.drills }.isEmpty)
    }
}

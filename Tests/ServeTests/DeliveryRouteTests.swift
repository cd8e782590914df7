import FireModel
import Hummingbird
import HummingbirdTesting
import Testing

@testable import FireServe

/// The ledger and the endpoints over HTTP, by the control socket, which may do everything.
@Suite struct DeliveryRouteTests {
    private func ask(
        _ method: HTTPRequest.Method, _ uri: String, _ body: String? = nil, _ gateway: MemoryGateway = .init()
    ) async throws -> TestResponse {
        let server = try server(gateway, .testing { $0.controlSocketPath = "unused" })
        return try await #require(server.control).test(.router) { client in
            try await client.execute(uri: uri, method: method, body: body.map { ByteBuffer(string: $0) })
        }
    }

    @Test func replayMeansWhatIsGiven() async throws {
        let gateway = MemoryGateway()
        gateway.state.withLock { $0.endpoints.append($0.endpoints[0]) }
        let body = #"{"ids":["a","b"],"endpoint":"duty-well","from":"2026-11-23T10:00:00Z","to":"-1h","state":"dead"}"#
        let answer = try await ask(.post, "/api/v1/deliveries/replay", body, gateway)
        #expect(answer.status == .ok, "\(answer.text)")
        #expect(try answer.json["unknown"] == .number(2))
        let selection = try #require(gateway.state.withLock { $0.replays.last })
        #expect(selection.ids == ["a", "b"])
        #expect(selection.filter.endpoint == "duty-well")
        #expect(selection.filter.state == .dead)
        #expect(selection.filter.range.from?.rfc3339 == "2026-11-23T10:00:00.000Z")
        #expect(selection.filter.range.to != nil)
        #expect(selection.filter.alarm == nil)
    }

    @Test func replayTellsWhatWasMarkedAndWhatWasLeft() async throws {
        let answer = try await ask(.post, "/api/v1/deliveries/replay", #"{"from":0}"#)
        #expect(
            answer.text
                == #"{"replayed":3,"still_pending":1,"endpoint_not_configured":0,"snapshot_not_kept":0,"unknown":0}"#)
    }

    @Test(arguments: [
        ("{}", "at least one of ids, endpoint, from, to, state"), (#"{"ids":[]}"#, "1 to 1000"),
        (#"{"ids":"a"}"#, "a list"), (#"{"ids":["a/b"]}"#, "a list"),
        (#"{"state":"lost"}"#, "pending, delivered, dead"),
        (#"{"from":"yesterday"}"#, "-24h"), (#"{"from":1795429200}"#, "milliseconds"),
        (#"{"from":1.5}"#, "milliseconds"),
        (#"{"from":"-1h","to":"-2h"}"#, "not before"), (#"{"alarm":"x"}"#, "known are: ids"),
        (#"{"endpoint":"duty-wel"}"#, "Did you mean duty-well?"),
        (#"{"endpoint":"duty-wel"}"#, "duty-failing, duty-held"),
    ])
    func unusableReplayIsRefusedAndExplained(body: String, hint: String) async throws {
        let gateway = MemoryGateway()
        let answer = try await ask(.post, "/api/v1/deliveries/replay", body, gateway)
        #expect(answer.status == .badRequest)
        #expect(try answer.json["type"] == .string("urn:firesense:problem:invalid-body"))
        #expect(answer.text.contains(hint), "\(answer.text)")
        #expect(gateway.state.withLock { $0.replays }.isEmpty)
    }

    @Test func atMostAThousandIDsAreTaken() async throws {
        for (count, status) in [(1000, HTTPResponse.Status.ok), (1001, .badRequest)] {
            let ids = (0..<count).map { #""00000000-0000-7000-8000-\#($0 + 100_000_000_000)""# }.joined(separator: ",")
            let answer = try await ask(.post, "/api/v1/deliveries/replay", #"{"ids":["# + ids + "]}")
            #expect(answer.status == status)
        }
    }

    @Test func replayWithoutAStoreSaysSo() async throws {
        let gateway = MemoryGateway()
        gateway.state.withLock { $0.isWritable = false }
        let answer = try await ask(.post, "/api/v1/deliveries/replay", #"{"state":"dead"}"#, gateway)
        #expect(answer.status == .serviceUnavailable)
    }

    @Test func oneDeliveryIsShownWithWhatItTells() async throws {
        let id = Sample.deliveries[0].id
        let answer = try await ask(.get, "/api/v1/deliveries/\(id)")
        #expect(try answer.json["data"]["id"] == .string(Sample.alarms[3].id))
        #expect(answer.text.contains("\"data\":" + Sample.alarms[3].json), "byte by byte")
        #expect(try answer.json["attempts"].items.count == 2)
        #expect(try await ask(.get, "/api/v1/deliveries/none").status == .notFound)
    }

    @Test func listIsFiltered() async throws {
        for (query, count) in [
            ("endpoint=duty-room", 4), ("endpoint=city", 0), ("alarm=alarm-003&state=dead", 1), ("alarm=alarm-004", 0),
            ("to=2020-01-01T00:00:00Z", 0), ("from=2020-01-01T00:00:00Z", 4),
        ] {
            let items = try await ask(.get, "/api/v1/deliveries?\(query)").json["items"].items
            #expect(items.count == count, "\(query)")
        }
    }

    @Test func endpointsAreListedPageByPageWithoutTheirSecrets() async throws {
        var names: [String?] = []
        var cursor = ""
        repeat {
            let answer = try await ask(.get, "/api/v1/webhooks?limit=1\(cursor)")
            #expect(!answer.text.contains("secret-path"))
            names += try answer.json["items"].items.map { $0["name"].string }
            cursor = try answer.json["next"].string.map { "&cursor=\($0)" } ?? ""
        } while !cursor.isEmpty && names.count < 9
        #expect(names == ["duty-failing", "duty-held", "duty-well"])
    }

    @Test func enableAndTestActOnTheEndpointOfThatName() async throws {
        let gateway = MemoryGateway()
        let test = try await ask(.post, "/api/v1/webhooks/duty-held/test", nil, gateway)
        #expect(test.status == .ok, "what came back is the answer, also a refusal")
        #expect(try test.json["accepted"] == .boolean(false))
        #expect(try test.json["status"] == .number(410))
        let enabled = try await ask(.post, "/api/v1/webhooks/duty-held/enable", nil, gateway)
        #expect(try enabled.json["state"] == .string("well"))
        for act in ["enable", "test"] {
            let unknown = try await ask(.post, "/api/v1/webhooks/duty-holt/\(act)", nil, gateway)
            #expect(unknown.status == .notFound)
            #expect(unknown.text.contains("Did you mean duty-held?"))
        }
    }
}

import FireModel
import Foundation
import Hummingbird
import HummingbirdTesting
import Testing

@testable import FireServe

@Suite struct OpenAPITests {
    private func document(_ client: any TestClientProtocol) async throws -> JSON {
        let response = try await client.execute(uri: "/openapi.json", method: .get)
        #expect(response.status == .ok)
        return try response.json
    }

    @Test func everyRouteIsDescribedAndNothingElse() async throws {
        try await server().network.test(.router) { client in
            let paths = try await document(client)["paths"].members
            let described = paths.flatMap { path, methods in methods.members.keys.map { "\($0) \(path)" } }
            let routes = apiRoutes(MemoryGateway().gateway, limits: ServeLimits())
            #expect(Set(described) == Set(routes.map { "\($0.method.rawValue.lowercased()) \($0.path)" }))
            #expect(described.count == routes.count)
        }
    }

    @Test func operationsHaveDistinctNamesAndTheirScope() async throws {
        try await server().network.test(.router) { client in
            let operations = try await document(client)["paths"].members.values.flatMap { $0.members.values }
            #expect(Set(operations.map { $0["operationId"].string }).count == operations.count)
            for operation in operations {
                #expect(operation["summary"].string?.isEmpty == false)
                #expect(operation["responses"]["200"] != .null)
                let isOpen = operation["security"].items.isEmpty
                #expect(isOpen == (operation["responses"]["401"] == .null))
            }
        }
    }

    /// A request for every route with a JSON answer, and the problems they give.
    @Test(arguments: [
        (HTTPRequest.Method.get, "/healthz", "/healthz", ""), (.get, "/readyz", "/readyz", ""),
        (.get, "/api/v1/stats", "/api/v1/stats", ""), (.get, "/api/v1/kinds", "/api/v1/kinds", ""),
        (.get, "/api/v1/devices", "/api/v1/devices?limit=20", ""),
        (.get, "/api/v1/devices/{id}", "/api/v1/devices/hydrant-000000", ""),
        (.get, "/api/v1/devices/{id}", "/api/v1/devices/nobody", ""),
        (.get, "/api/v1/readings", "/api/v1/readings?device=hydrant-000007&metric=pressure", ""),
        (.get, "/api/v1/readings", "/api/v1/readings?device=hydrant-000007", ""),
        (.get, "/api/v1/readings", "/api/v1/readings?metric=pressure&kind=hydrant", ""),
        (.get, "/api/v1/readings/latest", "/api/v1/readings/latest?metric=pressure", ""),
        (.get, "/api/v1/export", "/api/v1/export", ""), (.get, "/api/v1/alarms", "/api/v1/alarms?limit=30", ""),
        (.get, "/api/v1/alarms/{id}", "/api/v1/alarms/alarm-003", ""),
        (.get, "/api/v1/alarms/{id}", "/api/v1/alarms/none", ""),
        (.post, "/api/v1/alarms/{id}/acknowledge", "/api/v1/alarms/alarm-001/acknowledge", #"{"by":"Li"}"#),
        (.post, "/api/v1/alarms/{id}/verdict", "/api/v1/alarms/alarm-001/verdict", #"{"by":"Li","verdict":"test"}"#),
        (.post, "/api/v1/alarms/{id}/verdict", "/api/v1/alarms/alarm-003/verdict", #"{"by":"Li","verdict":"test"}"#),
        (.post, "/api/v1/alarms/{id}/reset", "/api/v1/alarms/alarm-001/reset", #"{"by":"Li","force":false}"#),
        (.post, "/api/v1/alarms/{id}/reset", "/api/v1/alarms/alarm-001/reset", #"{"by":7}"#),
        (.get, "/api/v1/rules/report", "/api/v1/rules/report?by=device&operators=2", ""),
        (.get, "/api/v1/rules/report", "/api/v1/rules/report?operators=0", ""),
        (.get, "/api/v1/silences", "/api/v1/silences", ""),
        (
            .post, "/api/v1/silences", "/api/v1/silences",
            #"{"devices":["h-1"],"categories":["water"],"until":"2h","by":"Li","reason":"repair"}"#
        ),
        (.post, "/api/v1/silences", "/api/v1/silences", #"{"until":"2h","by":"Li","reason":"repair"}"#),
        (.delete, "/api/v1/silences/{id}", "/api/v1/silences/none?by=Li", ""),
        (.get, "/api/v1/drills", "/api/v1/drills", ""),
        (.post, "/api/v1/drills", "/api/v1/drills", #"{"devices":["p-1"],"until":"8h","by":"Li","reason":"drill"}"#),
        (.post, "/api/v1/drills", "/api/v1/drills", #"{"site":"school","until":"8h","by":"Li","reason":"drill"}"#),
        (.delete, "/api/v1/drills/{id}", "/api/v1/drills/none", ""),
        (.get, "/api/v1/deliveries", "/api/v1/deliveries?endpoint=duty-room&alarm=alarm-003&from=-24h", ""),
        (.get, "/api/v1/deliveries/{id}", "/api/v1/deliveries/00000000-0000-7000-8000-000000000007", ""),
        (.get, "/api/v1/deliveries/{id}", "/api/v1/deliveries/00000000-0000-7000-8000-000000000009", ""),
        (.get, "/api/v1/deliveries/{id}", "/api/v1/deliveries/none", ""),
        (.post, "/api/v1/deliveries/replay", "/api/v1/deliveries/replay", #"{"state":"dead","from":"-24h","to":1}"#),
        (.post, "/api/v1/deliveries/replay", "/api/v1/deliveries/replay", #"{"state":"dead","from":"-24h"}"#),
        (.post, "/api/v1/deliveries/replay", "/api/v1/deliveries/replay", #"{"ids":["a"],"from":1795428000000}"#),
        (.get, "/api/v1/webhooks", "/api/v1/webhooks", ""), (.get, "/api/v1/webhooks", "/api/v1/webhooks?limit=1", ""),
        (.post, "/api/v1/webhooks/{id}/enable", "/api/v1/webhooks/duty-held/enable", ""),
        (.post, "/api/v1/webhooks/{id}/enable", "/api/v1/webhooks/duty-hold/enable", ""),
        (.post, "/api/v1/webhooks/{id}/test", "/api/v1/webhooks/duty-held/test", ""),
        (.post, "/api/v1/webhooks/{id}/test", "/api/v1/webhooks/duty-well/test", ""),
        (.get, "/api/v1/quarantine", "/api/v1/quarantine", ""),
        (.post, "/api/v1/quarantine/{id}/retry", "/api/v1/quarantine/2/retry", ""),
        (.post, "/api/v1/quarantine/{id}/retry", "/api/v1/quarantine/1/retry", ""),
        (.post, "/api/v1/readings/import", "/api/v1/readings/import?format=csv", "a\nb\n"),
        (.post, "/api/v1/readings/import", "/api/v1/readings/import?format=line", "a\n!b\n"),
        (.post, "/api/v1/readings/import", "/api/v1/readings/import?format=line&keep_going=true&dry_run=true", "!b\n"),
        (.post, "/api/v1/readings/import", "/api/v1/readings/import?format=json", "a"),
    ])
    func answersAreAsDescribed(method: HTTPRequest.Method, path: String, uri: String, body: String) async throws {
        let server = try server(.init(), .testing { $0.controlSocketPath = "unused" })
        try await #require(server.control).test(.router) { client in
            let document = try await document(client)
            let operation = document["paths"][path][method.rawValue.lowercased()]
            let response = try await client.execute(
                uri: uri, method: method, body: method == .post ? ByteBuffer(string: body) : nil)
            let described = operation["responses"][String(response.status.code)]
            let type = try #require(response.headers[.contentType]).prefix { $0 != ";" }
            let schema = described["content"][String(type)]["schema"]
            #expect(schema != .null, "\(method) \(path) \(response.status) \(type) is not described")
            let faults = SchemaCheck(document: document).faults(try response.json, schema)
            #expect(faults.isEmpty, "\(faults.prefix(5))")
            if !body.isEmpty, response.status == .ok, operation["requestBody"]["content"]["application/json"] != .null {
                let given = try JSONDecoder().decode(JSON.self, from: Data(body.utf8))
                let expected = operation["requestBody"]["content"]["application/json"]["schema"]
                #expect(SchemaCheck(document: document).faults(given, expected).isEmpty)
            }
        }
    }

    @Test(arguments: [["store: disk full"], []], [["running on the last accepted configuration"], []])
    func readinessIsAsDescribed(reasons: [String], warnings: [String]) async throws {
        let gateway = MemoryGateway()
        gateway.state.withLock { $0.readiness = Readiness(reasons: reasons, warnings: warnings) }
        try await server(gateway).network.test(.router) { client in
            let document = try await document(client)
            let response = try await client.execute(uri: "/readyz", method: .get)
            #expect(response.status == (reasons.isEmpty ? .ok : .serviceUnavailable))
            let described = document["paths"]["/readyz"]["get"]["responses"][String(response.status.code)]
            let schema = described["content"]["application/json"]["schema"]
            #expect(schema != .null)
            #expect(SchemaCheck(document: document).faults(try response.json, schema) == [])
            #expect(try response.json["warnings"].items.count == warnings.count)
        }
    }

    @Test(arguments: ["/metrics", "/api/v1/export?format=csv", "/api/v1/export?format=line"])
    func textIsOfADescribedType(uri: String) async throws {
        try await server().network.test(.router) { client in
            let path = String(uri.prefix { $0 != "?" })
            let content = try await document(client)["paths"][path]["get"]["responses"]["200"]["content"].members
            let type = try #require(try await client.execute(uri: uri, method: .get).headers[.contentType])
            #expect(content[String(type.prefix { $0 != ";" })]?["schema"]["type"] == .string("string"), "\(type)")
        }
    }

    @Test func validatorNoticesWhatIsWrong() throws {
        func json(_ text: String) throws -> JSON { try JSONDecoder().decode(JSON.self, from: Data(text.utf8)) }
        let document = try json(OpenAPI.describe(apiRoutes(MemoryGateway().gateway, limits: ServeLimits())))
        let check = SchemaCheck(document: document)
        let alarm = try json(##"{"$ref":"#/components/schemas/Alarm"}"##)
        let good = try json(Sample.alarms[10].json)
        #expect(check.faults(good, alarm).isEmpty)
        for (name, wrong) in [
            ("state", JSON.string("burning")), ("acknowledged", .number(1)), ("revision", .number(0)),
            ("raised_at", .string("2026-11-23T10:20:00Z")), ("title", .object([:])), ("limit", .string("0.1")),
        ] {
            var members = good.members
            members[name] = wrong
            #expect(!check.faults(.object(members), alarm).isEmpty, "\(name)")
            members[name] = nil
            #expect(!check.faults(.object(members), alarm).isEmpty, "\(name) missing")
        }
        #expect(!check.faults(.object(good.members.merging(["extra": .null]) { $1 }), alarm).isEmpty)
    }
}

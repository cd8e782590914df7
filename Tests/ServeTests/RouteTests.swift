import FireModel
import Hummingbird
import HummingbirdTesting
import Testing

@testable import FireServe

@Suite struct RouteTests {
    private func get(_ path: String, _ gateway: MemoryGateway = MemoryGateway()) async throws -> TestResponse {
        try await server(gateway).network.test(.router) { try await $0.execute(uri: path, method: .get) }
    }

    @Test func readyzTellsTheReasons() async throws {
        let gateway = MemoryGateway()
        #expect(try await get("/readyz", gateway).text == #"{"ready":true}"#)
        gateway.state.withLock { $0.readiness = Readiness(reasons: ["urgent session: not connected"]) }
        let response = try await get("/readyz", gateway)
        #expect(response.status == .serviceUnavailable)
        #expect(response.text == #"{"ready":false,"reasons":["urgent session: not connected"]}"#)
        #expect(try await get("/healthz", gateway).status == .ok)
    }

    @Test func metricsAreAPrometheusPage() async throws {
        let response = try await get("/metrics")
        #expect(response.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(response.text.contains("# TYPE firesense_http_requests_total counter"))
    }

    @Test func statsHaveTheNamesOfTheContractInOrder() async throws {
        let gateway = MemoryGateway()
        gateway.state.withLock {
            $0.stats.messagesReceived = 7
            $0.stats.ring = [.urgent: .init(capacity: 8, depth: 1, highWater: 2)]
            $0.stats.store = StoreFigures(bytes: 4096, series: 5, readings: 6)
        }
        #expect(
            try await get("/api/v1/stats", gateway).text
                == #"{"messages_received":7,"messages_acknowledged":0,"messages_duplicate":0,"messages_quarantined":0,"#
                + #""readings_stored":0,"readings_duplicate":0,"readings_conflicting":0,"alarms_raised":0,"#
                + #""alarms_cleared":0,"deliveries_pending":0,"deliveries_delivered":0,"deliveries_failed":0,"#
                + #""ring":{"urgent":{"capacity":8,"depth":1,"high_water":2},"#
                + #""bulk":{"capacity":0,"depth":0,"high_water":0}},"#
                + #""store":{"bytes":4096,"series":5,"readings":6}}"#)
    }

    @Test(arguments: ["/api/v1/alarms?limit=100", "/api/v1/devices?limit=100", "/api/v1/kinds?limit=1"])
    func pagesFollowEachOtherToTheEnd(path: String) async throws {
        let gateway = MemoryGateway()
        var cursor: String?
        var seen: [JSON] = []
        repeat {
            let json = try await get(path + (cursor.map { "&cursor=\($0)" } ?? ""), gateway).json
            #expect(!json["items"].items.isEmpty)
            seen += json["items"].items
            cursor = json["next"].string
        } while cursor != nil
        #expect(seen.count == (path.contains("kinds") ? 2 : 250))
        #expect(Set(seen.map { $0["id"].string ?? $0["name"].string }).count == seen.count)
    }

    @Test(arguments: [("devices", 20), ("alarms", 100)])
    func pageIsBoundedInBytesAndTheNextGoesOn(list: String, step: Int) async throws {
        let server = try server(.init(), .testing { $0.limits.page = 1 })
        try await server.network.test(.router) { client in
            var cursor: String?
            var sizes: [Int] = []
            repeat {
                let uri = "/api/v1/\(list)?limit=1000" + (cursor.map { "&cursor=\($0)" } ?? "")
                let page = try await client.execute(uri: uri, method: .get).json
                sizes.append(page["items"].items.count)
                cursor = page["next"].string
            } while cursor != nil
            #expect(sizes.first == step, "what is read at once, and no more")
            #expect(sizes.dropLast().allSatisfy { $0 == step })
            #expect(sizes.reduce(0, +) == 250)
            // Where the limit is less than that, it holds.
            let short = try await client.execute(uri: "/api/v1/\(list)?limit=7", method: .get).json
            #expect(short["items"].items.count == 7)
            #expect(short["next"] != .null)
        }
    }

    @Test func emptyListIsOne() async throws {
        #expect(try await get("/api/v1/alarms?kind=charger").text == #"{"items":[],"next":null}"#)
    }

    @Test func hundredItemsMakeAPageWhenNotToldOtherwise() async throws {
        #expect(try await get("/api/v1/alarms").json["items"].items.count == 100)
    }

    @Test(arguments: [
        ("state=cleared", 25), ("state=active&severity=critical", 1), ("category=fire", 1), ("acknowledged=true", 0),
        ("acknowledged=false&verdict=false_alarm", 25), ("kind=smoke", 0), ("area=320102&device=hydrant-000007", 100),
        ("from=-1h&to=2026-11-23T10:20:10Z", 10), ("from=\(Sample.start.milliseconds)&to=-3590s", 10),
        ("from=2026-11-23T18:20:00+08:00&to=2026-11-23T18:20:05%2B08:00", 5),
    ])
    func alarmsAreFiltered(query: String, count: Int) async throws {
        #expect(try await get("/api/v1/alarms?\(query)").json["items"].items.count == count)
    }

    @Test func alarmIsTheObjectOfTheContract() async throws {
        let gateway = MemoryGateway()
        let page = try await get("/api/v1/alarms?category=fire", gateway)
        #expect(page.text == #"{"items":["# + Sample.alarms[3].json + #"],"next":null}"#)
        let one = try await get("/api/v1/alarms/alarm-003", gateway).json
        #expect(one["id"] == .string("alarm-003"))
        #expect(one["history"][0]["change"] == .string("raised"))
        #expect(one["history"][0]["alarm"]["id"] == .string("alarm-003"))
    }

    @Test func deviceShowsItsLatestValuesWithUnits() async throws {
        let device = try await get("/api/v1/devices/hydrant-000000").json
        #expect(device["latest"][0]["unit"] == .string("MPa"))
        #expect(device["latest"][1]["quality"] == .array([.string("clock"), .string("retained")]))
        #expect(device["online"] == .null)
        #expect(
            try await get("/api/v1/devices?state=online").json["items"].items.allSatisfy {
                $0["online"] == .boolean(true)
            })
        #expect(try await get("/api/v1/devices/nobody").status == .notFound)
    }

    @Test func pointsArePairsOfMillisecondsAndValue() async throws {
        let path = "/api/v1/readings?device=hydrant-000007&metric=pressure"
        let response = try await get(path + "&from=\(Sample.start.milliseconds)&to=\(Sample.start.milliseconds + 2000)")
        #expect(
            response.text
                == #"{"unit":"MPa","points":[[1795429200000,0.3],[1795429201000,0.3]],"next":null}"#)
        #expect(try await get(path + "&step=1m&fn=count").json["points"][0][1] == .number(60))
        #expect(try await get(path + "&component=x").status == .notFound)
        #expect(try await get("/api/v1/readings?device=nobody&metric=pressure").status == .notFound)
    }

    @Test func cutSeriesSaysWhereItGoesOn() async throws {
        let gateway = MemoryGateway()
        let count = 100_002
        gateway.state.withLock {
            $0.points["d//m"] = (
                nil, (0..<count).map { Point(at: Timestamp(milliseconds: Int64($0)), value: .boolean(true)) }
            )
        }
        let first = try await get("/api/v1/readings?device=d&metric=m", gateway).text
        #expect(first.hasSuffix(#"[99999,true]],"next":100000}"#))
        let rest = try await get("/api/v1/readings?device=d&metric=m&from=100000", gateway).text
        #expect(rest == #"{"unit":null,"points":[[100000,true],[100001,true]],"next":null}"#)
    }

    @Test func deliveriesAndQuarantineAreListed() async throws {
        let pending = try await get("/api/v1/deliveries?state=pending").json["items"]
        #expect(pending.items.count == 1)
        #expect(pending[0]["attempts"][1]["status"] == .number(503))
        #expect(pending[0]["attempt_count"] == .number(77), "all of them, although the last only are listed")
        let item = try await get("/api/v1/quarantine").json["items"][0]
        #expect(item["payload_base64"] == .string("AP97"))
        #expect(item["reason"] == .string("not JSON"))
    }

    @Test(arguments: [
        ("/api/v1/alarms?colour=red", "colour"), ("/api/v1/alarms?state=activ", "active, cleared"),
        ("/api/v1/alarms?limit=0", "1 to 1000"), ("/api/v1/alarms?limit=1001", "1 to 1000"),
        ("/api/v1/alarms?limit=+5", "1 to 1000"), ("/api/v1/alarms?limit=", "1 to 1000"),
        ("/api/v1/alarms?limit=1&limit=2", "twice"), ("/api/v1/alarms?cursor=nonsense", "cursor"),
        ("/api/v1/alarms?from=yesterday", "-24h"), ("/api/v1/alarms?from=1795429200", "milliseconds"),
        ("/api/v1/alarms?from=-1h&to=-2h", "later"), ("/api/v1/alarms?acknowledged=1", "true or false"),
        ("/api/v1/alarms?device=%FF", "UTF-8"), ("/api/v1/alarms?device=%4", "UTF-8"),
        ("/api/v1/alarms?device=a%00b", "0-9A-Za-z"), ("/api/v1/alarms?category=arson", "pre_alarm"),
        ("/api/v1/alarms?severity=high", "critical"), ("/api/v1/alarms?verdict=true", "true_fire"),
        ("/api/v1/devices?area=a/b", "0-9A-Za-z"), ("/api/v1/deliveries?state=lost", "dead"),
        ("/api/v1/readings?device=d", "'metric' is missing"),
        ("/api/v1/readings?device=d&metric=m&step=5", "duration"),
        ("/api/v1/readings?device=d&metric=m&step=1ms", "duration"),
        ("/api/v1/readings?device=d&metric=m&step=5m&fn=median", "avg, min, max, last, first, sum, count"),
        ("/api/v1/readings?device=d&metric=m&fn=avg", "step"), ("/api/v1/export", "'format' is missing"),
        ("/api/v1/export?format=xml", "csv, line"), ("/healthz?x=1", "known are: none"),
        ("/api/v1/kinds?cursor=-1", "cursor"),
    ])
    func unusableParameterIsRefusedAndExplained(path: String, hint: String) async throws {
        let response = try await get(path)
        #expect(response.status == .badRequest)
        #expect(response.headers[.contentType] == "application/problem+json")
        #expect(try response.json["type"] == .string("urn:firesense:problem:invalid-parameter"))
        #expect(try response.json["detail"].string?.contains(hint) == true, "\(response.text)")
    }

    @Test(arguments: [
        "/api/v2/alarms", "/api/v1/stream", "/api/v1", "/nothing/at/all", "/api/v1/alarms/a/b/c/d", "/..%2fetc/passwd",
        "/../../etc/passwd", "/api/v1/%61larms", "/%00", "/API/V1/ALARMS",
    ])
    func unknownPathIsAProblem(path: String) async throws {
        let response = try await get(path)
        #expect(response.status == .notFound)
        #expect(response.headers[.contentType] == "application/problem+json")
        #expect(try response.json["type"] == .string("about:blank"))
    }

    @Test(arguments: [
        (HTTPRequest.Method.delete, "/api/v1/alarms", "GET, HEAD"), (.put, "/healthz", "GET, HEAD"),
        (.get, "/api/v1/alarms/x/reset", "POST"), (.options, "/api/v1/alarms", "GET, HEAD"),
    ])
    func wrongMethodNamesTheRightOnes(method: HTTPRequest.Method, path: String, allowed: String) async throws {
        try await server().network.test(.router) {
            let response = try await $0.execute(uri: path, method: method)
            #expect(response.status == .methodNotAllowed)
            #expect(response.headers[.allow] == allowed)
            #expect(try response.json["status"] == .number(405))
        }
    }

    @Test func headAnswersWithoutABody() async throws {
        try await server().network.test(.router) { client in
            for path in ["/healthz", "/api/v1/export?format=csv", "/api/v1/alarms?limit=0"] {
                let response = try await client.execute(uri: path, method: .head)
                #expect(response.status == (path.hasSuffix("limit=0") ? .badRequest : .ok))
                #expect(response.body.readableBytes == 0)
            }
        }
    }

    @Test func unexpectedErrorTellsNothingOfTheInside() async throws {
        struct Inside: Error { var secret = "/var/lib/firesense/firesense.sqlite is malformed" }
        let gateway = MemoryGateway()
        gateway.state.withLock { $0.failure = Inside() }
        let response = try await get("/api/v1/alarms", gateway)
        #expect(response.status == .internalServerError)
        #expect(!response.text.contains("sqlite"))
        gateway.state.withLock { $0.failure = TemporarilyUnavailable(reason: "The store is being opened.") }
        let later = try await get("/api/v1/alarms", gateway)
        #expect(later.status == .serviceUnavailable)
        #expect(later.headers[.retryAfter] == "5")
        #expect(later.text.contains("being opened"))
    }

    @Test func answersAreMarkedAgainstSniffingAndCaching() async throws {
        for path in ["/api/v1/alarms", "/nowhere"] {
            let response = try await get(path)
            #expect(response.headers[.xContentTypeOptions] == "nosniff")
            #expect(response.headers[.cacheControl] == "no-store")
        }
    }
}

import FireModel
import Hummingbird
import HummingbirdTesting
import Testing

@testable import FireServe

@Suite struct ManySeriesRouteTests {
    private func get(_ path: String, _ gateway: MemoryGateway = MemoryGateway()) async throws -> TestResponse {
        try await server(gateway).network.test(.router) { try await $0.execute(uri: path, method: .get) }
    }

    @Test func manySeriesAreAPageOfGroups() async throws {
        let response = try await get("/api/v1/readings?metric=pressure&kind=hydrant&limit=3")
        let start = Sample.start.milliseconds
        let item = { (number: Int, component: String, next: String) in
            #"{"device":"hydrant-00000\#(number)","kind":"hydrant","area":"320102","component":\#(component),"#
                + #""metric":"pressure","unit":"MPa","series":1,"points":[[\#(start),0.25]],"next":\#(next)}"#
        }
        #expect(
            response.text == #"{"items":["# + item(0, "null", "null") + "," + item(1, #""c""#, "null") + ","
                + item(2, "null", "\(Sample.now.milliseconds)") + #"],"next":"3"}"#)
    }

    @Test(arguments: [
        "metric=m", "metric=m&device=a,b", "metric=m&device=a&device=b", "metric=m&device=a&by=device",
        "metric=m&device=a&kind=hydrant", "metric=m&device=a&limit=5", "metric=m&area=320102&step=5m&fn=max&by=area",
    ])
    func whatIsNotOneDeviceAsksForMany(query: String) async throws {
        let gateway = MemoryGateway()
        #expect(try await get("/api/v1/readings?\(query)", gateway).json["items"].items.isEmpty == false)
        #expect(gateway.state.withLock { $0.asked.count } == 1)
    }

    @Test func theQuestionArrivesAsItWasPut() async throws {
        let gateway = MemoryGateway()
        _ = try await get(
            "/api/v1/readings?metric=m&device=a,b&device=c&component=&kind=k&area=x&from=1795429200000&to=-1s&step=5m"
                + "&fn=max&by=kind&limit=7&cursor=14", gateway)
        var expected = SeriesQuery(SeriesFilter())
        expected.filter.metric = "m"
        expected.filter.devices = ["a", "b", "c"]
        expected.filter.component = ""
        expected.filter.kind = "k"
        expected.filter.area = "x"
        expected.range = TimeRange(from: Sample.start, to: Sample.now + -1000)
        expected.step = .seconds(300)
        expected.function = .max
        expected.grouping = .kind
        expected.limit = 7
        expected.cursor = "14"
        #expect(gateway.state.withLock { $0.asked } == [expected])
        _ = try await get("/api/v1/readings/latest?device=a&component=c&kind=k&area=x", gateway)
        expected.filter.metric = nil
        expected.filter.devices = ["a"]
        expected.filter.component = "c"
        #expect(gateway.state.withLock { $0.filters } == [expected.filter])
    }

    @Test func oneDeviceIsOneSeriesAsEver() async throws {
        let gateway = MemoryGateway()
        let path = "/api/v1/readings?device=hydrant-000007&metric=pressure&component="
        #expect(try await get(path, gateway).json["points"].items.count == 300)
        #expect(gateway.state.withLock { $0.asked.isEmpty })
    }

    @Test func newestValuesComeInOnePage() async throws {
        let gateway = MemoryGateway()
        let first = try await get("/api/v1/readings/latest?limit=2", gateway)
        let item = { (number: Int, quality: String) in
            #"{"device":"hydrant-00000\#(number)","kind":"hydrant","area":"320102","component":null,"#
                + #""metric":"pressure","value":0.3,"unit":"MPa","at":"2026-11-23T11:20:00.000Z","quality":[\#(quality)]}"#
        }
        #expect(
            first.text == #"{"items":["# + item(0, "") + "," + item(1, #""clock""#) + #"],"next":"2"}"#)
        #expect(try await get("/api/v1/readings/latest", gateway).json["items"].items.count == 100)
        gateway.state.withLock { $0.latest = 20_500 }
        let page = try await get("/api/v1/readings/latest?limit=20000", gateway).json
        #expect(page["items"].items.count == 20_000)
        #expect(page["next"] == .string("20000"))
        let short = try await server(gateway, .testing { $0.limits.latestPage = 1 }).network.test(.router) {
            try await $0.execute(uri: "/api/v1/readings/latest?limit=20000", method: .get)
        }
        #expect(try short.json["items"].items.count == 2000, "bounded in bytes")
    }

    @Test(arguments: [
        ("/api/v1/readings?metric=m&by=colour", "device, area, kind"),
        ("/api/v1/readings?metric=m&by=area", "needs a 'step'"), ("/api/v1/readings?kind=k", "'metric' is missing"),
        ("/api/v1/readings?metric=m&device=a,,b", "commas"),
        ("/api/v1/readings?metric=m&device=a&device=%2F", "commas"),
        ("/api/v1/readings?metric=m&fn=avg", "step"), ("/api/v1/readings?metric=m&limit=1001", "1 to 1000"),
        ("/api/v1/readings?metric=m&cursor=x", "cursor"), ("/api/v1/readings?metric=m&kind=a&kind=b", "twice"),
        ("/api/v1/readings/latest?limit=20001", "1 to 20000"), ("/api/v1/readings/latest?cursor=x", "cursor"),
        ("/api/v1/readings/latest?step=5m", "not known"),
    ])
    func unusableQuestionIsRefusedAndExplained(path: String, hint: String) async throws {
        let response = try await get(path)
        #expect(response.status == .badRequest)
        #expect(try response.json["detail"].string?.contains(hint) == true, "\(response.text)")
    }

    @Test func whatIsTooMuchSaysHowToNarrowIt() async throws {
        let gateway = MemoryGateway()
        gateway.state.withLock { $0.failure = UnusableQuestion(reason: "narrow 'from'") }
        let response = try await get("/api/v1/readings?metric=m", gateway)
        #expect(response.status == .badRequest)
        #expect(try response.json["type"] == .string("urn:firesense:problem:invalid-parameter"))
        #expect(try response.json["detail"] == .string("narrow 'from'"))
    }

    @Test func unitsAreOfTheCatalogueAndNeverMixed() throws {
        var catalogue = Sample.catalogue
        catalogue.kinds[1].metrics = [
            Metric(name: "pressure", type: .number, unit: "kPa", plausible: nil, title: Title(zh: "", en: ""))
        ]
        var page = Page(items: [SeriesPoints(kinds: ["hydrant"], area: "x", metric: "pressure")], next: nil)
        try page.find(units: catalogue, of: .avg)
        #expect(page.items[0].unit == "MPa")
        page.items[0].kinds = ["hydrant", "smoke"]
        let error = #expect(throws: MixedUnits.self) { try page.find(units: catalogue, of: .avg) }
        #expect(error?.description.contains("hydrant (MPa), smoke (kPa)") == true)
        page.items[0].unit = nil
        try page.find(units: catalogue, of: .count)
        #expect(page.items[0].unit == nil)
    }
}

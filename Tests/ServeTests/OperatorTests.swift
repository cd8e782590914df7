import FireModel
import Hummingbird
import HummingbirdTesting
import Testing

@testable import FireServe

/// Acts come in through the control socket's router, where the caller has scope `admin`.
@Suite struct OperatorTests {
    private func post(
        _ path: String, _ body: String, _ gateway: MemoryGateway = MemoryGateway()
    ) async throws -> TestResponse {
        let server = try server(gateway, .testing { $0.controlSocketPath = "unused" })
        let control = try #require(server.control)
        return try await control.test(.router) {
            try await $0.execute(uri: path, method: .post, body: ByteBuffer(string: body))
        }
    }

    @Test func acknowledgementIsKeptWithNameAndNote() async throws {
        let response = try await post("/api/v1/alarms/alarm-001/acknowledge", #"{"by":"王伟","note":"去现场"}"#)
        #expect(response.status == .ok)
        let alarm = try response.json
        #expect(alarm["acknowledged"] == .boolean(true))
        #expect(alarm["acknowledged_by"] == .string("王伟"))
        #expect(alarm["acknowledged_note"] == .string("去现场"))
        #expect(alarm["state"] == .string("active"))
    }

    @Test func onlyAnAlarmThatIsNotThereIsUnknown() async throws {
        struct Malformed: Error {}
        let gateway = MemoryGateway()
        let path = "/api/v1/alarms/alarm-001/acknowledge"
        let unread = TemporarilyUnavailable(reason: "the store cannot be read", cause: "disk I/O error at page 7")
        gateway.state.withLock { $0.failure = unread }
        let later = try await post(path, #"{"by":"Li"}"#, gateway)
        #expect(later.status == .serviceUnavailable)
        #expect(later.headers[.retryAfter] == "5")
        #expect(!later.text.contains("page 7"))
        gateway.state.withLock { $0.failure = Malformed() }
        #expect(try await post(path, #"{"by":"Li"}"#, gateway).status == .internalServerError)
        gateway.state.withLock { $0.failure = nil }
        #expect(gateway.state.withLock { $0.acts }.isEmpty)
        #expect(try await post("/api/v1/alarms/none/acknowledge", #"{"by":"Li"}"#, gateway).status == .notFound)
        #expect(try await post(path, #"{"by":"Li"}"#, gateway).status == .ok)
    }

    @Test func verdictIsKeptWithItsCause() async throws {
        let gateway = MemoryGateway()
        let response = try await post(
            "/api/v1/alarms/alarm-001/verdict", #"{"verdict":"false_alarm","cause":"施工","by":"Li","note":null}"#,
            gateway)
        #expect(try response.json["verdict"] == .string("false_alarm"))
        #expect(
            gateway.state.withLock { $0.acts } == [
                OperatorAct(deed: .verdict(.falseAlarm, cause: "施工", force: false), by: "Li", note: nil)
            ])
    }

    @Test(arguments: ["reset", "verdict"]) func standingCauseAnswersConflictUnlessForced(act: String) async throws {
        let gateway = MemoryGateway()
        let path = "/api/v1/alarms/alarm-003/\(act)"
        let verdict = act == "verdict" ? #","verdict":"drill""# : ""
        let refused = try await post(path, "{\"by\":\"Li\"\(verdict)}", gateway)
        #expect(refused.status == .conflict)
        #expect(try refused.json["type"] == .string("urn:firesense:problem:cause-still-reported"))
        #expect(refused.text.contains("force"))
        let forced = try await post(path, "{\"by\":\"Li\",\"force\":true\(verdict)}", gateway)
        #expect(try forced.json["state"] == .string("cleared"))
    }

    @Test func refusalsOfTheDeskHaveTheirStatus() async throws {
        #expect(try await post("/api/v1/alarms/nothing/reset", #"{"by":"Li"}"#).status == .notFound)
        #expect(try await post("/api/v1/alarms/alarm-000/reset", #"{"by":"Li"}"#).status == .conflict)
        let gateway = MemoryGateway()
        gateway.state.withLock { $0.isWritable = false }
        let response = try await post("/api/v1/alarms/alarm-001/acknowledge", #"{"by":"Li"}"#, gateway)
        #expect(response.status == .serviceUnavailable)
        #expect(response.headers[.retryAfter] != nil)
    }

    @Test func quarantinedPayloadIsRetried() async throws {
        let gateway = MemoryGateway()
        #expect(try await post("/api/v1/quarantine/2/retry", "", gateway).text == #"{"id":2,"readings":3}"#)
        #expect(try await post("/api/v1/quarantine/2/retry", "{}", gateway).status == .notFound)
        let still = try await post("/api/v1/quarantine/1/retry", "", gateway)
        #expect(still.status == .unprocessableContent)
        #expect(still.text.contains("yesterday"))
        for id in ["x", "-", "99999999999999999999", "1e3"] {
            #expect(try await post("/api/v1/quarantine/\(id)/retry", "", gateway).status == .notFound)
        }
        gateway.state.withLock { $0.isWritable = false }
        #expect(try await post("/api/v1/quarantine/3/retry", "", gateway).status == .serviceUnavailable)
    }

    @Test(arguments: [
        ("", "'by' is missing"), ("{}", "'by' is missing"), (#"{"by":""}"#, "1–200"), (#"{"by":"  "}"#, "1–200"),
        (#"{"by":"a\nb"}"#, "1–200"), (#"{"by":5}"#, "came 5"), (#"{"by":null}"#, "came null"),
        (#"{"by":["Li"]}"#, "an array or object"), (#"{"by":"Li","who":"Li"}"#, "'who' is not known"),
        (#"{"by":"Li"}x"#, "not JSON"), (#"{"by":"Li""#, "not JSON"), ("[]", "not an object"), ("null", "object"),
        (#""Li""#, "not an object"), ("by=Li", "not JSON"),
        (#"{"by":"\#(String(repeating: "李", count: 201))"}"#, "1–200"),
        (#"{"by":"Li","note":"\#(String(repeating: "n", count: 2049))"}"#, "2048"),
        (#"{"by":"Li","note":true}"#, "2048"),
        (#"{"by":"Li","force":"yes"}"#, "came 'yes', expected true or false"),
        (#"{"by":"Li","force":1}"#, "true or false"),
    ])
    func unusableBodyIsRefusedAndExplained(body: String, hint: String) async throws {
        let gateway = MemoryGateway()
        let response = try await post("/api/v1/alarms/alarm-001/reset", body, gateway)
        #expect(response.status == .badRequest)
        #expect(try response.json["type"] == .string("urn:firesense:problem:invalid-body"))
        #expect(try response.json["detail"].string?.contains(hint) == true, "\(response.text)")
        #expect(gateway.state.withLock { $0.acts.isEmpty })
    }

    @Test func unknownVerdictListsTheWords() async throws {
        let response = try await post("/api/v1/alarms/alarm-001/verdict", #"{"by":"Li","verdict":"fire"}"#)
        #expect(response.status == .badRequest)
        #expect(response.text.contains("true_fire, true_alarm, false_alarm, test, drill, fault, unknown"))
    }

    @Test func nameOfTwoHundredCharactersIsTaken() async throws {
        let name = String(repeating: "李", count: 200)
        #expect(try await post("/api/v1/alarms/alarm-001/acknowledge", "{\"by\":\"\(name)\"}").status == .ok)
    }
}

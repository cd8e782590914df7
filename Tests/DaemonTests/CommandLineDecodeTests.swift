import FireModel
import Testing

@testable import firesense

@Suite struct CommandLineDecodeTests {
    private let decoding = Decoding(
        dialect: "native", catalogue: Self.catalogue, kinds: ["hydrant", "smoke"],
        streams: ["telemetry", "event", "status", "raw"])

    private static let catalogue = Catalogue(kinds: [
        DeviceKind(
            name: "hydrant", title: Title(zh: "消火栓", en: "Hydrant"), urgent: false, expectedInterval: .seconds(60),
            metrics: [
                Metric(
                    name: "pressure", type: .number, unit: "MPa", plausible: 0...2.5,
                    title: Title(zh: "压力", en: "Pressure"))
            ]),
        DeviceKind(
            name: "smoke", title: Title(zh: "感烟", en: "Smoke"), urgent: true, expectedInterval: .seconds(60),
            metrics: [
                Metric(name: "smoke", type: .boolean, unit: nil, plausible: nil, title: Title(zh: "烟", en: "Smoke"))
            ]),
    ])

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test(arguments: [
        (#"{"values":{"pressure":0.3}}"#, "hydrant/device/telemetry", "pressure"),
        (#"{"values":{"smoke":1}}"# + "\n", "smoke/device/telemetry", "smoke"),
        (#"{"event":"fire"}"#, "hydrant/device/event", "event.fire"),
        ("offline\r\n", "hydrant/device/status", "online"),
    ])
    func theTopicThatFitsBestIsFound(payload: String, topic: String, metric: String) throws {
        let result = try decoding.bestFit(bytes(payload))
        #expect(result.topic == "fire/v1/000000/" + topic)
        #expect(result.lines.map(\.metric) == [metric])
        #expect(result.faults == nil)
    }

    @Test func aMistakeInAKnownMetricDoesNotLeadToAnotherKind() throws {
        let result = try decoding.bestFit(bytes(#"{"values":{"pressure":"high","foo":1}}"#))
        #expect(result.topic == "fire/v1/000000/hydrant/device/telemetry")
        #expect(result.faults?.contains("values.pressure") == true)
        #expect(try decoding.bestFit(bytes(#"{"values":{"foo":1}}"#)).lines.map(\.metric) == ["foo"])
        #expect(try decoding.bestFit(bytes("{")).faults?.hasPrefix("json: ") == true)
    }

    @Test func goodPartsAreShownBesideTheFaults() throws {
        let result = try decoding.read(
            bytes(#"{"values":{"pressure":"high","flow":2,"battery":null}}"#),
            topic: "fire/v1/320102/hydrant/h-1/telemetry")
        #expect(result.lines.map(\.metric) == ["flow"])
        #expect(result.unknownMetrics == ["flow"])
        #expect(result.faults?.contains("values.pressure") == true)
        let text = DecodeCommand.text(result, LocalTime(zone: "UTC"))
        #expect(text.contains("refused  value: values.pressure"))
        #expect(text.contains("unknown  flow"))
    }

    @Test func unitsAndMarksAreShown() throws {
        let result = try decoding.read(
            bytes(#"{"ts":1795429200000,"values":{"pressure":9}}"#), topic: "fire/v1/320102/hydrant/h-1/telemetry",
            at: Timestamp(milliseconds: 1_795_429_200_000))
        let line = try #require(result.lines.first)
        #expect(line.unit == "MPa")
        #expect(line.quality.words == ["implausible"])
        #expect(
            DecodeCommand.csv(result)
                == "ts,area,kind,device,component,metric,value\n1795429200000,320102,hydrant,h-1,,pressure,9\n")
        #expect(result.json.contains(#""quality":["implausible"]"#))
    }

    @Test func aTopicOfAnotherDialectIsRefused() {
        #expect(throws: Failure.self) { try decoding.read([1], topic: "fire/v1/320102/panel/p-1/raw") }
    }

    @Test func hexadecimalIsReadAsPeopleWriteIt() throws {
        #expect(try Decoding.bytes(hexadecimal: bytes("40 40:0a,FF\n0x01")) == [0x40, 0x40, 0x0A, 0xFF, 1])
        for wrong in ["4", "zz", "", "0x", "4-5é"] {
            #expect(throws: Failure.self) { try Decoding.bytes(hexadecimal: bytes(wrong)) }
        }
    }

    @Test func tapShowsAMessageInALine() throws {
        let printer = TapPrinter(
            reader: try PayloadReader(catalogue: Self.catalogue), format: .table, time: LocalTime(zone: "UTC"))
        let now = Timestamp(milliseconds: 1_795_429_200_000)
        func text(_ topic: String, _ payload: String, isRetained: Bool = false) -> String {
            printer.text(.init(topic: topic, payload: bytes(payload), isRetained: isRetained), at: now)
        }
        #expect(
            text("fire/v1/1/hydrant/h/telemetry", #"{"component":"c","values":{"pressure":0.3}}"#)
                == "2026-11-23T10:20:00.000Z  fire/v1/1/hydrant/h/telemetry  c/pressure=0.3 MPa\n")
        #expect(
            text("fire/v1/1/hydrant/h/status", "online", isRetained: true)
                == "2026-11-23T10:20:00.000Z  fire/v1/1/hydrant/h/status  (retained)  online=true\n")
        #expect(text("fire/v1/1/hydrant/h/telemetry", "{").contains("REFUSED json: "))
        #expect(
            text("fire/v1/1/hydrant/h/telemetry", #"{"ts":1795429000000,"values":{"pressure":0.3}}"#)
                .hasSuffix("[2026-11-23T10:16:40.000Z]  pressure=0.3 MPa\n"))
        #expect(text("fire/v1/1/gateway/box/x", "\u{1B}[2J").hasSuffix("\\u{1b}[2J\n"))
    }

    @Test func tapShowsPayloadsAsTheyAre() {
        let printer = TapPrinter(reader: nil, format: .table, time: LocalTime(zone: "UTC"))
        let text = printer.text(
            .init(topic: "t", payload: [0x40, 0xFF], isRetained: false), at: Timestamp(milliseconds: 0))
        #expect(text == "1970-01-01T00:00:00.000Z  t  hex 40ff\n")
    }
}

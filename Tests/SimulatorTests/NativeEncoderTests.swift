import FireDevices
import FireModel
import Foundation
import Testing

@testable import firesense_simulator

@Suite struct NativeEncoderTests {
    private static let noon = Timestamp(milliseconds: 1_795_458_000_123)

    private func text(_ encoder: NativeEncoder) -> String { String(decoding: encoder.bytes, as: UTF8.self) }

    private func object(_ encoder: NativeEncoder) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(encoder.bytes)) as? [String: Any])
    }

    @Test func topicIsThatOfTheContract() {
        #expect(
            NativeEncoder.topic(area: "320102", kind: "smoke", device: "smoke-000001", .event)
                == "fire/v1/320102/smoke/smoke-000001/event")
    }

    @Test func telemetryIsWrittenAsTheContractShows() {
        var encoder = NativeEncoder()
        let measurement = Measurement(
            component: "port-3", usual: 4,
            [
                "current": .number(1.92), "temperature": .number(31.5), "charging": .boolean(true),
                "state": .text("charging"),
            ])
        let readings = encoder.telemetry(measurement, at: Self.noon, sequence: 42)
        #expect(readings == 4)
        #expect(
            text(encoder)
                == #"{"ts":1795458000123,"seq":42,"component":"port-3","values":{"current":1.92,"temperature":31.5,"charging":true,"state":"charging"}}"#
        )
    }

    @Test func withoutTimestampsThereIsNoTs() throws {
        var encoder = NativeEncoder()
        _ = encoder.telemetry(Measurement(usual: 1, ["pressure": .number(0.3)]), at: nil, sequence: nil)
        #expect(text(encoder) == #"{"values":{"pressure":0.3}}"#)
    }

    @Test func eventIsWrittenAsTheContractShows() {
        var encoder = NativeEncoder()
        encoder.event(.fire, component: "1-1-42-1", active: true, detail: "3层", at: Self.noon, sequence: nil)
        #expect(
            text(encoder) == #"{"ts":1795458000123,"component":"1-1-42-1","event":"fire","active":true,"detail":"3层"}"#)
    }

    @Test func statusIsPlainText() {
        var encoder = NativeEncoder()
        encoder.status(online: true)
        #expect(text(encoder) == "online")
    }

    @Test func quotesAndControlCharactersAreEscaped() throws {
        var encoder = NativeEncoder()
        let detail = "a\"b\\c\nd\u{1}e\u{1F}火"
        encoder.event(.fault, component: nil, active: false, detail: detail, at: nil, sequence: nil)
        #expect(try object(encoder)["detail"] as? String == detail)
    }

    /// Every kind, every component, any size: a reader that knows nothing of ours reads the same.
    @Test(arguments: Kind.allCases, [nil, 1, 120, 190, 400, 2000] as [Int?])
    func everyPayloadIsValidJSON(kind: Kind, size: Int?) throws {
        var member = Member(kind: kind, number: 1, area: "320102", seed: 11)
        var encoder = NativeEncoder()
        for step in Int64(0)..<120 {
            let time = member.tick(Self.noon + step * 60_000)
            let (measurement, sequence) = member.measure(at: time)
            let readings = encoder.telemetry(measurement, at: time, sequence: sequence, size: size)
            let payload = try object(encoder)
            #expect(payload["ts"] as? Int64 == time.milliseconds)
            #expect(payload["seq"] as? UInt64 == sequence)
            #expect(payload["component"] as? String == measurement.component)
            let values = try #require(payload["values"] as? [String: Any])
            #expect(values.count == readings)
            #expect(readings >= 1)
            for entry in measurement.values.prefix(readings) {
                switch entry.value {
                case .number(let number): #expect(values[entry.metric] as? Double == number)
                case .boolean(let flag): #expect(values[entry.metric] as? Bool == flag)
                case .text(let text): #expect(values[entry.metric] as? String == text)
                }
            }
            if let size, size >= 120 { #expect(encoder.bytes.count == size) }
        }
    }

    @Test func aLargerSizeCarriesMoreMetrics() {
        var member = Member(kind: .electrical, number: 1, area: "320102", seed: 1)
        let (measurement, _) = member.measure(at: Self.noon)
        var encoder = NativeEncoder()
        let readings = [100, 190, 300, 600].map { encoder.telemetry(measurement, at: Self.noon, sequence: 1, size: $0) }
        #expect(readings == readings.sorted())
        #expect(Set(readings).count == readings.count)
        #expect(readings.last == measurement.values.count)
    }
}

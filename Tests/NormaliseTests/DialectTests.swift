import FireJSON
import FireModel
import Testing

@testable import FireNormalise

/// A dialect of another world is one file: it sees the topic as it came and says whom the message is about.
struct DialectTests {
    /// `hub/NAME`: a line `kind device metric value` for each value.
    struct Hub: Dialect {
        let name = "hub"

        func claims(_ topic: Topic) -> Bool { String(decoding: topic.bytes, as: UTF8.self).hasPrefix("hub/") }

        func read(_ payload: UnsafeRawBufferPointer, topic: Topic, into transcript: Transcript) {
            let area = String(decoding: topic.bytes.dropFirst(4), as: UTF8.self)
            for line in String(decoding: payload, as: UTF8.self).split(separator: "\n") {
                let words = line.split(separator: " ").map(String.init)
                guard transcript.about(area: area, kind: words[0], device: words[1], stream: .telemetry) else {
                    continue
                }
                var metric = words[2]
                metric.withUTF8 {
                    transcript.measure(
                        UnsafeRawBufferPointer($0), component: -1,
                        Double(words[3]).map { .number($0) } ?? .boolean(true),
                        transcript.receipt, at: words[2])
                }
            }
        }
    }

    private func bench() throws -> Bench { try Bench(dialects: [Hub(), try NativeDialect()]) }

    @Test func messageMaySpeakOfManyDevices() throws {
        let bench = try bench()
        bench.read("hub/320106", "smoke s-1 battery 80\nsmoke s-2 smoke true\nhydrant h-1 pressure 0.3".utf8)
        #expect(
            bench.transcript == """
                s-1 - battery 2026-11-23T10:20:00.000Z 80 ["receipt_time"]
                s-2 - smoke 2026-11-23T10:20:00.000Z true ["receipt_time"]
                h-1 - pressure 2026-11-23T10:20:00.000Z 0.3 ["receipt_time"]

                """)
        #expect(bench.fleet.devices.map { bench.fleet.areas[$0.area] } == ["320106", "320106", "320106"])
        bench.read("hub/320102", "smoke s-1 battery 79".utf8, at: Bench.receivedAt + 1000)
        #expect(bench.fleet.devices.map { bench.fleet.areas[$0.area] } == ["320102", "320106", "320106"])
    }

    @Test func oneWrongDeviceCostsTheOthersNothing() throws {
        let bench = try bench()
        bench.read(
            "hub/320106",
            "smoke s-1 battery 80\nsmoke s/2 smoke true\ngateway s-3 smoke true\nsmoke s-4 battery 70".utf8)
        #expect(bench.findings.readings.count == 2)
        #expect(bench.findings.rejection?.reason == .shape)
        bench.read("hub/320106", "hydrant s-1 pressure 0.3\nsmoke s-4 battery 70".utf8)
        #expect(bench.findings.readings.count == 1)
        #expect(bench.findings.rejection?.explanation.contains("known as smoke and came as hydrant") == true)
        #expect(bench.findings.rejection?.device == "s-4")
    }

    @Test func nativeTopicsAndUnclaimedOnesAreReadAsBefore() throws {
        let bench = try bench()
        bench.read("fire/v1/320102/hydrant/h-1/telemetry", #"{"values":{"pressure":0.3}}"#.utf8)
        #expect(bench.findings.readings.count == 1)
        bench.read("other/1", "{}".utf8)
        #expect(bench.findings.rejection?.reason == .topic && bench.findings.rejection?.device == nil)
    }
}

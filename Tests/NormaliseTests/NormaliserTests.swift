import FireModel
import Testing

@testable import FireNormalise

struct NormaliserTests {
    let hydrant = "fire/v1/320102/hydrant/hydrant-000007/telemetry"
    let later = Timestamp(milliseconds: Bench.receivedAt.milliseconds + 60_000)

    @Test func deviceKeepsItsFirstKind() throws {
        let bench = try Bench()
        bench.read("fire/v1/320102/hydrant/x-1/telemetry", #"{"values":{"pressure":0.3}}"#.utf8)
        bench.read("fire/v1/320102/smoke/x-1/telemetry", #"{"values":{"battery":80}}"#.utf8)
        #expect(bench.findings.readings.isEmpty)
        #expect(bench.findings.rejection?.reason == .kind)
        #expect(bench.findings.rejection?.explanation.contains("known as hydrant and came as smoke") == true)
    }

    @Test func fireUnderAnotherKindIsQuarantinedAndRaised() throws {
        let bench = try Bench()
        bench.read("fire/v1/320102/hydrant/x-1/telemetry", #"{"values":{"pressure":0.3}}"#.utf8)
        bench.read("fire/v1/320102/panel/x-1/event", #"{"event":"fire"}"#.utf8)
        #expect(bench.findings.readings.count == 1)
        #expect(bench.findings.rejection?.reason == .kind)
        bench.read("fire/v1/320102/smoke/x-1/telemetry", #"{"values":{"smoke":true,"battery":80}}"#.utf8)
        #expect(bench.findings.readings.map(\.value) == [.boolean(true)])
    }

    @Test func changedAreaMovesTheDevice() throws {
        let bench = try Bench()
        bench.read(hydrant, #"{"values":{"pressure":0.3}}"#.utf8)
        bench.read("fire/v1/320106/hydrant/hydrant-000007/telemetry", #"{"values":{"pressure":0.3}}"#.utf8, at: later)
        #expect(bench.fleet.devices.count == 1)
        #expect(bench.fleet.areas[bench.fleet.devices[0].area] == "320106")
    }

    @Test func redeliveryWithoutTimeTakesTheRecordedReceipt() throws {
        let payload = #"{"event":"fire"}"#
        let topic = "fire/v1/320102/panel/p-1/event"
        let first = try Bench()
        first.read(topic, payload.utf8, packetID: 7)
        let recorded = try #require(first.findings.redelivery)
        let second = try Bench(redeliveries: [recorded])
        second.read(topic, payload.utf8, duplicate: true, packetID: 7, at: later)
        #expect(second.findings.readings.first?.at == Bench.receivedAt)
        second.read(topic, payload.utf8, duplicate: true, packetID: 8, at: later)
        #expect(second.findings.readings.first?.at == later)
        second.read(topic, payload.utf8, duplicate: false, packetID: 7, at: later)
        #expect(second.findings.readings.first?.at == later)
    }

    @Test func retainedMessageThatEqualsTheLastIsNotNew() throws {
        let topic = "fire/v1/320102/hydrant/hydrant-000007/status"
        let bench = try Bench()
        bench.read(topic, "online".utf8, retained: true)
        #expect(bench.findings.readings.first?.quality.contains(.retained) == true)
        let mark = try #require(bench.findings.retained)
        bench.read(topic, "online".utf8, retained: true, at: later)
        #expect(bench.findings.standing == .retainedRepeat)
        let afterRestart = try Bench(retained: [mark])
        afterRestart.read(topic, "online".utf8, retained: true)
        #expect(afterRestart.findings.standing == .retainedRepeat)
        afterRestart.read(topic, "offline".utf8, retained: true)
        #expect(afterRestart.findings.readings.first?.value == .boolean(false))
    }

    @Test func clockOfDevicesIsJudgedOnlyWhileOursIsRight() throws {
        let bench = try Bench()
        let ahead = Bench.receivedAt.milliseconds + 86_400_000
        bench.read(hydrant, #"{"ts":\#(ahead),"values":{"pressure":0.3}}"#.utf8, synchronised: false)
        #expect(bench.findings.readings.first?.at.milliseconds == ahead)
        bench.read(hydrant, #"{"ts":\#(ahead),"values":{"pressure":0.3}}"#.utf8, synchronised: true)
        #expect(bench.findings.readings.isEmpty)
    }

    @Test func sequenceGapsAndRestartsAreCounted() throws {
        let bench = try Bench()
        for number in [1, 2, 5, 4, 5] {
            bench.read(hydrant, #"{"seq":\#(number),"values":{"pressure":0.3}}"#.utf8)
        }
        #expect(bench.normaliser.counters.sequenceGaps.value == 2)
        #expect(bench.normaliser.counters.sequenceRestarts.value == 1)
    }

    @Test func deviceFullOfMetricsStillTellsFire() throws {
        let bench = try Bench()
        for start in [0, 200] {
            let values = (start..<start + 200).map { #""m\#($0)":1"# }.joined(separator: ",")
            bench.read("fire/v1/320102/panel/p-1/telemetry", "{\"values\":{\(values)}}".utf8)
        }
        #expect(bench.findings.rejection?.reason == .limit)
        #expect(bench.fleet.devices[0].metricCount == 256)
        bench.read("fire/v1/320102/panel/p-1/event", #"{"event":"fire","component":"c-1"}"#.utf8)
        #expect(bench.findings.readings.count == 1)
        bench.read("fire/v1/320102/panel/p-1/telemetry", #"{"values":{"smoke":true,"fire":1,"fault":true}}"#.utf8)
        #expect(bench.findings.readings.map(\.value) == [.boolean(true), .boolean(true)])
        #expect(bench.findings.rejection?.reason == .limit)
        bench.read("fire/v1/320102/panel/p-1/telemetry", #"{"values":{"smoke":false,"fault":true}}"#.utf8)
        #expect(bench.findings.readings.map(\.value) == [.boolean(false)])
    }

    /// 4,096 ports, and a fire at one more.
    @Test func deviceFullOfComponentsStillTellsFire() throws {
        let bench = try Bench()
        let charger = "fire/v1/320102/charger/c-1/telemetry"
        for start in stride(from: 0, to: 4096, by: 1000) {
            let elements = (start..<min(start + 1000, 4096)).map { #"{"component":"p\#($0)","values":{"power":1}}"# }
            bench.read(charger, "[\(elements.joined(separator: ","))]".utf8)
        }
        #expect(bench.fleet.devices[0].componentCount == 4096 && bench.findings.rejection == nil)
        bench.read(charger, #"{"component":"one-more","values":{"power":1,"smoke":true}}"#.utf8)
        #expect(bench.findings.readings.map(\.value) == [.boolean(true)])
        #expect(bench.findings.readings.map { bench.fleet.series[Int($0.series)].component } == [-1])
        #expect(bench.findings.rejection?.reason == .limit)
    }

    /// A catalogue from elsewhere that calls the smoke density `smoke`: true is a fire all the same.
    @Test func noCatalogueSwitchesFireOff() throws {
        var catalogue = Catalogue(kinds: [])
        for (kind, type) in [("a", Metric.ValueType.number), ("b", .text)] {
            let metrics = ["smoke", "fire"].map {
                Metric(name: $0, type: type, unit: nil, plausible: nil, title: Title(zh: "烟", en: "Smoke"))
            }
            catalogue.kinds.append(
                DeviceKind(
                    name: kind, title: Title(zh: "甲", en: "A"), urgent: true, expectedInterval: .seconds(60),
                    metrics: metrics))
        }
        let bench = try Bench(catalogue: catalogue)
        for kind in ["a", "b"] {
            for truth in ["true", "1", "\"on\""] {
                bench.read(
                    "fire/v1/320102/\(kind)/\(kind)-1/telemetry",
                    "{\"values\":{\"smoke\":\(truth),\"fire\":\(truth)}}".utf8)
                #expect(bench.findings.readings.map(\.value) == [.boolean(true), .boolean(true)])
            }
        }
        bench.read("fire/v1/320102/a/a-1/telemetry", #"{"values":{"smoke":7.5}}"#.utf8)
        #expect(bench.findings.readings.map(\.value) == [.number(7.5)])
    }

    @Test func unknownMetricIsNamedOncePerDevice() throws {
        let bench = try Bench()
        let charger = "fire/v1/320102/charger/c-1/telemetry"
        let ports = (0..<10).map { #"{"component":"port-\#($0)","values":{"phase":1}}"# }
        bench.read(charger, "[\(ports.joined(separator: ","))]".utf8)
        bench.read(charger, #"{"values":{"phase":2,"rpm":3}}"#.utf8)
        bench.read("fire/v1/320102/charger/c-2/telemetry", #"{"values":{"phase":1}}"#.utf8)
        #expect(bench.log.lines == ["c-1 phase", "c-1 rpm", "c-2 phase"])
        #expect(bench.normaliser.counters.unknownMetrics.value == 13)
    }

    /// Whatever the bytes, nothing may crash, and what is not understood is in the quarantine.
    @Test func arbitraryBytesNeverCrash() throws {
        let bench = try Bench()
        var random = SystemRandomNumberGenerator()
        let seeds = [
            #"{"ts":1795429200000,"seq":4,"component":"port-1","values":{"current":1.5,"state":"on","charging":true}}"#,
            #"[{"event":"fire","active":true,"detail":"x"},{"ts":"2026-11-23T10:20:00Z","event":"fault"}]"#, "online",
        ]
        for round in 0..<20_000 {
            var bytes = Array(seeds[round % seeds.count].utf8)
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                default: bytes.insert(contentsOf: bytes[place...].prefix(8), at: place)
                }
                if bytes.isEmpty { bytes = [0] }
            }
            let stream = ["telemetry", "event", "status"][round % 3]
            bench.read("fire/v1/320102/charger/c-\(round % 7)/\(stream)", bytes)
            #expect(
                !bench.findings.readings.isEmpty || bench.findings.rejection != nil
                    || bench.normaliser.counters.nullValues.value > 0)
        }
    }

    @Test(arguments: ["fire/v1", "fire/v1/", "fire/v1//", "fire/v1////", "fire/v1/a/hydrant/b/c/d", "/", ""])
    func oddTopicsAreQuarantined(_ topic: String) throws {
        let bench = try Bench()
        bench.read(topic, "{}".utf8)
        #expect(bench.findings.rejection?.reason == .topic)
    }
}

import FireModel
import Foundation
import Testing

struct InternerTests {
    @Test func namesKeepTheirNumberThroughGrowth() {
        var interner = Interner()
        let names = (0..<10_000).map { "device-\($0)" }
        for (index, name) in names.enumerated() { #expect(interner.intern(name) == Int32(index)) }
        for (index, name) in names.enumerated() {
            #expect(interner.find(name) == Int32(index))
            #expect(interner[Int32(index)] == name)
        }
        #expect(interner.find("device-10000") == nil)
        #expect(interner.intern("") == 10_000)
        #expect(interner[10_000] == "")
    }

    @Test func hashIsTheSameInEveryProcess() {
        // Stored to recognise redeliveries: a change of the function would forget them at an update.
        #expect(
            Array("fire/v1/320102".utf8).withUnsafeBytes { contentHash($0) }
                == Array("fire/v1/320102".utf8).withUnsafeBytes { contentHash($0) })
        #expect(
            Array("a".utf8).withUnsafeBytes { contentHash($0) } != Array("b".utf8).withUnsafeBytes { contentHash($0) })
        #expect(
            Array("abcdefgh".utf8).withUnsafeBytes { contentHash($0) }
                != Array("abcdefgh\0".utf8).withUnsafeBytes { contentHash($0) })
    }
}

struct FleetTests {
    let fleet = Fleet(
        catalogue: Catalogue(kinds: [
            DeviceKind(
                name: "hydrant", title: Title(zh: "消火栓", en: "Hydrant"), urgent: false,
                expectedInterval: .seconds(3600),
                metrics: [
                    Metric(
                        name: "pressure", type: .number, unit: "MPa", plausible: 0...2.5,
                        title: Title(zh: "压力", en: "Pressure"))
                ])
        ]))

    @Test func seriesAreDenseAndFoundAgain() {
        let device = fleet.addDevice(id: "h-1", kind: 0, area: fleet.area("a"), at: Timestamp(milliseconds: 0))
        var indices: [Int32] = []
        for component in 0..<100 {
            for metric in 0..<100 {
                indices.append(
                    fleet.addSeries(
                        device: device, component: fleet.component("c\(component)"), metric: fleet.metric("m\(metric)"))
                )
            }
        }
        #expect(indices == Array(0..<10_000))
        #expect(fleet.devices[0].metricCount == 100)
        #expect(fleet.devices[0].componentCount == 100)
        #expect(fleet.findSeries(device: device, component: fleet.component("c7"), metric: fleet.metric("m9")) == 709)
        #expect(fleet.findSeries(device: device, component: -1, metric: fleet.metric("m9")) == nil)
    }

    @Test func endOfAnEventHasASeriesBesideItsStart() {
        let device = fleet.addDevice(id: "p-1", kind: 0, area: fleet.area("a"), at: Timestamp(milliseconds: 0))
        let end = fleet.addSeries(device: device, component: -1, metric: fleet.metric("event.fire"), inactive: true)
        let start = fleet.addSeries(device: device, component: -1, metric: fleet.metric("event.fire"))
        #expect(end != start)
        #expect(fleet.series[Int(end)].anchor == start)
        #expect(fleet.series[Int(start)].anchor == start)
    }

    @Test func limitsAreKept() {
        let device = fleet.addDevice(id: "h-2", kind: 0, area: fleet.area("a"), at: Timestamp(milliseconds: 0))
        for metric in 0..<Limits.maximumMetricsPerDevice {
            _ = fleet.addSeries(device: device, component: -1, metric: fleet.metric("x\(metric)"))
        }
        #expect(fleet.limitHit(device: device, component: -1, metric: fleet.metric("one more")) == .metrics)
        #expect(fleet.limitHit(device: device, component: -1, metric: fleet.metric("x0")) == nil)
    }

    @Test func lastSeenIsWrittenAtMostOncePerHour() {
        let device = fleet.addDevice(id: "h-3", kind: 0, area: fleet.area("a"), at: Timestamp(milliseconds: 0))
        fleet.markSaved()
        fleet.touch(device, area: fleet.area("a"), at: Timestamp(milliseconds: 3_600_000))
        #expect(fleet.dirtyDevices.isEmpty)
        fleet.touch(device, area: fleet.area("a"), at: Timestamp(milliseconds: 3_601_000))
        #expect(fleet.dirtyDevices == [device])
        fleet.markSaved()
        fleet.touch(device, area: fleet.area("b"), at: Timestamp(milliseconds: 3_601_001))
        #expect(fleet.dirtyDevices == [device])
    }
}

struct AlarmJSONTests {
    @Test func alarmIsWrittenAsTheContractShowsIt() throws {
        var alarm = Alarm(
            id: "019aa6", gateway: "nanjing-xuanwu-01", rule: "hydrant-pressure-low", category: .water,
            severity: .major,
            latched: false, device: AlarmDevice(id: "hydrant-000007", kind: "hydrant", area: "320102"), component: nil,
            metric: "pressure", title: Title(zh: "消火栓压力低", en: "Hydrant pressure low"),
            raisedAt: Timestamp(milliseconds: 1_795_429_200_123), receivedAt: Timestamp(milliseconds: 1_795_429_200_200)
        )
        alarm.value = .number(0.09)
        alarm.unit = "MPa"
        alarm.limit = 0.10
        let expected = """
            {"id":"019aa6","gateway":"nanjing-xuanwu-01","revision":1,"rule":"hydrant-pressure-low","category":"water","severity":"major","state":"active","acknowledged":false,"latched":false,"drill":false,"late":false,"reraised":false,"flags":[],"suppressed":[],"escalation":0,"device":{"id":"hydrant-000007","kind":"hydrant","area":"320102","name":null,"site":null,"address":null,"owner":null,"latitude":null,"longitude":null},"devices":[],"component":null,"component_name":null,"component_type":null,"detail":null,"metric":"pressure","value":0.09,"unit":"MPa","limit":0.1,"title":{"zh":"消火栓压力低","en":"Hydrant pressure low"},"occurrences":1,"raised_at":"2026-11-23T10:20:00.123Z","received_at":"2026-11-23T10:20:00.200Z","last_occurrence_at":"2026-11-23T10:20:00.123Z","cleared_at":null,"cleared_reason":null,"cleared_by":null,"acknowledged_at":null,"acknowledged_by":null,"acknowledged_note":null,"verdict":null,"verdict_by":null,"verdict_at":null,"verdict_cause":null,"verdict_note":null}
            """
        #expect(alarm.json == expected)
        #expect(try JSONDecoder().decode(Alarm.self, from: Data(alarm.json.utf8)) == alarm)
        // As an earlier version stored it.
        let old = expected.replacing(#""suppressed":[],"escalation":0,"#, with: "").replacing(
            #""devices":[],"#, with: "")
        #expect(old.utf8.count < expected.utf8.count - 40)
        #expect(try JSONDecoder().decode(Alarm.self, from: Data(old.utf8)) == alarm)
        // And with everything in it.
        alarm.suppressed = ["shelved", "inhibited"]
        alarm.escalation = 2
        alarm.devices = ["a", "b"]
        alarm.flags = ["test"]
        alarm.late = true
        alarm.component = "c"
        alarm.componentName = "n"
        alarm.componentType = "t"
        alarm.detail = "d"
        alarm.verdict = .test
        alarm.verdictBy = "Li"
        alarm.verdictAt = alarm.raisedAt
        alarm.verdictCause = "cause"
        alarm.verdictNote = "note"
        alarm.acknowledged = true
        alarm.acknowledgedAt = alarm.raisedAt
        alarm.acknowledgedBy = "Wang"
        alarm.acknowledgedNote = "seen"
        alarm.state = .cleared
        alarm.clearedAt = alarm.raisedAt
        alarm.clearedReason = .verdict
        alarm.clearedBy = "Li"
        alarm.drill = true
        alarm.reraised = true
        alarm.revision = 7
        alarm.occurrences = 9
        #expect(try JSONDecoder().decode(Alarm.self, from: Data(alarm.json.utf8)) == alarm)
    }

    @Test func textIsEscapedAndNullsAreExplicit() {
        var writer = JSONWriter()
        writer.object {
            $0.field("a", "q\"\\\n\u{1}火")
            $0.field("b", nil as String?)
            $0.field("c", Double.infinity)
            $0.field("d", ["x", "y"])
            $0.field("e", 42.0)
        }
        #expect(writer.text == #"{"a":"q\"\\\n\u0001火","b":null,"c":null,"d":["x","y"],"e":42}"#)
    }
}

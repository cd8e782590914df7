import FireModel
import Foundation
import Synchronization
import Testing

@testable import FireStore

struct ExportTests {
    @Test func exportGivesEverythingBackInOrder() throws {
        let bench = try Bench()
        var dice = Dice(seed: 3)
        var expected: [ExportedReading] = []
        for number in 0..<700 {
            let device = "d\(number % 20)"
            let kind = number % 20 < 10 ? "hydrant" : "smoke"
            let component = number % 2 == 0 ? nil : "c\(number)"
            let series = bench.series(device, "m\(number % 9)", component: component, kind: kind)
            for _ in 0..<Int.random(in: 0..<8, using: &dice) {
                let at = Int64.random(in: 0..<1000, using: &dice)
                guard try bench.admit(series, at, .number(Double(at))).admission == .new else { continue }
                expected.append(
                    ExportedReading(
                        at: start + at, area: "320102", kind: kind, device: device, component: component,
                        metric: "m\(number % 9)", value: .number(Double(at))))
            }
        }
        try bench.commit()
        func key(_ it: ExportedReading) -> String { "\(it.device)/\(it.component ?? "")/\(it.metric)" }
        let order = Dictionary(
            uniqueKeysWithValues: bench.fleet.series.enumerated().map { index, it in
                let component = it.component < 0 ? "" : bench.fleet.components[it.component]
                return (
                    "\(bench.fleet.devices[Int(it.device)].id)/\(component)/\(bench.fleet.metrics[it.metric])", index
                )
            })
        expected.sort { (order[key($0), default: 0], $0.at) < (order[key($1), default: 0], $1.at) }
        let reader = try bench.reader()
        for batch in [1, 7, 1000] {
            var found: [ExportedReading] = []
            try reader.export(ExportFilter(), batch: batch) {
                #expect($0.count <= batch)
                found += $0
            }
            #expect(found == expected)
        }
        var filter = ExportFilter()
        filter.device = "d3"
        filter.range = TimeRange(from: start + 100, to: start + 900)
        var found: [ExportedReading] = []
        try reader.export(filter) { found += $0 }
        #expect(found == expected.filter { $0.device == "d3" && $0.at >= start + 100 && $0.at < start + 900 })
        filter = ExportFilter()
        filter.kind = "smoke"
        found = []
        try reader.export(filter) { found += $0 }
        #expect(found == expected.filter { $0.kind == "smoke" })
    }

    @Test func bothHalvesOfAnEventComeTogetherInTime() throws {
        let bench = try Bench()
        let active = bench.series("p1", "event.fault", kind: "panel")
        let inactive = bench.series("p1", "event.fault", kind: "panel", inactive: true)
        for at in 0..<100 as Range<Int64> {
            try bench.admit(active, at, .boolean(true))
            try bench.admit(inactive, at * 2, .boolean(false))
        }
        try bench.commit()
        for batch in [1, 3, 1000] {
            var found: [String] = []
            try bench.reader().export(ExportFilter(), batch: batch) {
                found += $0.map { "\($0.at - start) \($0.value)" }
            }
            var expected: [String] = []
            for at in 0..<200 {
                if at < 100 { expected.append("\(at) true") }
                if at % 2 == 0 { expected.append("\(at) false") }
            }
            #expect(found == expected)
        }
    }

    @Test func whatEndsAnExportIsThrownOn() throws {
        struct GoneAway: Error {}
        let bench = try Bench()
        try bench.admit(bench.series("h1", "pressure"), 0, .number(1))
        try bench.commit()
        let reader = try bench.reader()
        #expect(throws: GoneAway.self) { try reader.export(ExportFilter()) { _ in throw GoneAway() } }
    }

    ///     writer     commit ─ commit ─ commit ─ commit ─ …
    ///     reader        export ─────────────────── end
    ///                   └ everything committed before here, once and in order
    @Test func exportIsCompleteWhileAnotherConnectionWrites() throws {
        let bench = try Bench()
        let all = (0..<40).map { bench.series("d\($0)", "pressure") }
        for at in 0..<200 as Range<Int64> { for series in all { try bench.admit(series, at, .number(1)) } }
        try bench.commit()
        let reader = try bench.reader()
        let isDone = Mutex(false)
        let found = Mutex<[ExportedReading]>([])
        let thread = Thread {
            try? reader.export(ExportFilter(), batch: 97) { batch in found.withLock { $0 += batch } }
            isDone.withLock { $0 = true }
        }
        thread.start()
        var at: Int64 = 200
        while !isDone.withLock({ $0 }), at < 100_000 {
            for series in all { try bench.admit(series, at, .number(2)) }
            try bench.commit()
            at += 1
        }
        #expect(isDone.withLock { $0 })
        let readings = found.withLock { $0 }
        #expect(readings.count { $0.value == .number(1) } == 8000)
        #expect(Set(readings.map { "\($0.device) \($0.at)" }).count == readings.count)
    }
}

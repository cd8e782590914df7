import FireModel
import Foundation
import Testing

@testable import FireStore

struct BatchTests {
    @Test func nothingIsVisibleBeforeTheCommit() throws {
        let bench = try Bench()
        let reader = try bench.reader()
        let series = bench.series("h1", "pressure")
        #expect(try !bench.open().hasPending)
        try bench.admit(series, 0, .number(1))
        #expect(try bench.open().hasPending)
        #expect(try reader.figures().readings == 0)
        try bench.commit()
        #expect(try !bench.open().hasPending)
        #expect(try reader.figures() == StoreFigures(bytes: reader.figures().bytes, series: 1, readings: 1))
        #expect(try reader.figures().bytes > 0)
    }

    @Test func rolledBackFleetStaysNewAndIsWrittenWithTheNextCommit() throws {
        let bench = try Bench()
        let series = bench.series("h1", "pressure", component: "port-1")
        try bench.admit(series, 0, .number(1))
        try bench.open().rollback()
        #expect(bench.fleet.savedSeries == 0)
        #expect(bench.fleet.dirtyDevices == [0])
        #expect(try !bench.open().hasPending)
        #expect(try bench.count("SELECT count(*) FROM device") == 0)
        #expect(try bench.admit(series, 0, .number(2)).admission == .new)
        try bench.commit()
        #expect(bench.fleet.savedSeries == 1)
        #expect(bench.fleet.dirtyDevices.isEmpty)
        #expect(
            try bench.reader().readings(ReadingQuery(device: "h1", component: "port-1", metric: "pressure"))?.count == 1
        )
    }

    @Test func fleetAloneIsCommittedToo() throws {
        let bench = try Bench()
        _ = bench.series("h1", "pressure")
        try bench.commit()
        #expect(try bench.count("SELECT count(*) FROM series") == 1)
        bench.fleet.setOnline(0, true)
        try bench.commit()
        #expect(try bench.reader().device("h1", now: start)?.online == true)
    }

    @Test func fullDiskLosesTheBatchAndNothingElse() throws {
        let bench = try Bench(settings: StoreSettings(maxPageCount: 60))
        let series = bench.series("h1", "pressure")
        try bench.admit(series, 0, .number(1))
        try bench.commit()
        // What is admitted is in memory, and on the disk with the commit.
        var stored: Int64 = 1
        expectError({ if case .full = $0 { $0.isTransient } else { false } }) {
            var dice = Dice(seed: 1)
            for at in 1..<100_000 as Range<Int64> {
                try bench.admit(series, at, .text(String(dice.next()) + String(dice.next()) + String(dice.next())))
                if at % 100 == 0 {
                    try bench.commit()
                    stored += 100
                }
            }
        }
        // The error stays until the batch is given up, whatever is tried.
        expectError({ if case .full = $0 { true } else { false } }) { try bench.admit(series, -5, .number(1)) }
        expectError({ if case .full = $0 { true } else { false } }) { try bench.commit() }
        try bench.open().rollback()
        #expect(try bench.reader().figures().readings == stored)
        #expect(try bench.admit(series, stored, .number(2)).admission == .new)
        try bench.commit()
        stored += 1
        #expect(try bench.reader().figures().readings == stored)
        #expect(try bench.restart().latest.map(\.value) == [.number(2)])
    }

    @Test func failedCommitLeavesTheFleetNew() throws {
        let bench = try Bench(settings: StoreSettings(maxPageCount: 40))
        for device in 0..<5000 { _ = bench.series("device-with-a-long-name-\(device)", "pressure") }
        expectError({ if case .full = $0 { true } else { false } }) { try bench.commit() }
        try bench.open().rollback()
        #expect(bench.fleet.savedSeries == 0)
        #expect(bench.fleet.dirtyDevices.count == 5000)
        #expect(try bench.count("SELECT count(*) FROM device") == 0)
    }

    @Test func restartGivesEveryIndexBack() throws {
        let bench = try Bench()
        var expected: [String] = []
        for number in 0..<300 {
            let component = number % 3 == 0 ? nil : "c\(number % 7)"
            let kind = number % 2 == 0 ? "hydrant" : "of-no-catalogue"
            let series = bench.series(
                "d\(number % 40)", "m\(number)", component: component, kind: number % 40 % 2 == 0 ? "hydrant" : kind)
            _ = bench.series("d\(number % 40)", "event.fault", component: component, inactive: true)
            try bench.admit(series, Int64(number), .number(Double(number)))
            if number % 50 == 0 { try bench.commit() }
        }
        bench.fleet.setOnline(3, false)
        bench.fleet.touch(4, area: bench.fleet.area("320105"), at: start + 9_000_000)
        try bench.commit()
        func names(_ fleet: Fleet) -> [String] {
            fleet.series.map {
                "\(fleet.devices[Int($0.device)].id)/\($0.component < 0 ? "" : fleet.components[$0.component])/\(fleet.metrics[$0.metric])/\($0.inactive)/\($0.anchor)"
            }
        }
        func devices(_ fleet: Fleet) -> [String] {
            fleet.devices.map {
                "\($0.id) \(fleet.kinds[$0.kind]) \(fleet.areas[$0.area]) \($0.firstSeen) \($0.lastSeen) \(String(describing: $0.online))"
            }
        }
        expected = names(bench.fleet)
        let expectedDevices = devices(bench.fleet)
        let state = try bench.restart()
        #expect(names(bench.fleet) == expected)
        #expect(devices(bench.fleet) == expectedDevices)
        #expect(bench.fleet.dirtyDevices.isEmpty)
        #expect(bench.fleet.savedSeries == expected.count)
        #expect(state.latest.count == 300)
        #expect(state.latest.allSatisfy { $0.value == .number(Double($0.at - start)) })
        #expect(try !bench.open().hasPending)
    }

    /// What lies on the disk after each commit is what a power cut leaves.
    @Test func everythingCommittedIsInTheFiles() throws {
        let bench = try Bench()
        let series = bench.series("h1", "pressure")
        for round in 1...3 as ClosedRange<Int64> {
            try bench.admit(series, round, .number(Double(round)))
            try bench.open().append(change(.raised, alarm("a\(round)")))
            try bench.open().quarantine(rejection([UInt8(round)]))
            try bench.commit()
            try bench.admit(series, -round, .number(0))
            let copy = try Bench()
            copy.close()
            for suffix in ["", "-wal"] {
                let target = URL(fileURLWithPath: copy.path + suffix)
                try? FileManager.default.removeItem(at: target)
                try FileManager.default.copyItem(at: URL(fileURLWithPath: bench.path + suffix), to: target)
            }
            let state = try copy.restart()
            #expect(state.latest.map(\.value) == [.number(Double(round))])
            let reader = try copy.reader()
            #expect(try reader.figures().readings == round)
            #expect(try reader.alarms(AlarmFilter(), limit: 9, cursor: nil).items.count == Int(round))
            #expect(try reader.quarantine(limit: 9, cursor: nil).items.count == Int(round))
            try bench.open().rollback()
        }
    }

    @Test func gapInTheRowsIsReportedAsDamage() throws {
        let bench = try Bench()
        for number in 0..<5 { _ = bench.series("d\(number)", "pressure") }
        try bench.commit()
        try bench.open().connection.execute("DELETE FROM series WHERE id = 3")
        expectError({ if case .corrupt = $0 { !$0.isTransient } else { false } }) { _ = try bench.restart() }
    }

    @Test func whatMessagesAreKnownByIsKeptAndBounded() throws {
        let bench = try Bench()
        for number in 0..<10_050 {
            try bench.open().remember(
                redelivery: Redelivery(
                    lane: .bulk, packetID: UInt16(truncatingIfNeeded: number), contentHash: .max - UInt64(number),
                    receivedAt: start + Int64(number)))
        }
        try bench.open().remember(redelivery: Redelivery(lane: .urgent, packetID: 7, contentHash: 1, receivedAt: start))
        try bench.open().remember(retainedTopic: .max, content: 1)
        try bench.open().remember(retainedTopic: .max, content: .max - 1)
        #expect(try bench.open().hasPending)
        try bench.commit()
        try bench.open().remember(redelivery: Redelivery(lane: .urgent, packetID: 8, contentHash: 1, receivedAt: start))
        try bench.open().rollback()
        #expect(try !bench.open().hasPending)
        try bench.commit()
        let state = try bench.restart()
        #expect(state.retained == [RetainedMark(topicHash: .max, contentHash: .max - 1)])
        #expect(state.redeliveries.filter { $0.lane == .urgent }.map(\.packetID) == [7])
        let bulk = state.redeliveries.filter { $0.lane == .bulk }
        #expect(bulk.count == 10_000)
        #expect(bulk.map { $0.receivedAt - start } == Array(50..<10_050))
        try bench.open().remember(redelivery: Redelivery(lane: .urgent, packetID: 9, contentHash: 1, receivedAt: start))
        try bench.commit()
        #expect(try bench.restart().redeliveries.filter { $0.lane == .urgent }.map(\.packetID) == [7, 9])
    }
}

import FireModel
import Foundation
import Testing

@testable import FireStore

struct MaintenanceTests {
    @Test func logIsBroughtIntoTheFileWhileTheWriterWrites() async throws {
        let bench = try Bench()
        let maintenance = try StoreMaintenance(path: bench.path, every: .milliseconds(20))
        let series = bench.series("h1", "pressure")
        var dice = Dice(seed: 1)
        let deadline = ContinuousClock.now + .seconds(30)
        var at: Int64 = 0
        // Without checkpoints the file itself would stay as small as an empty database.
        while fileSize(bench.path) < 4 << 20, ContinuousClock.now < deadline {
            for _ in 0..<500 {
                // Nothing that could be compressed.
                try bench.admit(series, at, .text((0..<20).map { _ in String(dice.next()) }.joined()))
                at += 1
            }
            try bench.commit()
        }
        maintenance.stop()
        #expect(fileSize(bench.path) >= 4 << 20)
        #expect(fileSize(bench.path + "-wal") < 64 << 20)
        #expect(try bench.reader().figures().readings == at)
    }

    /// Not a bound, a number to look at: `FIRESTORE_MEASURE=1 swift test --filter StoreTests.MaintenanceTests`.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["FIRESTORE_MEASURE"] != nil))
    func measureAdmissions() throws {
        let bench = try Bench()
        let all = (0..<10_000).map { bench.series("d\($0 / 5)", "m\($0 % 5)") }
        let start = ContinuousClock.now
        for round in 0..<40 as Range<Int64> {
            for (index, series) in all.enumerated() { try bench.admit(series, round * 60_000, .number(Double(index))) }
            try bench.commit()
        }
        let seconds = start.duration(to: .now) / .seconds(1)
        print(
            "400,000 readings in \(seconds) s: \(Int(400_000 / seconds)) a second, \(fileSize(bench.path) / 400_000) + \(fileSize(bench.path + "-wal") / 400_000) bytes each"
        )
    }
}

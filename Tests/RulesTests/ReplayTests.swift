import FireModel
import FireSettings
import Foundation
import Testing

@testable import FireRules

/// A restart is a checkpoint and the inputs since; after it, nothing may tell that there was one.
struct ReplayTests {
    /// More of them on request: what a few thousand have not found, a few hundred thousand may.
    private static let sequences =
        ProcessInfo.processInfo.environment["FIRESENSE_SEQUENCES"].flatMap { Int($0) } ?? 800

    @Test(arguments: 0..<4) func restartChangesNothing(_ part: Int) throws {
        var tally: [String: Int] = [:]
        let wanted = ProcessInfo.processInfo.environment["FIRESENSE_SEED"].flatMap { Int($0) }
        for seed in stride(from: part, to: Self.sequences, by: 4) where wanted == nil || wanted == seed {
            let world = ReplayWorld(seed: UInt64(seed))
            if seed % 12 < 4 {
                for _ in 0..<world.random.next(below: 30) { _ = world.step() }
                world.startFromAlarms()
            }
            // Now and then one restart takes up where the one before it ended.
            if let difference = try live(world, restarts: seed % 32 < 4 ? 4 : 1) {
                Issue.record("seed \(seed): \(difference)")
                return
            }
            tally.merge(world.tally, uniquingKeysWith: +)
        }
        // What has tested silence has tested nothing.
        for word in [
            "raised", "updated", "occurrence", "cleared", "acknowledged", "verdict", "late", "second raise of a time",
            "implausible", "panel reset", "reraised", "flags", "held back", "decided in memory", "to show",
            "shelved", "out_of_service", "inhibited", "grouped", "chattering", "drill", "escalated", "system raised",
            "system cleared",
        ] {
            #expect(tally[word] ?? 0 > Self.sequences / 200, "\(word) in \(tally)")
        }
    }

    private func live(_ world: ReplayWorld, restarts: Int) throws -> String? {
        for _ in 0..<restarts {
            for _ in 0..<world.random.next(below: 20) { _ = world.step() }
            world.takeCheckpoint()
            if let damage = world.damage { return damage }
            for _ in 0..<world.random.next(below: 12) { _ = world.step() }
            guard let other = try world.restarted() else { return "no checkpoint" }
            if let difference = world.difference(to: other) { return "at the restart: \(difference)" }
            for _ in 0..<10 {
                if let difference = world.step(beside: other) { return difference }
            }
            guard world.written(world.engine) == world.written(other) else {
                let (mine, others) = (world.written(world.engine), world.written(other))
                let place = zip(mine, others).prefix { $0 == $1 }.count
                return
                    "written differently at \(place) of \(mine.count): \(mine[max(0, place - 30)...].prefix(60)) beside \(others[max(0, place - 30)...].prefix(60)) \(world.inWords(beside: other))"
            }
            world.go(on: other)
        }
        return nil
    }
}

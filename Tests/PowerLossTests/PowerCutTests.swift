import FireModel
import FireStore
import Foundation
import Testing

/// Power cuts beyond those of an ordinary run: `FIRESENSE_POWER_CUTS=10000 swift test --filter PowerLossTests`.
private let moreCuts = ProcessInfo.processInfo.environment["FIRESENSE_POWER_CUTS"].flatMap(Int.init) ?? 0

/// Cut off at any call, the store comes back with everything that was acknowledged, each batch whole or absent.
@Suite(.serialized) struct PowerCutTests {
    private static let cutsPerWorkload = 60

    /// A workload is done once, and what the disk did is written down. Each cut then takes what the medium may
    /// hold behind one of its calls.
    @Test(arguments: 1...UInt64(4 + moreCuts / cutsPerWorkload))
    func whatWasAcknowledgedSurvivesACutAtAnyCall(_ seed: UInt64) throws {
        let disk = try Disk()
        let runner = Runner(disk, seed: seed)
        runner.run(Workload(seed: seed, steps: 45).steps)
        runner.close()
        #expect(runner.complaints + runner.errors.map(\.description) == [])
        #expect(runner.acknowledged > 15)
        try cutOften(Self.cutsPerWorkload, disk, runner.ledger, "workload \(seed)", Dice(seed: seed))
    }

    /// The store's own thread makes checkpoints meanwhile, on a connection of its own.
    @Test func whatWasAcknowledgedSurvivesACutDuringCheckpoints() throws {
        let disk = try Disk()
        let runner = Runner(disk)
        try runner.open()
        let maintenance = try StoreMaintenance(path: disk.path, every: .milliseconds(10))
        var at: Int64 = 0
        var dice = Dice(seed: 3)
        // Until what the thread has brought into the file is more than one log, so that the log began anew.
        while size(disk.path) < 7 << 20, runner.acknowledged < 60 {
            let deeds = (0..<400).map { _ in
                at += 1
                // Nothing that could be compressed much.
                let text = (0..<60).map { _ in String(dice.next()) }.joined()
                return Deed.reading(
                    GivenReading(
                        device: "d1", kind: "hydrant", area: "320102", metric: "note", at: Workload.start + at,
                        value: .text(text)))
            }
            runner.run([.batch(deeds)])
        }
        maintenance.stop()
        #expect(size(disk.path) >= 7 << 20, "no checkpoint was made")
        runner.close()
        #expect(runner.complaints + runner.errors.map(\.description) == [])
        try cutOften(10 + moreCuts / 100, disk, runner.ledger, "with maintenance", Dice(seed: 7))
    }

    /// Not the record but the store itself meets the cut: nothing is acknowledged that is not there.
    @Test func nothingIsAcknowledgedOnceThePowerIsGone() throws {
        let steps = Workload(seed: 11, steps: 20).steps
        let whole = try Disk()
        let runner = Runner(whole, seed: 11)
        runner.run(steps)
        runner.close()
        var dice = Dice(seed: 12)
        for _ in 0..<15 + moreCuts / 100 {
            let calls = Int64.random(in: 1..<whole.calls, using: &dice)
            let disk = try Disk()
            disk.cutPower(after: calls)
            let runner = Runner(disk, seed: 11)
            runner.run(steps)
            runner.close()
            #expect(disk.calls <= calls)
            let label = "cut at \(calls)"
            // Trouble of the disk is nothing that needs a person to touch the file.
            let grave = runner.errors.filter { !$0.isTransient }.map(\.description)
            guard report(runner.complaints + grave, label) else { return }
            guard try cut(disk, runner.ledger, at: disk.calls, seed: dice.next(), label) else { return }
        }
    }

    // MARK: - Cuts

    private func cutOften(_ count: Int, _ disk: Disk, _ ledger: Ledger, _ label: String, _ dice: Dice) throws {
        var dice = dice
        // In rising order, which spares reading the record anew for each.
        let cuts = (0..<count).map { _ in Int64.random(in: 0...disk.calls, using: &dice) }.sorted()
        var failed = 0
        for calls in cuts where failed < 3 {
            if try !cut(disk, ledger, at: calls, seed: dice.next(), "\(label), cut at \(calls)") { failed += 1 }
        }
    }

    /// - Returns: Whether nothing was wrong.
    private func cut(_ disk: Disk, _ ledger: Ledger, at calls: Int64, seed: UInt64, _ label: String) throws -> Bool {
        let label = "\(label), survival \(seed)"
        let left = try Disk(survivorsOf: disk, calls: calls, seed: seed)
        let examination = Examination(left, ledger, cutAt: calls)
        guard report(examination.complaints, label), let runner = examination.runner else { return false }
        // The store goes on.
        runner.run(Workload(seed: seed, [.batch, .batch], size: 5, now: Workload.later).steps)
        runner.close()
        guard report(runner.complaints + runner.errors.map(\.description), "\(label), going on") else { return false }
        #expect(runner.acknowledged == 2)
        // And is cut off once more, while it came back or later.
        var dice = Dice(seed: seed)
        let again = Int64.random(in: 0...left.calls, using: &dice)
        let second = try Disk(survivorsOf: left, calls: again, seed: seed)
        return report(
            Examination(second, runner.ledger, cutAt: again).complaints, "\(label), then cut at \(again)")
    }

    private func size(_ path: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    }
}

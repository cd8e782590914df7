import FireModel
import FireSettings
import Testing

@testable import FireRules

/// Whatever lies in the file: it is taken up or refused, and the engine goes on.
struct CheckpointFuzzTests {
    /// Everything a checkpoint can hold, in few bytes.
    private static func fullBench() -> RuleBench {
        let bench = RuleBench([.lowPressure(), .faultEvent])
        bench.read("h-1", "hydrant", "pressure", .number(0.09), at: -60)
        bench.read("h-2", "hydrant", "pressure", .number(300), at: 0, quality: .implausiblyHigh)
        bench.read("p-1", "panel", "test", .boolean(true), at: 0, component: "c-1")
        bench.event("p-1", "fault", at: 0, component: "c-1")
        bench.event("s-1", "fire", at: 0, kind: "smoke")
        bench.event("p-1", "fire", at: 0)
        bench.event("p-1", "reset", at: 10)
        // Ended by force against its cause, once more, and held back since; known from a store that was away.
        bench.steady = 5000
        for at in [0.0, 5] {
            guard let alarm = bench.event("s-2", "fire", at: at, kind: "smoke").first?.alarm else { continue }
            _ = try? bench.act(.reset(force: true), on: alarm)
            guard at == 0 else { continue }
            bench.engine.restore(alarm, ordinal: 0, live: 0, heldInput: alarm.raisedAt)
            _ = try? bench.act(.reset(force: true), on: alarm)
        }
        bench.event("s-2", "fire", at: 10, kind: "smoke", detail: "zone 4")
        return bench
    }

    /// - Returns: whether it was taken up.
    @discardableResult
    private func show(_ bytes: [UInt8], to bench: RuleBench) -> Bool {
        do throws(CheckpointError) {
            try bench.engine.restore(checkpoint: bytes, live: 1 << 40) { _ in nil }
        } catch {
            return false
        }
        // What was believed must not break anything later.
        _ = bench.engine.nextDeadline
        _ = bench.engine.activeCounts()
        for value in [0.09, 0.3] { bench.read("h-1", "hydrant", "pressure", .number(value), at: 60) }
        for _ in 0..<3 { bench.read("h-2", "hydrant", "pressure", .number(300), at: 60, quality: .implausiblyHigh) }
        for name in ["fire", "fault", "reset", "restored"] { bench.event("p-1", name, at: 60, component: "c-1") }
        bench.engine.advance(live: 1 << 41, now: bench.now)
        _ = bench.engine.takeChanges()
        bench.engine.adopt([.lowPressure(for: .seconds(1))])
        _ = bench.engine.checkpoint { _ in nil }
        bench.engine.adopt([.lowPressure(), .faultEvent])
        return true
    }

    /// With a checksum that is right, so that what it guards is tried as well.
    private func sealed(_ body: some Sequence<UInt8>) -> [UInt8] {
        var writer = CheckpointWriter()
        for byte in body { writer.byte(byte) }
        writer.seal()
        return writer.bytes
    }

    @Test func everyCutIsRefused() {
        let whole = Self.fullBench().engine.checkpoint { _ in nil }
        let bench = Self.fullBench()
        for length in whole.indices { #expect(!show(Array(whole[..<length]), to: bench)) }
        for length in 0..<(whole.count - 8) { #expect(!show(sealed(whole[..<length]), to: bench)) }
        #expect(!show(sealed(whole.dropLast(8) + [0]), to: bench))
        #expect(show(whole, to: bench))
    }

    @Test func everyFlippedBitIsRefused() {
        let whole = Self.fullBench().engine.checkpoint { _ in nil }
        let bench = Self.fullBench()
        for bit in 0..<(whole.count * 8) {
            var bytes = whole
            bytes[bit / 8] ^= 1 << (bit % 8)
            #expect(!show(bytes, to: bench))
        }
    }

    @Test func nothingBehindARightChecksumIsBelievedEither() {
        let whole = Self.fullBench().engine.checkpoint { _ in nil }.dropLast(8)
        let bench = Self.fullBench()
        var random = SplitMix64(state: 7)
        var taken = 0
        for _ in 0..<4000 {
            var body = Array(whole)
            for _ in 0...random.next(below: 3) {
                let place = 1 + random.next(below: body.count - 1)
                switch random.next(below: 5) {
                case 0: body[place] ^= 1 << UInt8(random.next(below: 8))
                case 1: body[place] = UInt8(random.next(below: 256))
                case 2: body.remove(at: place)
                case 3:
                    // A number at the end of what there is.
                    let last = body[place...].firstIndex { $0 < 0x80 } ?? place
                    body.replaceSubrange(place...last, with: Self.extremes[random.next(below: 3)])
                default: body.insert([0, 0x7F, 0x80, 0xFF][random.next(below: 4)], at: place)
                }
            }
            if show(sealed(body), to: bench) { taken += 1 }
        }
        // Texts of an alarm may be any, and a time is a time.
        #expect(taken > 0)
    }

    private static let extremes: [[UInt8]] = [
        [UInt8](repeating: 0xFF, count: 9) + [1], [0xFE] + [UInt8](repeating: 0xFF, count: 8) + [1],
        [0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
    ]

    /// It would take the fire for one that is known already.
    @Test func activeStateWithoutItsAlarmIsRefused() {
        let bench = RuleBench()
        let series = bench.series("s-1", "smoke", "smoke")
        var writer = CheckpointWriter()
        writer.byte(1)
        writer.count(1)
        writer.text(BuiltInRules.fire)
        writer.count(1)
        writer.count(Int(series) + 1)
        writer.count(1)
        // A machine: active, and all its times zero.
        for byte in [1, 2, 0, 0, 0, 0, 0, 0, 0, 0] as [UInt8] { writer.byte(byte) }
        #expect(!show(sealed(writer.bytes), to: bench))
        #expect(bench.read("s-1", "smoke", "smoke", .boolean(true), at: 0).map(\.kind) == [.raised])
    }

    @Test func bytesOfNothingAreRefused() {
        let bench = Self.fullBench()
        var random = SplitMix64(state: 11)
        for _ in 0..<2000 {
            let noise = (0..<random.next(below: 60)).map { _ in UInt8(random.next(below: 256)) }
            #expect(!show(noise, to: bench))
            show(sealed([1] + noise), to: bench)
        }
    }

    @Test func lengthAloneMakesNoRoom() {
        let bench = Self.fullBench()
        let huge: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]
        // In the place of each list in turn, and of the length of a rule's id.
        for lists in 0..<5 {
            #expect(!show(sealed([1] + [UInt8](repeating: 0, count: lists) + huge), to: bench))
        }
        #expect(!show(sealed([1, 1] + huge), to: bench))
        #expect(!show(sealed([1] + huge + [0x7F]), to: bench))
    }
}

import FireModel

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). The standard
/// library's generator has no seed, and its `random(in:using:)` may change its algorithm between releases;
/// a run must be repeatable with the next compiler too.
package struct Randomness: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    /// A stream of its own for each device, whatever else the fleet consists of.
    package init(seed: UInt64, stream: UInt64) {
        var mixer = Randomness(seed: seed)
        state = mixer.next() ^ (stream &* 0xD1B5_4A32_D192_ED03)
        state = next()
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// 0 to below 1.
    package mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    package mutating func within(_ range: ClosedRange<Double>) -> Double {
        range.lowerBound + unit() * (range.upperBound - range.lowerBound)
    }

    package mutating func whole(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.upperBound - range.lowerBound + 1))
    }

    package mutating func chance(_ probability: Double) -> Bool { unit() < probability }

    /// Bell-shaped (Irwin–Hall of four), never beyond ±2: sensor noise without outliers that would alarm.
    package mutating func noise() -> Double { unit() + unit() + unit() + unit() - 2 }

    /// Fisher–Yates.
    package mutating func shuffle<Element>(_ items: inout [Element]) {
        for last in stride(from: items.count - 1, to: 0, by: -1) { items.swapAt(last, whole(0...last)) }
    }
}

/// As many decimals as a sensor of its kind shows.
func rounded(_ value: Double, _ decimals: Int) -> Value {
    let scale = decimals == 0 ? 1 : decimals == 1 ? 10 : decimals == 2 ? 100 : 1000.0
    // `+ 0` turns a negative zero into zero.
    return .number((value * scale).rounded() / scale + 0)
}

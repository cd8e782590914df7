import Synchronization

/// A number that only rises. Counting is one relaxed atomic add; made once, never per message.
public final class Counter: Sendable {
    private let count = Atomic<UInt64>(0)
    public init() {}
    @inlinable public func increment() { add(1) }
    public func add(_ amount: UInt64) { count.wrappingAdd(amount, ordering: .relaxed) }
    public var value: UInt64 { count.load(ordering: .relaxed) }
}

/// A number that rises and falls.
public final class Gauge: Sendable {
    private let bits = Atomic<UInt64>(0)
    public init(_ value: Double = 0) { set(value) }
    public func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    public func raise(to value: Double) {
        var seen = bits.load(ordering: .relaxed)
        while Double(bitPattern: seen) < value {
            let (done, now) = bits.weakCompareExchange(expected: seen, desired: value.bitPattern, ordering: .relaxed)
            if done { return }
            seen = now
        }
    }
    public var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}

/// A cumulative histogram with fixed bounds, in seconds.
public final class Histogram: Sendable {
    /// From half a millisecond, a fast flash's sync, to the minute a flooded receiver may take.
    public static let secondsBounds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]

    struct State {
        var counts: [UInt64]
        var sum = 0.0
    }

    let bounds: [Double]
    private let state: Mutex<State>

    public init(bounds: [Double] = Histogram.secondsBounds) {
        self.bounds = bounds
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    public func observe(_ seconds: Double) {
        let bucket = bounds.firstIndex { seconds <= $0 } ?? bounds.count
        state.withLock {
            $0.counts[bucket] += 1
            $0.sum += seconds
        }
    }

    var snapshot: State { state.withLock { $0 } }
}

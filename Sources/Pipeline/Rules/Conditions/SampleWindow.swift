import FireModel

/// The newest readings of one series, as far as a window reaches back.
struct SampleWindow: Equatable, Sendable {
    struct Sample: Equatable, Sendable {
        /// Milliseconds since 1970.
        var at: Int64
        var value: Double
    }

    /// More than these are not kept of one window: the oldest go. Readings each minute fill a day's window with 1440
    /// that way only to two thirds, and a flood of them costs 16 KiB.
    static let capacity = 1024

    private var samples: [Sample] = []
    private var first = 0

    init(_ samples: [Sample] = []) { self.samples = samples }

    var kept: ArraySlice<Sample> { samples[first...] }
    var last: Sample? { kept.last }

    /// - Parameter oldest: what is before it is not in the window any more.
    mutating func add(_ sample: Sample, oldest: Int64) {
        // Its clock has gone back: what it said then is in no order with what it says now.
        if let last, last.at > sample.at { clear() }
        if samples.count == samples.capacity { compact() }
        samples.append(sample)
        trim(oldest: oldest)
    }

    mutating func trim(oldest: Int64) {
        while first < samples.count, samples[first].at < oldest || samples.count - first > Self.capacity { first += 1 }
        if first > 32, first > samples.count / 2 { compact() }
    }

    private mutating func compact() {
        guard first > 0 else { return }
        samples.removeFirst(first)
        first = 0
    }

    private mutating func clear() {
        samples.removeAll(keepingCapacity: true)
        first = 0
    }

    /// `nil`: it is empty.
    func value(_ measure: Condition.Measure) -> Double? {
        guard let last else { return nil }
        switch measure {
        case .rise: return last.value - least
        case .fall: return most - last.value
        case .statistic(let statistic, _):
            switch statistic {
            case .avg: return sum / Double(kept.count)
            case .min: return least
            case .max: return most
            case .sum: return sum
            case .count: return Double(kept.count)
            }
        case .value, .flaps, .deviation: return nil
        }
    }

    private var least: Double { kept.reduce(.infinity) { Swift.min($0, $1.value) } }
    private var most: Double { kept.reduce(-.infinity) { Swift.max($0, $1.value) } }
    private var sum: Double { kept.reduce(0) { $0 + $1.value } }

    static func == (a: SampleWindow, b: SampleWindow) -> Bool { a.kept == b.kept }
}

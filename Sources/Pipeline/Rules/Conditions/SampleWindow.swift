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
    var last: Sample? { first < samples.count ? samples[samples.count - 1] : nil }

    /// - Parameter oldest: what is before it is not in the window any more.
    mutating func add(_ sample: Sample, oldest: Int64, for measure: Condition.Measure) {
        // Its clock has gone back: what it said then is in no order with what it says now.
        if let last, last.at > sample.at { clear() }
        // Of an extreme what came before and is less extreme will never be asked again, as it leaves first.
        switch measure {
        case .rise, .statistic(.min, _):
            while first < samples.count, let last, last.value >= sample.value { samples.removeLast() }
        case .fall, .statistic(.max, _):
            while first < samples.count, let last, last.value <= sample.value { samples.removeLast() }
        case .value, .statistic, .flaps, .deviation: break
        }
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

    /// `nil`: it is empty. Of extremes the first that is kept is the furthest.
    func value(_ measure: Condition.Measure) -> Double? {
        guard first < samples.count, let last else { return nil }
        let extreme = samples[first].value
        switch measure {
        case .rise: return last.value - extreme
        case .fall: return extreme - last.value
        case .statistic(.min, _), .statistic(.max, _): return extreme
        case .statistic(.avg, _): return sum / Double(samples.count - first)
        case .statistic(.sum, _): return sum
        case .statistic(.count, _): return Double(samples.count - first)
        case .value, .flaps, .deviation: return nil
        }
    }

    private var sum: Double {
        var sum = 0.0
        for index in first..<samples.count { sum += samples[index].value }
        return sum
    }

    static func == (a: SampleWindow, b: SampleWindow) -> Bool { a.kept == b.kept }
}

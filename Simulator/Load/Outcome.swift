import FireDevices
import Histogram

/// What one connection did; the sum over all of them is the result of the run.
struct Outcome: Sendable {
    struct Tally: Sendable, Equatable {
        var messages = 0
        var readings = 0
        var bytes = 0
    }

    var tallies: [Kind: Tally] = [:]
    var statuses = 0
    var acknowledged = 0
    /// Answered with a reason from 128 up, for example by access rules.
    var refused = 0
    /// Published more than `Publisher.lateAfter` behind the schedule.
    var late = 0
    var worstLateness = Duration.zero
    /// How far timestamps had to run ahead of the clock to be unique, ms.
    var lead: Int64 = 0
    var reconnects = 0
    var firesSent: [(device: String, event: String, at: String)] = []
    /// From the moment a message was due (unpaced: handed over) to its acknowledgement, µs.
    var latency = LatencyHistogram()
    /// From the common start to the last acknowledgement.
    var elapsed: Duration?
    /// Why it ended before its time.
    var failure: String?

    var sent: Int { statuses + tallies.values.reduce(0) { $0 + $1.messages } }

    var readings: Int { statuses + tallies.values.reduce(0) { $0 + $1.readings } }

    mutating func count(_ kind: Kind, readings: Int, bytes: Int) {
        tallies[kind, default: Tally()].messages += 1
        tallies[kind, default: Tally()].readings += readings
        tallies[kind, default: Tally()].bytes += bytes
    }

    mutating func add(_ other: Outcome) {
        for (kind, tally) in other.tallies {
            tallies[kind, default: Tally()].messages += tally.messages
            tallies[kind, default: Tally()].readings += tally.readings
            tallies[kind, default: Tally()].bytes += tally.bytes
        }
        statuses += other.statuses
        acknowledged += other.acknowledged
        refused += other.refused
        late += other.late
        worstLateness = max(worstLateness, other.worstLateness)
        lead = max(lead, other.lead)
        reconnects += other.reconnects
        firesSent += other.firesSent
        latency.add(other.latency)
        if let time = other.elapsed { elapsed = max(elapsed ?? time, time) }
        failure = failure ?? other.failure
    }
}

/// Microseconds up to ten minutes, three digits.
struct LatencyHistogram: Sendable {
    private static let longest: UInt64 = 600_000_000
    private var histogram = Histogram<UInt64>(
        highestTrackableValue: Self.longest, numberOfSignificantValueDigits: .three)

    var count: Int { Int(histogram.totalCount) }
    var maximum: Duration { .microseconds(Int64(histogram.totalCount == 0 ? 0 : histogram.max)) }

    mutating func record(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let microseconds = max(0, seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
        histogram.record(min(UInt64(microseconds), Self.longest))
    }

    mutating func add(_ other: LatencyHistogram) { histogram.add(other.histogram) }

    func percentile(_ percentile: Double) -> Duration {
        .microseconds(Int64(histogram.totalCount == 0 ? 0 : histogram.valueAtPercentile(percentile)))
    }
}

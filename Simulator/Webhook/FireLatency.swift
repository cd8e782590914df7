import Foundation
import Synchronization

/// Matches the fires that were published with the webhooks that arrived.
final class FireLatency: Sendable {
    private struct State {
        var published: [String: ContinuousClock.Instant] = [:]
        var latencies: [Duration] = []
        var repeated = 0
        var seen = Set<String>()
    }
    private let state = Mutex(State())

    struct Result: Sendable, Equatable {
        var published: Int
        var received: Int
        /// Further deliveries of a fire that had arrived already.
        var repeated: Int
        /// Of those that arrived, rising.
        var latencies: [Duration]

        var missing: Int { published - received }

        /// The smallest latency that so many percent do not exceed (nearest rank); `nil`: none arrived.
        func percentile(_ percent: Double) -> Duration? {
            guard !latencies.isEmpty else { return nil }
            let rank = Int((percent / 100 * Double(latencies.count)).rounded(.up))
            return latencies[min(max(rank, 1), latencies.count) - 1]
        }
    }

    func published(_ device: String, at instant: ContinuousClock.Instant) {
        state.withLock { $0.published[device] = instant }
    }

    func received(_ body: [UInt8], at instant: ContinuousClock.Instant) {
        guard let device = Self.deviceOnFire(body) else { return }
        state.withLock { state in
            guard let start = state.published[device] else { return }
            guard state.seen.insert(device).inserted else {
                state.repeated += 1
                return
            }
            state.latencies.append(start.duration(to: instant))
        }
    }

    var result: Result {
        state.withLock { state in
            Result(
                published: state.published.count, received: state.latencies.count, repeated: state.repeated,
                latencies: state.latencies.sorted())
        }
    }

    /// The device of a CloudEvent that tells of a new fire (contract 7); `nil` for every other body.
    static func deviceOnFire(_ body: [UInt8]) -> String? {
        guard let event = try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any],
            event["type"] as? String == "firesense.alarm.raised", let alarm = event["data"] as? [String: Any],
            alarm["category"] as? String == "fire", let device = alarm["device"] as? [String: Any]
        else { return nil }
        return device["id"] as? String
    }
}

import FireModel
import Glibc

/// What the time of day does to water, weather and people.
struct DayTime {
    /// Hours since midnight in China, 0 to below 24 (UTC+8, no summer time).
    let hour: Double

    init(_ time: Timestamp) {
        let inDay = (time.milliseconds + 8 * 3_600_000) % 86_400_000
        hour = Double(inDay) / 3_600_000
    }

    /// -1 in the small hours, 1 at three in the afternoon.
    var warmth: Double { cos((hour - 15) / 24 * 2 * .pi) }

    /// 0 to 1, a hump around `centre` of about `width` hours to either side; it wraps at midnight.
    func hump(at centre: Double, width: Double) -> Double {
        let distance = min(abs(hour - centre), 24 - abs(hour - centre))
        return exp(-(distance / width) * (distance / width))
    }

    /// 0 to 1: how busy a building is.
    var activity: Double { min(1, hump(at: 10.5, width: 2.5) + hump(at: 16, width: 3) + 0.7 * hump(at: 20, width: 2)) }
}

/// Hours from the last look to this one. A device that was long silent did not age a month at a blow.
struct Clockwork: Sendable {
    private var last: Timestamp?

    mutating func hours(to now: Timestamp) -> Double {
        defer { last = now }
        guard let last else { return 0 }
        return min(max(Double(now - last) / 3_600_000, 0), 24)
    }
}

import FireModel

/// What a device usually shows at each hour of the day, learned from its own readings.
///
/// Robust: an input moves the centre by no more than three spreads would, so that what it is to detect does not
/// teach it (the location estimator of Huber 1964, in steps). About the last 240 readings of an hour count. The hour
/// is that of UTC: any zone without summer time has the same ones.
struct Baseline: Equatable, Sendable {
    struct Hour: Equatable, Sendable {
        var centre: Float = 0
        /// Mean distance from the centre.
        var spread: Float = 0
        var count: UInt16 = 0
    }

    /// Milliseconds since 1970.
    var firstAt: Int64
    var hours = [Hour](repeating: Hour(), count: 24)

    /// An hour says nothing before it has seen so many readings.
    static let fewest: UInt16 = 8
    static let most: UInt16 = 240

    init(firstAt: Int64) { self.firstAt = firstAt }

    /// How far off the value is, in standard deviations of this hour; `nil`: not learned yet. Then it learns from it.
    mutating func observe(_ value: Double, at: Int64, learned: Int64) -> Double? {
        let hour = Int(((at / 3_600_000) % 24 + 24) % 24)
        if at < firstAt { firstAt = at }
        defer { hours[hour].learn(Float(value)) }
        guard at - firstAt >= learned, hours[hour].count >= Self.fewest else { return nil }
        return (value - Double(hours[hour].centre)) / Double(hours[hour].deviation)
    }
}

extension Baseline.Hour {
    /// For normally distributed values the mean distance is 0.798 of it. A value that never changes would make any
    /// other infinitely far, so it is a hundredth of the centre at least.
    var deviation: Float { max(spread * 1.2533, abs(centre) * 0.01, 1e-6) }

    mutating func learn(_ value: Float) {
        // Beyond this their distances would not be numbers any more.
        guard abs(value) < 1e30 else { return }
        let isEarly = count < Baseline.fewest
        var distance = value - centre
        if count == 0 {
            centre = value
            distance = 0
        }
        let bound = 3 * deviation
        if !isEarly { distance = min(max(distance, -bound), bound) }
        let weight = Float(min(count, Baseline.most) + 1)
        centre += distance / weight
        spread += (abs(distance) - spread) / weight
        if count < .max { count += 1 }
    }
}

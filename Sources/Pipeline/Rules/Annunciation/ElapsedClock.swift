import FireModel

/// All time that has passed, whether the broker was there or not: what escalation, floods and chattering go by. Within
/// a run of the daemon the steady clock counts, so that no step of the wall clock moves it; over a restart the wall
/// clock says how long it was, and never less than nothing.
struct ElapsedClock: Equatable, Codable {
    private(set) var elapsed: Int64 = 0
    private(set) var wall: Int64?
    private(set) var steady: Int64?

    /// What `observe` would bring it to.
    func reading(_ steady: Int64?, _ now: Timestamp) -> Int64 {
        if let steady, let last = self.steady { return elapsed + max(0, steady - last) }
        guard let wall else { return elapsed }
        return elapsed + min(max(0, now.milliseconds - wall), Self.longestGap)
    }

    /// - Parameter now: `nil`: it is not known here.
    mutating func observe(_ steady: Int64?, _ now: Timestamp?) {
        if let now {
            elapsed = reading(steady, now)
            wall = now.milliseconds
        } else if let steady, let last = self.steady {
            elapsed += max(0, steady - last)
        } else {
            return
        }
        self.steady = steady
    }

    /// `steady` counts from elsewhere now.
    mutating func began() { steady = nil }

    /// Ten years off is a wrong clock.
    private static let longestGap: Int64 = 10 * 365 * 86_400_000

    var isSound: Bool {
        (0...AnnunciationState.furthest).contains(elapsed) && AnnunciationState.isSound(wall)
            && AnnunciationState.isSound(steady)
    }
}

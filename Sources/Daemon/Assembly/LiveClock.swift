/// The gateway's counting clock: milliseconds during which it was up, connected and not draining a
/// backlog. What `for` and `clear_for` go on by when no reading comes (contract 6, "Time"); no step of
/// the wall clock moves it.
struct LiveClock {
    private(set) var milliseconds: Int64 = 0
    /// All time since the start, counted or not.
    private(set) var steady: Int64 = 0
    private let began: ContinuousClock.Instant
    private var last: ContinuousClock.Instant
    private var remainder = Duration.zero
    private var isCounting = false

    /// - Parameter milliseconds: where the counting clock of the last run stood.
    init(now: ContinuousClock.Instant, milliseconds: Int64 = 0) {
        self.milliseconds = milliseconds
        began = now
        last = now
    }

    /// Counts what has passed since the last call if the gateway was counting then.
    mutating func advance(to now: ContinuousClock.Instant, isCounting: Bool) {
        if self.isCounting {
            let passed = last.duration(to: now) + remainder
            let whole = Int64(passed / .milliseconds(1))
            milliseconds += whole
            remainder = passed - .milliseconds(whole)
        }
        last = now
        steady = Int64(began.duration(to: now) / .milliseconds(1))
        self.isCounting = isCounting
    }

    /// When the counter will reach `deadline`, should it go on counting; `nil`: it stands.
    func instant(of deadline: Int64) -> ContinuousClock.Instant? {
        guard isCounting else { return nil }
        return last.advanced(by: .milliseconds(max(0, deadline - milliseconds)))
    }
}

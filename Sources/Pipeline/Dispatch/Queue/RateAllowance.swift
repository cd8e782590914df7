/// How many requests a minute an endpoint takes; what comes above is refused there, and at some robots shuts them
/// for minutes.
struct RateAllowance: Equatable {
    typealias Instant = ContinuousClock.Instant

    /// At least 1.
    let perMinute: Int
    /// A receiver that says what it likes is not asked where it burns; a robot would refuse the fire itself.
    let boundsFire: Bool
    /// The last so many, in their order.
    private var starts: [Instant] = []

    init(perMinute: Int, boundsFire: Bool) {
        self.perMinute = max(1, perMinute)
        self.boundsFire = boundsFire
    }

    mutating func started(_ now: Instant) {
        if starts.count >= perMinute { starts.removeFirst(starts.count - perMinute + 1) }
        starts.append(now)
    }

    /// From when on another may start. A quarter is kept for fires.
    func gate(fire: Bool) -> Instant? {
        guard !fire || boundsFire else { return nil }
        return gate(fire || !boundsFire ? perMinute : max(1, perMinute * 3 / 4))
    }

    /// For what is sent once more: half is kept for what was never sent.
    var replayGate: Instant? { gate(max(1, perMinute / 2)) }

    private func gate(_ allowed: Int) -> Instant? {
        guard starts.count >= allowed else { return nil }
        return starts[starts.count - allowed] + .seconds(60)
    }
}

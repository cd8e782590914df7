/// When a delivery is tried again (contract 7). Pure: what is random comes in as a parameter.
public struct RetrySchedule: Sendable, Equatable {
    /// When the attempts are made, counted from the first, where the receiver answers at once. One that
    /// takes long to fail is waited for first, and the distances stay.
    public var offsets: [Duration] = [
        .zero, .seconds(1), .seconds(2), .seconds(5), .seconds(10), .seconds(20), .seconds(30), .seconds(60),
        .seconds(120), .seconds(300), .seconds(600), .seconds(1800),
    ]
    /// What is refused for what it is begins here: a receiver in the middle of a deployment also answers 400 or 404.
    public var slowTail = 8
    /// From then on.
    public var steady = Duration.seconds(3600)
    /// Attempts at the steady pace, three days of them.
    public var steadyAttempts = 72
    /// A delivery is not given up before this age: early tries after another's success use up no days.
    public var lifetime = Duration.seconds(3 * 86_400)
    /// A fire waits no longer than this, whatever the receiver asks for.
    public var fireCeiling = Duration.seconds(60)
    /// `Retry-After` is obeyed up to this for everything but fire.
    public var retryAfterCeiling = Duration.seconds(3600)
    /// Between two attempts at an endpoint that is down, over all its deliveries.
    public var downPace = Duration.seconds(1)
    /// Between two attempts at an endpoint that answered 410.
    public var heldPace = Duration.seconds(3600)

    public init() {}

    /// How long to wait after a failure.
    /// - Parameters:
    ///   - attempts: Made so far, at least 1.
    ///   - isLasting: The next attempt is not likely to fare better. A fire waits no longer for that.
    ///   - random: In 0…1; spreads the wait by ±10 %, never to before what `retryAfter` asks for.
    func wait(
        after attempts: Int, isFire: Bool, isLasting: Bool = false, retryAfter: Duration?, random: Double
    ) -> Duration {
        let attempts = isLasting && !isFire ? attempts + slowTail - 1 : attempts
        var wait =
            (1..<offsets.count).contains(attempts) ? offsets[attempts] - offsets[attempts - 1] : steady
        // Leaves room for the spread, so that a hundred fires do not all come on the same second.
        if isFire { wait = min(wait, fireCeiling * 0.9) }
        wait = wait * (0.9 + 0.2 * random)
        if let retryAfter { wait = max(wait, min(retryAfter, isFire ? fireCeiling : retryAfterCeiling)) }
        return wait
    }

    /// Whether the schedule has run out. The count and the age must both say so: a clock that leaps ahead
    /// ends nothing. An age below zero tells nothing but that the clock was wrong, and the count decides.
    func isExhausted(attempts: Int, age: Duration) -> Bool {
        attempts >= offsets.count + steadyAttempts && (age >= lifetime || age < .zero)
    }
}

import Synchronization

/// Lets one line through per interval and counts what it held back, so that a mad device cannot fill
/// the journal and nothing is dropped in silence either.
public final class RateLimit: Sendable {
    private struct State {
        var last: ContinuousClock.Instant?
        var held: UInt64 = 0
    }

    private let interval: Duration
    private let state = Mutex(State())

    public init(every interval: Duration) { self.interval = interval }

    /// `nil`: stay quiet. Otherwise say it, and say how many like it were held back since the last.
    public func pass(now: ContinuousClock.Instant = .now) -> UInt64? {
        state.withLock { state in
            if let last = state.last, last.duration(to: now) < interval {
                state.held += 1
                return nil
            }
            defer { state.held = 0 }
            state.last = now
            return state.held
        }
    }
}

/// Tells when the queue that the broker kept for an absent session has been read to its end.
///
/// Over at the first silence, unless the broker may only be waiting for acknowledgements. Where so many
/// devices report that there is no silence, over after a second in which the stream was thinner than one
/// that comes out of a queue.
struct Backlog {
    static let silence = Duration.milliseconds(50)
    static let span = Duration.seconds(1)
    /// Messages in a span. A province sends 2,000 a second, a queue is drained at 20,000 and more.
    static let thin = 10_000

    private(set) var isDraining: Bool
    private var spanStart: ContinuousClock.Instant
    private var last: ContinuousClock.Instant
    private var count = 0
    private var isHeldUp = false

    /// - Parameter sessionPresent: without a session the broker has kept nothing.
    init(sessionPresent: Bool, connectedAt now: ContinuousClock.Instant) {
        isDraining = sessionPresent
        spanStart = now
        last = now
    }

    mutating func received(at now: ContinuousClock.Instant) {
        guard isDraining else { return }
        last = now
        count += 1
    }

    /// A burst has ended.
    mutating func closed(_ reason: Linger.Reason, at now: ContinuousClock.Instant) {
        guard isDraining else { return }
        // What we did ourselves meanwhile was no silence of the broker.
        last = now
        if reason == .full || reason == .stalled { isHeldUp = true }
        guard now - spanStart >= Self.span else { return }
        if !isHeldUp && count < Self.thin { isDraining = false }
        spanStart = now
        count = 0
        isHeldUp = false
    }

    /// The socket is empty. `mayBeStalled`: the broker may be waiting for us.
    mutating func empty(at now: ContinuousClock.Instant, mayBeStalled: Bool) {
        if isDraining, !mayBeStalled, now - last >= Self.silence { isDraining = false }
    }
}

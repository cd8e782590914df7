import FireModel
import Synchronization

/// The time that signs. As long as the gateway's clock is not synchronised, a box without a clock of its own may
/// believe it is 1970, and a receiver turns away what is signed with that: then the time a receiver has told, in
/// the `Date` of an answer, is better than our own.
final class SigningClock: Sendable {
    private struct Heard {
        var time: Timestamp
        var at: ContinuousClock.Instant

        func time(at now: ContinuousClock.Instant) -> Timestamp {
            time + Int64(at.duration(to: now) / .milliseconds(1))
        }
    }

    private struct State {
        /// By endpoint: it is its own clock a receiver compares with.
        var heard: [String: Heard] = [:]
        var latest: Heard?
    }

    /// `Date` has whole seconds, and answers travel.
    static let tolerance: Int64 = 60_000
    /// Whoever tells another time than one within the life of this program does not know it: 2026 to 2056.
    private static let believable =
        Timestamp(
            milliseconds: 1_767_225_600_000)...Timestamp(
            milliseconds: 2_713_910_400_000)

    private let state = Mutex(State())
    private let isTrusted: @Sendable () -> Bool

    /// - Parameter isSynchronised: Whether the gateway's own clock is.
    init(isSynchronised: @escaping @Sendable () -> Bool) { isTrusted = isSynchronised }

    var isSynchronised: Bool { isTrusted() }

    /// - Parameter wall: Wall clock.
    func time(for endpoint: String, wall: Timestamp, now: ContinuousClock.Instant = .now) -> Timestamp {
        guard !isTrusted() else { return wall }
        return state.withLock { $0.heard[endpoint] ?? $0.latest }?.time(at: now) ?? wall
    }

    /// - Parameter signed: The time that had signed what was answered.
    /// - Returns: Whether that was so far off that the receiver may have refused it for this.
    func heard(_ date: Timestamp, from endpoint: String, signed: Timestamp, now: ContinuousClock.Instant = .now) -> Bool
    {
        guard !isTrusted(), Self.believable.contains(date) else { return false }
        let heard = Heard(time: date, at: now)
        state.withLock {
            $0.heard[endpoint] = heard
            $0.latest = heard
        }
        return abs(date - signed) > Self.tolerance
    }
}

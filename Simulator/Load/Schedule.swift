/// When each message of one connection is due: an open loop, fixed before the run. A broker or machine that
/// stalls makes messages late; it does not make the schedule wait for it, so that the stall is seen in the
/// latency of all the messages it held up (coordinated omission).
struct Schedule: Sendable, Equatable {
    enum Limit: Sendable, Equatable {
        /// Messages of the whole run.
        case count(Int)
        case duration(Duration)
    }

    /// Messages a second of the whole run; 0: as fast as the broker takes them.
    var rate: Double
    var limit: Limit
    /// Connections take turns: this one sends messages `connection`, `connection + connections`, …
    var connection: Int
    var connections: Int

    var isPaced: Bool { rate > 0 }

    /// Since the start of the run.
    /// - Returns: `nil` when message `index` of this connection is none of the run.
    func due(_ index: Int) -> Duration? {
        let overall = index * connections + connection
        let due = isPaced ? Duration.nanoseconds(Int64((Double(overall) * 1e9 / rate).rounded())) : .zero
        switch limit {
        case .count(let count): return overall < count ? due : nil
        case .duration(let duration): return due < duration ? due : nil
        }
    }

    /// An unpaced run for a time ends by the clock; a paced one by its schedule, late messages included.
    func isOver(elapsed: Duration) -> Bool {
        guard !isPaced, case .duration(let duration) = limit else { return false }
        return elapsed >= duration
    }
}

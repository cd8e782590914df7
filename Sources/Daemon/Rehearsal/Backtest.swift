import FireModel
import FireStore

/// Runs rules over stored history, as if the gateway had been up and connected all the time.
///
/// Readings come in the order of their own times, since when they were received is not kept apart. Operators do
/// nothing, but for one thing: a latched alarm ends when the stored one of its key was ended by somebody, or it would
/// hide every later one.
public struct Backtest: Sendable {
    /// A set of rules that is run.
    public struct Candidate: Sendable {
        public var rules: [RuleDefinition]
        public init(_ rules: [RuleDefinition]) { self.rules = rules }
    }

    public var catalogue: Catalogue
    public var gateway: String
    public var from: Timestamp
    public var to: Timestamp
    public var filter = SeriesFilter()
    /// What people have ended, see above.
    public var resets: [Alarm] = []

    /// More alarms than anybody looks at; they would not fit into memory.
    public static let mostAlarms = 1_000_000

    public struct TooMany: Error, CustomStringConvertible {
        public var description: String {
            "the rules raise more than \(Backtest.mostAlarms) alarms in this time; narrow --from and --to, or filter"
        }
    }

    public init(catalogue: Catalogue, gateway: String, from: Timestamp, to: Timestamp) {
        self.catalogue = catalogue
        self.gateway = gateway
        self.from = from
        self.to = to
    }

    /// How long before `from` the rules are shown what was; alarms of that time are not counted.
    public func warmUp(_ candidates: [Candidate]) -> Duration {
        candidates.flatMap(\.rules).map { $0.warmUp(catalogue) }.max() ?? .zero
    }

    /// One pass over the history for all candidates.
    ///
    /// - Parameter progress: told how far it is in time, and how many readings have been applied.
    /// - Throws: `StoreError`, `TooMany`, and what `progress` throws.
    public func run(
        _ candidates: [Candidate], over reader: StoreReader,
        progress: (_ reached: Timestamp, _ readings: Int) throws -> Void = { _, _ in }
    ) throws -> [BacktestOutcome] {
        let begin = from + -warmUp(candidates).wholeMilliseconds
        let interest = Interest(candidates.flatMap(\.rules))
        var scan = try reader.scan(TimeRange(from: begin, to: to), filter) { interest.includes(kind: $0, metric: $1) }
        let runs = candidates.map { BacktestRun(self, $0, scan.series, at: begin) }
        var readings = 0
        while let batch = try scan.next() {
            for run in runs { try run.apply(batch) }
            readings += batch.items.count
            try progress(scan.reached, readings)
        }
        return try runs.map { try $0.finish() }
    }
}

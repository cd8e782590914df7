import Logging
import Synchronization

/// The level below which nothing is said, shared by every logger of the process, so that a reload
/// changes it for all of them at once.
public final class LogThreshold: Sendable {
    private let index: Atomic<Int>

    public init(_ level: Logger.Level) { index = Atomic(Self.index(of: level)) }

    public var level: Logger.Level {
        get { Logger.Level.allCases[index.load(ordering: .relaxed)] }
        set { index.store(Self.index(of: newValue), ordering: .relaxed) }
    }

    private static func index(of level: Logger.Level) -> Int { Logger.Level.allCases.firstIndex(of: level) ?? 0 }
}

/// What both handlers hold: a logger may be given a level and metadata of its own.
struct LogContext: Sendable {
    let threshold: LogThreshold
    var own: Logger.Level?
    var metadata: Logger.Metadata = [:]
    var provider: Logger.MetadataProvider?

    var level: Logger.Level { own ?? threshold.level }

    /// In the order of the names, so that lines can be compared; the nearest to the call wins.
    func pairs(_ event: LogEvent) -> [(key: String, value: String)] {
        var all = metadata
        if let provided = provider?.get() { all.merge(provided) { $1 } }
        if let error = event.error { all[LogKey.error] = "\(error)" }
        if let given = event.metadata { all.merge(given) { $1 } }
        return all.sorted { $0.key < $1.key }.map { ($0.key, $0.value.description) }
    }
}

import FireTelemetry
import Synchronization

/// What the store does and what it lets go.
public final class StoreCounters: Sendable {
    /// Duration of COMMIT, which includes the sync.
    public let commitSeconds = Histogram()
    /// Readings deleted because they were older than `retention.raw`, or for the size bound.
    public let readingsExpired = Counter()
    /// Alarms deleted with their history and deliveries.
    public let alarmsExpired = Counter()
    /// Quarantined payloads that fell out before anybody looked at them: too many, too large, too old.
    public let quarantineDropped = Counter()
    /// Checkpoints that failed; the write-ahead log grows meanwhile.
    public let checkpointsFailed = Counter()

    /// Chunks, journal rows and others that could not be read and were passed over.
    public let damaged = Counter()

    /// Pages in the write-ahead log since it last began anew, as of the last commit; -1: nobody writes.
    let logPages = Atomic<Int>(-1)

    public init() {}

    public func register(on page: MetricPage) {
        page.register("commit_seconds", "Duration of a commit, its sync included.", [], commitSeconds)
        page.register("readings_expired_total", "Readings deleted by age or for the size bound.", [], readingsExpired)
        page.register("alarms_expired_total", "Cleared alarms deleted by age.", [], alarmsExpired)
        page.register(
            "quarantine_dropped_total", "Quarantined payloads that fell out by number, size or age.", [],
            quarantineDropped)
        page.register(
            "store_checkpoints_failed_total", "Checkpoints of the write-ahead log that failed.", [], checkpointsFailed)
        page.register(
            "store_damaged_total", "Stored chunks and journal rows that could not be read and were passed over.", [],
            damaged)
    }
}

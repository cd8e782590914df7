import Dispatch
import FireModel
import FireTelemetry

/// Brings the write-ahead log into the database file, on a connection and a queue of its own, so that the
/// thread that fires wait for never does.
public final class StoreMaintenance: Sendable {
    private let queue = DispatchQueue(label: "firesense.store-maintenance", qos: .utility)
    private let end = DispatchSemaphore(value: 0)

    /// - Parameters:
    ///   - interval: between looks at the log.
    ///   - onError: told of each checkpoint that failed; the log grows until one succeeds.
    /// - Throws: `StoreError` if the database cannot be opened.
    public init(
        path: String, every interval: Duration = .seconds(1), counters: StoreCounters = StoreCounters(),
        onError: @escaping @Sendable (StoreError) -> Void = { _ in }
    ) throws(StoreError) {
        let checkpointer = try Checkpointer(path: path)
        let wait = DispatchTimeInterval.milliseconds(max(Int(clamping: interval.wholeMilliseconds), 10))
        queue.async { [end] in
            while end.wait(timeout: .now() + wait) == .timedOut {
                do throws(StoreError) {
                    try checkpointer.checkpointIfWorthwhile()
                } catch {
                    counters.checkpointsFailed.increment()
                    onError(error)
                }
            }
        }
    }

    /// Returns when no checkpoint is running any more and none will.
    public func stop() {
        end.signal()
        queue.sync {}
    }

    deinit { end.signal() }
}

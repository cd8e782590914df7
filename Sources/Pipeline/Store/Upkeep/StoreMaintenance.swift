import Dispatch
import FireModel
import FireTelemetry

/// Brings the write-ahead log into the database file, on a connection and a queue of its own, so that the
/// thread that fires wait for never does. Makes backups meanwhile.
public final class StoreMaintenance: Sendable {
    private let queue = DispatchQueue(label: "firesense.store-maintenance", qos: .utility)
    private let end = DispatchSemaphore(value: 0)
    private let checkpointer: Checkpointer

    /// - Parameters:
    ///   - interval: between looks at the log.
    ///   - onError: told of each checkpoint that failed; the log grows until one succeeds.
    /// - Throws: `StoreError` if the database cannot be opened.
    public init(
        path: String, every interval: Duration = .seconds(1), counters: StoreCounters = StoreCounters(),
        onError: @escaping @Sendable (StoreError) -> Void = { _ in }
    ) throws(StoreError) {
        let checkpointer = try Checkpointer(path: path, counters: counters)
        self.checkpointer = checkpointer
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

    /// Looks at the log now, on the calling thread: for whoever makes time pass faster than it does.
    public func look() throws(StoreError) { try checkpointer.checkpointIfWorthwhile() }

    /// A copy of the database as it is, or becomes while it is copied. One at a time.
    ///
    /// - Throws: `StoreError.busy` when one is being made.
    public func backup() throws(StoreError) -> StoreBackup { try StoreBackup(checkpointer) }

    /// Now, and not at the next look at the log.
    func checkpoint() throws(StoreError) { try checkpointer.checkpoint(.passive) }

    /// The store is about to be opened anew, by another of these: what is being copied is given up.
    public func endBackups() { checkpointer.endCopies() }

    /// Returns when no checkpoint is running any more and none will.
    public func stop() {
        end.signal()
        queue.sync {}
    }

    deinit {
        checkpointer.endCopies()
        end.signal()
    }
}

/// A backup that is being made, record by record. It holds everything that was durable when it was begun, and what
/// has become so until about its end. Given up when nobody has it any more.
public final class StoreBackup: Sendable {
    private let checkpointer: Checkpointer
    private let number: Int

    fileprivate init(_ checkpointer: Checkpointer) throws(StoreError) {
        self.checkpointer = checkpointer
        number = try checkpointer.beginCopy()
    }

    deinit { checkpointer.endCopy(number) }

    /// Blocks; keep it off the task pool.
    ///
    /// - Returns: `nil`: nothing can be told yet, ask again in a moment: a reader still needs the log.
    /// - Throws: `StoreError`, then the backup is over.
    public func next() throws(StoreError) -> BackupRecord? { try checkpointer.nextPiece(of: number) }
}

import FireModel
import Synchronization

/// The heads, shared between the one that fills them and those who ask.
///
/// The lock is held for a reading or for the copy of a few chains, never over a call of the system.
final class HeadStore: Sendable {
    struct State {
        var heads = Heads()
        /// Of the journal, the last row whose readings are in stored chunks; all later ones are in the heads.
        var sealedUpTo: Int64 = 0
    }

    private let state = Mutex(State())

    func withLock<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> sending Result
    ) throws(Failure) -> Result {
        try state.withLock { (state) throws(Failure) -> sending Result in try body(&state) }
    }

    var count: Int { withLock { $0.heads.count } }
}

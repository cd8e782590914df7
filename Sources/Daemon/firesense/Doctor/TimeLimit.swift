import FireModel
import Foundation
import Synchronization

/// Runs what blocks on a thread of its own, and waits for it no longer than `limit`. A thread that does not
/// come back is left behind: the program ends soon.
///
/// - Returns: `nil`, when it has not come back.
func onOwnThread<R: Sendable>(within limit: Duration, _ body: @escaping @Sendable () -> R) async -> R? {
    let race = Race<R?>()
    Thread { race.end(body()) }.start()
    let alarm = Task {
        try? await Task.sleep(for: limit)
        race.end(nil)
    }
    let result = await race.result()
    alarm.cancel()
    return result
}

/// The first of several results.
private final class Race<R: Sendable>: Sendable {
    private enum State {
        case open(CheckedContinuation<R, Never>?)
        case ended(R)
    }
    private let state = Mutex(State.open(nil))

    func end(_ result: R) {
        let waiting: CheckedContinuation<R, Never>? = state.withLock { state in
            guard case .open(let waiting) = state else { return nil }
            state = .ended(result)
            return waiting
        }
        waiting?.resume(returning: result)
    }

    func result() async -> R {
        await withCheckedContinuation { continuation in
            let known: R? = state.withLock { state in
                if case .ended(let result) = state { return result }
                state = .open(continuation)
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
    }
}

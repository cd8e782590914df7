import Dispatch
import Foundation
import Synchronization

/// All connections are up before the first message is due, and all count from the same moment.
final class StartGate: Sendable {
    private struct State {
        var waiting: Int
        var start: ContinuousClock.Instant?
        var failed = false
    }
    private let state: Mutex<State>
    private let opened = DispatchSemaphore(value: 0)
    private let parties: Int

    init(parties: Int) {
        self.parties = parties
        state = Mutex(State(waiting: parties))
    }

    /// - Parameter ready: this party's connection is up.
    /// - Returns: the common start; `nil` when a party was not ready, and nobody starts.
    func arrive(ready: Bool) -> ContinuousClock.Instant? {
        let isLast = state.withLock { state in
            state.waiting -= 1
            if !ready { state.failed = true }
            if state.waiting == 0 { state.start = .now }
            return state.waiting == 0
        }
        if isLast { for _ in 0..<parties { opened.signal() } }
        opened.wait()
        return state.withLock { $0.failed ? nil : $0.start }
    }
}

/// Runs each body on a thread of its own and waits for all. Connections block in `poll`, which the few threads
/// of Swift's tasks are not for.
func onThreads<Result: Sendable>(_ bodies: [@Sendable () -> Result]) -> [Result] {
    let results = Mutex([Int: Result]())
    let group = DispatchGroup()
    for (index, body) in bodies.enumerated() {
        group.enter()
        Thread.detachNewThread {
            let result = body()
            results.withLock { $0[index] = result }
            group.leave()
        }
    }
    group.wait()
    return results.withLock { results in bodies.indices.compactMap { results[$0] } }
}

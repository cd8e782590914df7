import Foundation
import Synchronization

/// Ends a run early: by Ctrl-C or SIGTERM, when a connection has failed, or when a measurement has what it wanted.
/// What is on its way is still waited for, and the report is still printed.
final class StopSignal: Sendable {
    private let flag = Atomic(false)

    var isRaised: Bool { flag.load(ordering: .relaxed) || interrupted.load(ordering: .relaxed) }
    func raise() { flag.store(true, ordering: .relaxed) }

    /// A second Ctrl-C ends the program at once.
    static func catchInterrupts() {
        interrupted.store(false, ordering: .relaxed)
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                interrupted.store(true, ordering: .relaxed)
                signal(number, SIG_DFL)
            }
        }
        // A broker or webhook sender that hangs up is an error of one call, not the end of the program.
        signal(SIGPIPE, SIG_IGN)
    }
}

/// A signal handler can reach nothing but globals.
private let interrupted = Atomic(false)

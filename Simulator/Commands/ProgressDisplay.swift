import Foundation
import Synchronization

/// One line on standard error, rewritten twice a second. Nothing when that is no terminal.
final class ProgressDisplay: Sendable {
    private let isOver = Mutex(false)
    private let isShown: Bool

    init(isWanted: Bool, _ line: @escaping @Sendable () -> String) {
        isShown = isWanted && isatty(STDERR_FILENO) == 1
        guard isShown else { return }
        Thread.detachNewThread { [self] in
            while show(line()) { Thread.sleep(forTimeInterval: 0.5) }
        }
    }

    /// Wipes the line, so that the report begins on a clean one.
    func end() {
        guard isShown else { return }
        isOver.withLock { isOver in
            isOver = true
            FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
        }
    }

    private func show(_ line: String) -> Bool {
        isOver.withLock { isOver in
            if !isOver { FileHandle.standardError.write(Data("\r\u{1B}[K\(line)".utf8)) }
            return !isOver
        }
    }
}

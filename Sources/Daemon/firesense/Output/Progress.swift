import FireModel
import Glibc
import Synchronization

/// How far something is, for other threads to look at.
final class ProgressCount: Sendable {
    private let count = Atomic<Int64>(0)
    private let whole = Atomic<Int64>(0)
    init(total: Int64? = nil) { self.total = total }
    /// How much there is to do; `nil`: nobody knows, then the count alone is shown.
    var total: Int64? {
        get {
            let whole = whole.load(ordering: .relaxed)
            return whole > 0 ? whole : nil
        }
        set { whole.store(newValue ?? 0, ordering: .relaxed) }
    }
    var value: Int64 { count.load(ordering: .relaxed) }
    func add(_ more: Int) { count.add(Int64(more), ordering: .relaxed) }
}

/// What a bar counts.
enum ProgressUnit {
    case things
    /// With their rate.
    case bytes
    case nothing

    fileprivate func text(_ count: Int64, _ elapsed: Duration) -> String {
        switch self {
        case .things: return count > 0 ? "  \(count)" : ""
        case .bytes:
            let rate = Double(count) / max(elapsed / .seconds(1), 0.001) / 1_048_576
            return "  \(count >> 20) MiB  \((rate * 10).rounded() / 10) MiB/s"
        case .nothing: return ""
        }
    }
}

/// A bar on standard error while `body` runs, when that is a terminal and it takes longer than two seconds.
///
/// - Parameters:
///   - label: what is done, `exporting readings`.
///   - total: how much there is to do; `nil`: nobody knows, then the count alone is shown.
///   - unit: of what is counted.
func withProgress<R>(
    _ label: String, total: Int64? = nil, unit: ProgressUnit = .things, _ body: (ProgressCount) async throws -> R
) async rethrows -> R {
    let count = ProgressCount(total: total)
    guard isatty(STDERR_FILENO) == 1 else { return try await body(count) }
    let display = Task {
        let start = ContinuousClock.now
        var isShown = false
        defer { if isShown { show("") } }
        try? await Task.sleep(for: .seconds(2))
        while !Task.isCancelled {
            isShown = true
            show(progressLine(label, count.value, total: count.total, unit, elapsed: start.duration(to: .now)))
            try? await Task.sleep(for: .milliseconds(250))
        }
    }
    do {
        let result = try await body(count)
        display.cancel()
        await display.value
        return result
    } catch {
        display.cancel()
        await display.value
        throw error
    }
}

/// `exporting readings  [#########···········]  45 %  1234567  12s`
///
/// In bytes: `importing all.csv  [####················]  21 %  310 MiB  28.4 MiB/s  11s`
func progressLine(
    _ label: String, _ count: Int64, total: Int64?, _ unit: ProgressUnit = .things, elapsed: Duration
) -> String {
    var line = label
    if let total, total > 0 {
        let share = min(1, Double(count) / Double(total))
        let filled = Int(share * 20)
        line += "  [" + String(repeating: "#", count: filled) + String(repeating: "·", count: 20 - filled) + "]"
        line += "  \(Int(share * 100)) %"
    }
    return line + unit.text(count, elapsed) + "  \(elapsed.components.seconds)s"
}

/// The same, drawn by whoever is at work, where there is no other thread to do it.
final class ProgressBar: Sendable {
    private struct State {
        let start = ContinuousClock.now
        var shownAt: ContinuousClock.Instant?
    }
    private let label: String
    private let state = Mutex(State())

    /// `nil`: standard error is no terminal.
    init?(_ label: String) {
        guard isatty(STDERR_FILENO) == 1 else { return nil }
        self.label = label
    }

    /// - Parameter share: 0 to 1.
    func move(to share: Double) {
        state.withLock { state in
            let elapsed = state.start.duration(to: .now)
            guard elapsed >= .seconds(2), state.shownAt.map({ $0.duration(to: .now) >= .milliseconds(250) }) ?? true
            else { return }
            state.shownAt = .now
            show(progressLine(label, Int64(share * 100), total: 100, .nothing, elapsed: elapsed))
        }
    }

    func end() {
        if state.withLock({ $0.shownAt != nil }) { show("") }
    }
}

private func show(_ line: String) {
    let bytes = Array("\r\u{1B}[K\(line)".utf8)
    _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
}

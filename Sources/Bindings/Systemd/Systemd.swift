import CSystemd
import Glibc

/// What the daemon tells the service manager, and what the service manager asks of it.
///
/// Everything is a no-op that answers `false` or `nil` when the process was not started by systemd,
/// so that callers need no case of their own for a terminal or a container.
public enum Systemd {
    /// One state change of sd_notify(3).
    public enum Notification: Sendable, Hashable {
        /// Started, or done reloading.
        case ready
        /// A reload has begun; `.ready` must follow.
        case reloading
        case stopping
        /// One line for `systemctl status`.
        case status(String)
        /// Still alive; due before `watchdogInterval` has passed.
        case watchdog
        /// Starting, reloading or stopping takes this much longer, from now.
        case extendTimeout(Duration)

        var assignment: String {
            switch self {
            case .ready: "READY=1"
            // Version 253 takes this clock to tell one reload from the next; 252 ignores it.
            case .reloading: "RELOADING=1\nMONOTONIC_USEC=\(monotonicMicroseconds())"
            case .stopping: "STOPPING=1"
            case .status(let text): "STATUS=\(oneLine(text))"
            case .watchdog: "WATCHDOG=1"
            case .extendTimeout(let time): "EXTEND_TIMEOUT_USEC=\(microseconds(time))"
            }
        }
    }

    /// Tells several things in one datagram. `true`: it was handed to the service manager.
    @discardableResult
    public static func notify(_ notifications: Notification...) -> Bool {
        let state = notifications.map(\.assignment).joined(separator: "\n")
        return unsafe sd_notify(0, state) > 0
    }

    /// Within this time `.watchdog` must be told again, or the service is killed and restarted; tell it
    /// twice as often. `nil`: nobody watches this process (`WATCHDOG_USEC`, `WATCHDOG_PID`).
    public static var watchdogInterval: Duration? {
        var interval: UInt64 = 0
        guard unsafe sd_watchdog_enabled(0, &interval) > 0 else { return nil }
        return .microseconds(Int64(clamping: interval))
    }

    /// The service manager waits for word from this process, or the journal reads its standard error.
    public static var isUnderSystemd: Bool { environment("NOTIFY_SOCKET") != nil || isJournalOnStandardError }

    /// Standard error itself goes to the journal. The variable alone does not say so: it is inherited
    /// by whatever a service starts, with standard error redirected or not.
    public static var isJournalOnStandardError: Bool {
        guard let stream = environment("JOURNAL_STREAM") else { return false }
        var file = stat()
        guard unsafe fstat(STDERR_FILENO, &file) == 0 else { return false }
        return stream == "\(file.st_dev):\(file.st_ino)"
    }

    /// Version of the library in use, by the number in its file name (systemd 252 ships 0.35.0): it
    /// offers no function for that.
    public static var libraryVersion: String? {
        guard let maps = unsafe fopen("/proc/self/maps", "re") else { return nil }
        defer { unsafe fclose(maps) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { unsafe free(line) }
        while unsafe getline(&line, &capacity, maps) > 0, let text = unsafe line {
            if let version = versionSuffix(of: unsafe String(cString: text)) { return version }
        }
        return nil
    }

    static func versionSuffix(of path: String) -> String? {
        let parts = path.split(separator: "/").last?.split(separator: ".", maxSplits: 2)
        guard let parts, parts.count == 3, parts[0] == "libsystemd", parts[1] == "so" else { return nil }
        return String(parts[2].prefix { $0.isNumber || $0 == "." })
    }

    static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }
}

private func monotonicMicroseconds() -> Int64 {
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
}

private func microseconds(_ time: Duration) -> Int64 {
    let (seconds, attoseconds) = time.components
    return max(0, seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
}

/// A line break in a status would be read as the next assignment, `READY=1` for example.
private func oneLine(_ text: String) -> String {
    String(text.map { $0.isNewline || $0 == "\0" ? " " : $0 })
}

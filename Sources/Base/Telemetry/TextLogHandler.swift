import Glibc
import Logging

/// One line per event: `2026-11-23T10:20:00.123Z warning message device=hydrant-000007 reason="no answer"`.
public struct TextLogHandler: LogHandler {
    /// What stands before the message.
    public enum Lead: Sendable {
        /// UTC time and level: a terminal, a file.
        case time
        /// `<4>`, which the journal reads from standard error as the priority; it knows the time itself.
        case priority
    }

    private let lead: Lead
    private let now: @Sendable () -> timespec
    private let write: @Sendable (String) -> Void
    private var context: LogContext

    public init(
        threshold: LogThreshold, lead: Lead = .time,
        now: @escaping @Sendable () -> timespec = wallClock,
        write: @escaping @Sendable (String) -> Void = writeToStandardError
    ) {
        self.lead = lead
        self.now = now
        self.write = write
        context = LogContext(threshold: threshold)
    }

    public func log(event: LogEvent) {
        let start =
            switch lead {
            case .time: "\(utc(now())) \(event.level.rawValue) "
            case .priority: "<\(event.level.priority)>"
            }
        write(start + LogText.line(event.message.description, context.pairs(event)) + "\n")
    }

    public var logLevel: Logger.Level {
        get { context.level }
        set { context.own = newValue }
    }
    public var metadata: Logger.Metadata {
        get { context.metadata }
        set { context.metadata = newValue }
    }
    public var metadataProvider: Logger.MetadataProvider? {
        get { context.provider }
        set { context.provider = newValue }
    }
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { context.metadata[key] }
        set { context.metadata[key] = newValue }
    }
}

extension Logger.Level {
    /// The priority of syslog (RFC 5424, table 2), as the journal wants it.
    var priority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}

/// The whole line in one call where the system takes it: lines of several threads stay apart. A
/// standard error that is gone or full for good must not stop the daemon, so errors are ignored.
public let writeToStandardError: @Sendable (String) -> Void = { line in
    var line = line
    line.withUTF8 { bytes in
        var rest = UnsafeRawBufferPointer(bytes)
        while !rest.isEmpty {
            let written = Glibc.write(STDERR_FILENO, rest.baseAddress, rest.count)
            if written > 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[written...])
            } else if written == 0 || errno != EINTR {
                return
            }
        }
    }
}

public let wallClock: @Sendable () -> timespec = {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return time
}

/// RFC 3339 with milliseconds.
private func utc(_ time: timespec) -> String {
    var seconds = time.tv_sec
    var parts = tm()
    gmtime_r(&seconds, &parts)
    let date = "\(parts.tm_year + 1900)-\(padded(parts.tm_mon + 1))-\(padded(parts.tm_mday))"
    let clock = "\(padded(parts.tm_hour)):\(padded(parts.tm_min)):\(padded(parts.tm_sec))"
    return "\(date)T\(clock).\(padded(Int32(time.tv_nsec / 1_000_000), 3))Z"
}

private func padded(_ number: Int32, _ width: Int = 2) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

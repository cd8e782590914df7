import Logging

/// Entries with fields, so that `journalctl FIRESENSE_DEVICE=hydrant-000007` finds everything about a
/// device. What the journal does not take goes to standard error, with the priority in front.
public struct JournalLogHandler: LogHandler {
    /// Takes the fields of one entry; `false`: it could not. In the daemon: `Systemd.journal`.
    public typealias Sink = @Sendable ([(String, String)]) -> Bool

    private let label: String
    private let sink: Sink
    private let fallback: TextLogHandler
    private var context: LogContext

    public init(
        label: String, threshold: LogThreshold, sink: @escaping Sink,
        fallback write: @escaping @Sendable (String) -> Void = writeToStandardError
    ) {
        self.label = label
        self.sink = sink
        fallback = TextLogHandler(threshold: threshold, lead: .priority, write: write)
        context = LogContext(threshold: threshold)
    }

    public func log(event: LogEvent) {
        let pairs = context.pairs(event)
        // The message repeats the values: it is all that `journalctl` shows by default.
        var fields = [
            ("MESSAGE", LogText.line(event.message.description, pairs)),
            ("PRIORITY", String(event.level.priority)),
            ("SYSLOG_IDENTIFIER", "firesense"),
            ("CODE_FILE", event.file),
            ("CODE_LINE", String(event.line)),
            ("FIRESENSE_LOGGER", label),
        ]
        for (key, value) in pairs { fields.append((Self.fieldName(key), LogText.cut(value))) }
        if sink(fields) { return }
        var plain = event
        plain.error = nil
        plain.metadata = Dictionary(pairs.map { ($0.key, .string($0.value)) }) { $1 }
        fallback.log(event: plain)
    }

    /// The journal takes `A-Z0-9_`, at most 64 of them, and drops a whole field named otherwise.
    static func fieldName(_ key: String) -> String {
        var name = "FIRESENSE_"
        for byte in key.utf8.prefix(64 - name.utf8.count) {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"): name.unicodeScalars.append(Unicode.Scalar(byte - 32))
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                name.unicodeScalars.append(Unicode.Scalar(byte))
            default: name += "_"
            }
        }
        return name
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

import FireModel

/// Plain text, for gateways of text messages, printers and sirens with a display. Several alarms have an empty line between
/// them.
enum PlainTextBody {
    static let contentType = "text/plain; charset=utf-8"

    static func body(_ notice: Notice) -> [UInt8] {
        Array((notice.entries.map(\.whole).joined(separator: "\n\n") + "\n").utf8)
    }
}

import FireModel

/// Whom a message, or a part of it, is about. Borrowed; valid while the message is.
public struct Source {
    public enum Stream: Sendable { case telemetry, event, status, raw }

    public let area: UnsafeRawBufferPointer
    public let kind: UnsafeRawBufferPointer
    public let device: UnsafeRawBufferPointer
    public let stream: Stream
}

/// A topic, and if it is a native one `fire/v1/{area}/{kind}/{device}/{stream}` its parts as places in its bytes:
/// taking it apart makes no string. Borrowed; valid while the message is.
public struct Topic {
    public let bytes: UnsafeRawBufferPointer
    /// `nil`: not a native topic; whom the message is about is the dialect's to say.
    public let source: Source?

    public enum Reading {
        case native(Topic)
        /// `gateway` or `alarm` in the place of the kind: what the daemon itself publishes.
        case own
        /// What came and what was expected, for people.
        case wrong(String)
        /// Not below `fire/v1/`: a matter for a dialect that claims it.
        case foreign
    }

    init(foreign bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        source = nil
    }

    private init(_ bytes: UnsafeRawBufferPointer, _ source: Source) {
        self.bytes = bytes
        self.source = source
    }

    public static func read(_ bytes: UnsafeRawBufferPointer) -> Reading {
        guard starts(bytes, with: "fire/v1/") else { return .foreign }
        var parts: (Part, Part, Part, Part) = (empty, empty, empty, empty)
        var count = 0
        var start = 8
        for end in 8...bytes.count where end == bytes.count || bytes[end] == slash {
            let part = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            switch count {
            case 0: parts.0 = part
            case 1: parts.1 = part
            case 2: parts.2 = part
            case 3: parts.3 = part
            default: break
            }
            count += 1
            start = end + 1
        }
        if count >= 2, equals(parts.1, "gateway") || equals(parts.1, "alarm") { return .own }
        guard count == 4 else {
            return .wrong("topic has \(count + 2) parts, expected 6: fire/v1/{area}/{kind}/{device}/{stream}")
        }
        guard Names.isArea(parts.0) else {
            return .wrong("area \(quoted(parts.0)) in the topic, expected 1 to 32 of 0-9 A-Z a-z _ -")
        }
        guard Names.isDevice(parts.1) else {
            return .wrong("kind \(quoted(parts.1)) in the topic, expected the name of a kind")
        }
        guard Names.isDevice(parts.2) else {
            return .wrong(
                "device \(quoted(parts.2)) of \(parts.2.count) bytes in the topic, expected 1 to 64 of 0-9 A-Z a-z _ . : -"
            )
        }
        guard let stream = stream(parts.3) else {
            return .wrong("stream \(quoted(parts.3)) in the topic, expected telemetry, event, status or raw")
        }
        return .native(Topic(bytes, Source(area: parts.0, kind: parts.1, device: parts.2, stream: stream)))
    }

    private typealias Part = UnsafeRawBufferPointer
    private static var empty: Part { UnsafeRawBufferPointer(start: nil, count: 0) }
    private static let slash = UInt8(ascii: "/")

    private static func stream(_ part: UnsafeRawBufferPointer) -> Source.Stream? {
        if equals(part, "telemetry") { return .telemetry }
        if equals(part, "event") { return .event }
        if equals(part, "status") { return .status }
        if equals(part, "raw") { return .raw }
        return nil
    }

    private static func starts(_ bytes: UnsafeRawBufferPointer, with prefix: StaticString) -> Bool {
        bytes.count >= prefix.utf8CodeUnitCount
            && equals(UnsafeRawBufferPointer(rebasing: bytes[..<prefix.utf8CodeUnitCount]), prefix)
    }
}

func equals(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    guard bytes.count == text.utf8CodeUnitCount else { return false }
    for offset in 0..<bytes.count where bytes[offset] != text.utf8Start[offset] { return false }
    return true
}

/// Compares without ASCII case; `text` is in lower case.
func equalsIgnoringCase(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    guard bytes.count == text.utf8CodeUnitCount else { return false }
    for offset in 0..<bytes.count where lowered(bytes[offset]) != text.utf8Start[offset] { return false }
    return true
}

func lowered(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}

/// For error texts: what came, cut to what a person will read.
func quoted(_ bytes: UnsafeRawBufferPointer) -> String {
    let text = String(decoding: bytes.prefix(80), as: UTF8.self)
    return bytes.count > 80 ? "'\(text)…'" : "'\(text)'"
}

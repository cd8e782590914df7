import Crypto
import FireModel

/// The `webhook-id` of contract 7: the same change told twice, after a crash or from memory while the disk
/// is full, is the same delivery, and the receiver can tell.
enum WebhookID {
    /// Alarm id, event type, time and cause of the change and endpoint name, each with its length before
    /// it, hashed with SHA-256 and shaped as a UUID of version 8 (RFC 9562, 5.8).
    static func id(alarm: String, type: String, at: Timestamp, cause: String, endpoint: String) -> String {
        text(digest(of: [alarm, type, String(at.milliseconds), cause, endpoint]))
    }

    private static func digest(of parts: [String]) -> [UInt8] {
        var hash = SHA256()
        for part in parts {
            let bytes = Array(part.utf8)
            withUnsafeBytes(of: UInt32(bytes.count).bigEndian) { hash.update(bufferPointer: $0) }
            hash.update(data: bytes)
        }
        return Array(hash.finalize().prefix(16))
    }

    /// Of a message with these deliveries in it: of one, its own; of several, a hash over their ids in their order, so
    /// that it stays the same while the composition does.
    static func id(ofBatch ids: [String]) -> String {
        if ids.count == 1 { return ids[0] }
        return text(digest(of: ["batch"] + ids))
    }

    /// For what is sent once and never again: a heartbeat.
    static func unique() -> String {
        var generator = SystemRandomNumberGenerator()
        return text((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    private static func text(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef")
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text.append("-") }
            let byte =
                switch index {
                case 6: byte & 0x0F | 0x80
                case 8: byte & 0x3F | 0x80
                default: byte
                }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return text
    }
}

import Crypto
import FireModel

/// Lower-case UUIDs in version-7 layout (RFC 9562): the time, then the first 74 bits of a SHA-256, so
/// that the same message processed twice gives the same alarm (contract 6, "Ids").
enum AlarmIdentity {
    static func id(
        gateway: String, rule: String, device: String, component: String?, metric: String?, raisedAt: Timestamp,
        ordinal: Int
    ) -> String {
        var hash = SHA256()
        for part in [
            gateway, rule, device, component ?? "", metric ?? "", String(raisedAt.milliseconds), String(ordinal),
        ] {
            let bytes = Array(part.utf8)
            withUnsafeBytes(of: UInt32(bytes.count).bigEndian) { hash.update(bufferPointer: $0) }
            hash.update(data: bytes)
        }
        let digest = Array(hash.finalize())
        let time = UInt64(bitPattern: raisedAt.milliseconds)
        var uuid = (0..<6).map { UInt8(truncatingIfNeeded: time >> (40 - 8 * UInt64($0))) }
        // 12 bits behind the version nibble, 62 behind the two variant bits.
        uuid.append(0x70 | digest[0] >> 4)
        uuid.append(digest[0] << 4 | digest[1] >> 4)
        let rest = (1...8).map { digest[$0] << 4 | digest[$0 + 1] >> 4 }
        uuid.append(0x80 | rest[0] >> 2)
        for index in 1...7 { uuid.append(rest[index - 1] << 6 | rest[index] >> 2) }
        return text(uuid)
    }

    private static func text(_ uuid: [UInt8]) -> String {
        let digits = Array("0123456789abcdef")
        var text = ""
        for (index, byte) in uuid.enumerated() {
            if [4, 6, 8, 10].contains(index) { text.append("-") }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return text
    }
}

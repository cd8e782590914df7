import Glibc

/// A network in CIDR notation, `10.20.0.0/16`, `fd00::/8`; a bare address is a network of one.
public struct Network: Sendable, Equatable, CustomStringConvertible {
    private let bytes: [UInt8]
    private let prefix: Int
    public let description: String

    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let bytes = IPAddress.bytes(of: String(parts[0])) else { return nil }
        let all = bytes.count * 8
        guard let prefix = parts.count == 1 ? all : Int(parts[1]), (0...all).contains(prefix) else { return nil }
        self.bytes = bytes
        self.prefix = prefix
        description = text
    }

    /// Whether `address` (IPv4 or IPv6, as text) belongs to it.
    public func contains(_ address: String) -> Bool {
        guard let other = IPAddress.bytes(of: address), other.count == bytes.count else { return false }
        return (0..<prefix).allSatisfy { bit in
            (bytes[bit / 8] ^ other[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0
        }
    }
}

/// Addresses of IPv4 and IPv6 as text.
public enum IPAddress {
    /// The address in network order, 4 or 16 bytes; `nil` where it is none.
    public static func bytes(of text: String) -> [UInt8]? {
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return nil
    }
}

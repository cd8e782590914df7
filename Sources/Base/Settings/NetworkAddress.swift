import Glibc

/// Where to listen: `127.0.0.1:8470`, `[::1]:8470`, `localhost:8470`.
public struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    /// An IPv4 or IPv6 address without brackets, or a name.
    public var host: String
    /// 0: a free one, chosen by the system.
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// `nil` unless both parts are there; an IPv6 address needs its brackets.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
            guard ipBytes(host)?.count == 16 else { return nil }
        } else {
            guard isHostName(host) else { return nil }
        }
        self.init(host: host, port: Int(port))
    }

    /// Only this machine can reach it.
    public var isLoopback: Bool {
        switch ipBytes(host) {
        case let bytes? where bytes.count == 4: bytes[0] == 127
        case let bytes?: bytes == Array(repeating: 0, count: 15) + [1]
        case nil: host == "localhost"
        }
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// A network in CIDR notation, `10.20.0.0/16`, `fd00::/8`; a bare address is a network of one.
public struct Network: Sendable, Equatable, CustomStringConvertible {
    private let bytes: [UInt8]
    private let prefix: Int
    public let description: String

    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let bytes = ipBytes(String(parts[0])) else { return nil }
        let all = bytes.count * 8
        guard let prefix = parts.count == 1 ? all : Int(parts[1]), (0...all).contains(prefix) else { return nil }
        self.bytes = bytes
        self.prefix = prefix
        description = text
    }

    /// Whether `address` (IPv4 or IPv6, as text) belongs to it.
    public func contains(_ address: String) -> Bool {
        guard let other = ipBytes(address), other.count == bytes.count else { return false }
        return (0..<prefix).allSatisfy { bit in
            (bytes[bit / 8] ^ other[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0
        }
    }
}

/// A name of DNS or an address of IPv4: 1–253 of letters, digits, `.`, `-` and, as in many plants, `_`.
func isHostName(_ text: String) -> Bool {
    (1...253).contains(text.utf8.count)
        && text.unicodeScalars.allSatisfy {
            $0.isASCII && ($0.properties.isAlphabetic || "0123456789.-_".unicodeScalars.contains($0))
        }
}

/// The address in network order, 4 or 16 bytes; `nil` where it is none.
func ipBytes(_ text: String) -> [UInt8]? {
    for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
        var bytes = [UInt8](repeating: 0, count: count)
        if inet_pton(family, text, &bytes) == 1 { return bytes }
    }
    return nil
}

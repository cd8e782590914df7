import FireModel

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
            guard IPAddress.bytes(of: host)?.count == 16 else { return nil }
        } else {
            guard Names.isHostName(host) else { return nil }
        }
        self.init(host: host, port: Int(port))
    }

    /// Only this machine can reach it.
    public var isLoopback: Bool {
        switch IPAddress.bytes(of: host) {
        case let bytes? where bytes.count == 4: bytes[0] == 127
        case let bytes?: bytes == Array(repeating: 0, count: 15) + [1]
        case nil: host == "localhost"
        }
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// The names under which this gateway may be addressed.
///
/// A page in somebody's browser can be made to resolve its own name to a gateway's address (DNS
/// rebinding) and would then read the API as if it were of the same origin. It cannot choose the
/// `Host` header, so that is what is checked. The port is not: it protects nothing, and it differs
/// whenever somebody reaches the gateway through an SSH tunnel.
struct HostNames: Sendable {
    private let names: Set<String>
    private let isLoopback: Bool

    init(listen: String, names: [String]) {
        self.names = Set((names + [listen]).map { Self.unmapped(Self.host(of: $0.lowercased()) ?? $0.lowercased()) })
        isLoopback = Self.isLoopback(listen)
    }

    /// - Parameter local: the address of this machine at which the connection arrived.
    func contains(_ header: String, local: String?) -> Bool {
        guard let host = Self.host(of: header.lowercased()).map(Self.unmapped) else { return false }
        let local = local.map { Self.unmapped($0.lowercased()) }
        if names.contains(host) || host == local { return true }
        let arrivedLocally = isLoopback || local.map(Self.isLoopback) ?? false
        return arrivedLocally && Self.isLoopback(host)
    }

    static func isLoopback(_ host: String) -> Bool {
        let host = unmapped(host.lowercased())
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// A socket that takes both versions of IP tells an IPv4 address as `::ffff:127.0.0.1`.
    private static func unmapped(_ host: String) -> String {
        let prefix = "::ffff:"
        return host.hasPrefix(prefix) && host.contains(".") ? String(host.dropFirst(prefix.count)) : host
    }

    /// The host of `host`, `host:port`, `[v6]`, `[v6]:port` or a bare v6 address; `nil` for anything else.
    private static func host(of header: String) -> String? {
        if header.first == "[" {
            guard let end = header.firstIndex(of: "]") else { return nil }
            let rest = header[header.index(after: end)...]
            guard rest.isEmpty || (rest.first == ":" && isPort(rest.dropFirst())) else { return nil }
            return String(header[header.index(after: header.startIndex)..<end])
        }
        let parts = header.split(separator: ":", omittingEmptySubsequences: false)
        switch parts.count {
        case 1: return header.isEmpty ? nil : header
        case 2: return isPort(parts[1]) && !parts[0].isEmpty ? String(parts[0]) : nil
        default: return header
        }
    }

    private static func isPort(_ text: Substring) -> Bool { UInt16(text) != nil }
}

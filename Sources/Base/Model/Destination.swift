/// Where webhooks may go, an entry of `webhooks_allow`.
public enum Destination: Sendable, Equatable, CustomStringConvertible {
    /// Every address the host has must be in one of the networks.
    case network(Network)
    /// This host, in lower case.
    case host(String)
    /// Every host below this domain, in lower case.
    case domain(String)

    /// `10.20.0.0/16`, `10.1.2.3`, `duty.example.org`, `*.example.org`; `nil` for anything else.
    public init?(_ text: String) {
        if let network = Network(text) {
            self = .network(network)
            return
        }
        let isDomain = text.hasPrefix("*.")
        let name = (isDomain ? String(text.dropFirst(2)) : text).lowercased()
        guard Names.isHostName(name) else { return nil }
        self = isDomain ? .domain(name) : .host(name)
    }

    public var description: String {
        switch self {
        case .network(let network): network.description
        case .host(let name): name
        case .domain(let name): "*.\(name)"
        }
    }

    /// Whether the name alone lets it through, whatever its addresses are.
    func allows(host: String) -> Bool {
        switch self {
        case .network: false
        case .host(let name): host == name
        case .domain(let name): host.hasSuffix(".\(name)")
        }
    }

    fileprivate func allows(address: String) -> Bool {
        if case .network(let network) = self { network.contains(address) } else { false }
    }
}

extension [Destination] {
    /// No entry allows everything.
    /// - Parameters:
    ///   - host: A name or an address, as in the URL but without brackets.
    ///   - addresses: What the name was resolved to; the address itself where it is one.
    public func allow(host: String, addresses: [String]) -> Bool {
        if isEmpty { return true }
        let host = host.lowercased()
        if contains(where: { $0.allows(host: host) }) { return true }
        // One address out of bounds would be enough to get there.
        return !addresses.isEmpty && addresses.allSatisfy { address in contains { $0.allows(address: address) } }
    }
}

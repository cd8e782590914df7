import FireModel
import Foundation

/// The proxies of the environment, as curl and others read them: `http_proxy`, `https_proxy`, `all_proxy` and
/// `no_proxy`, in lower or upper case.
struct ProxySettings: Sendable, Equatable {
    struct Proxy: Sendable, Hashable {
        var isSocks: Bool
        var host: String
        var port: Int
        /// `user:password`.
        var credentials: String?
    }

    /// By scheme.
    private(set) var proxies: [String: Proxy] = [:]
    private var direct: [String] = []
    private var isOff = false
    /// Variables whose value is no proxy that can be used; without one, what they are for goes straight there.
    private(set) var unusable: [String] = []

    init(environment: [String: String]) {
        func value(_ name: String) -> String? {
            let value = environment[name] ?? environment[name.uppercased()]
            return value.flatMap { $0.isEmpty ? nil : $0 }
        }
        for scheme in ["http", "https"] {
            let name = value("\(scheme)_proxy") == nil ? "all_proxy" : "\(scheme)_proxy"
            guard let text = value(name) else { continue }
            proxies[scheme] = Self.proxy(text)
            if proxies[scheme] == nil { unusable.append(name) }
        }
        direct = (value("no_proxy") ?? "").split { $0 == "," || $0 == " " }.map { $0.lowercased() }
        isOff = direct.contains("*")
    }

    /// `nil`: straight there.
    /// - Parameter host: A name or an address without brackets.
    func proxy(scheme: String, host: String) -> Proxy? {
        guard !isOff, let proxy = proxies[scheme.lowercased()] else { return nil }
        return direct.contains { Self.matches($0, host.lowercased()) } ? nil : proxy
    }

    /// `example.org` and `.example.org` stand for the host and all below it; addresses and networks for themselves.
    private static func matches(_ entry: String, _ host: String) -> Bool {
        if let network = Network(entry) { return network.contains(host) }
        let name = entry.hasPrefix("*.") ? entry.dropFirst(2) : entry.hasPrefix(".") ? entry.dropFirst(1) : entry[...]
        return host == name || host.hasSuffix(".\(name)")
    }

    /// `http://user:password@host:port`, or without its scheme; `nil` for what cannot be used.
    private static func proxy(_ text: String) -> Proxy? {
        guard let url = URLComponents(string: text.contains("://") ? text : "http://\(text)"),
            let host = url.host, !host.isEmpty, let scheme = url.scheme?.lowercased(),
            ["http", "socks5", "socks5h", "socks"].contains(scheme)
        else { return nil }
        let isSocks = scheme != "http"
        let credentials = url.user.map { "\($0):\(url.password ?? "")" }
        let bare = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        return Proxy(isSocks: isSocks, host: bare, port: url.port ?? (isSocks ? 1080 : 8080), credentials: credentials)
    }
}

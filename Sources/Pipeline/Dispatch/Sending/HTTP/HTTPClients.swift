import AsyncHTTPClient
import NIOCore
import Synchronization

/// The HTTP clients by the proxy they go through: each client has one for all its requests.
final class HTTPClients: Sendable {
    private let loops: any EventLoopGroup
    private let clients = Mutex<[ProxySettings.Proxy?: HTTPClient]>([:])

    init(_ loops: any EventLoopGroup) { self.loops = loops }

    func client(through proxy: ProxySettings.Proxy?) -> HTTPClient {
        clients.withLock { clients in
            if let client = clients[proxy] { return client }
            let client = HTTPClient(eventLoopGroup: loops, configuration: Self.configuration(proxy))
            clients[proxy] = client
            return client
        }
    }

    private static func configuration(_ proxy: ProxySettings.Proxy?) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(10)))
        // Endpoints on one host share its connections; each brings a bounded number of requests, and none
        // may wait for the connections another holds.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 8192
        // A refused connection is a failed attempt, told at once, and the schedule says when the next is made.
        configuration.connectionPool.retryConnectionEstablishment = false
        // What is kept for longer may be cut by a router that tells nobody, and a fire would wait for its time-out.
        configuration.connectionPool.idleTimeout = .seconds(20)
        // A receiver that moves to another address is found there, however busy the connection to the old one is.
        configuration.maximumUsesPerConnection = 1000
        configuration.httpVersion = .http1Only
        configuration.proxy = proxy.map { proxy in
            if proxy.isSocks { return .socksServer(host: proxy.host, port: proxy.port) }
            guard let credentials = proxy.credentials else { return .server(host: proxy.host, port: proxy.port) }
            let parts = credentials.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return .server(
                host: proxy.host, port: proxy.port,
                authorization: .basic(username: String(parts[0]), password: String(parts[1])))
        }
        return configuration
    }

    func shutdown() async {
        let all = clients.withLock { Array($0.values) }
        for client in all { try? await client.shutdown() }
    }
}

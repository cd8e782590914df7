import Foundation
import Synchronization

/// Stands between daemon and broker and spoils the connection as the test wants.
final class Proxy: Sendable {
    private struct State {
        var isHolding = false
        var refused: String?
        /// Of each connection, with what its client said first.
        var connections: [(client: Int32, broker: Int32, hello: [UInt8])] = []
        var isOver = false
    }

    let port: Int
    private let listener: Int32
    private let broker: Int
    private let state = Mutex(State())

    init(broker: Int) throws {
        self.broker = broker
        port = try freePort()
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isBound, listen(listener, 16) == 0 else { throw Overdue(description: "the proxy cannot listen") }
        Thread.detachNewThread { [listener] in
            while true {
                let client = accept(listener, nil, nil)
                if client < 0 { return }
                Thread.detachNewThread { [weak self] in self?.serve(client) ?? { _ = close(client) }() }
            }
        }
    }

    deinit {
        end()
    }

    /// Ends every connection and takes no more.
    func end() {
        let connections = state.withLock { state in
            state.isOver = true
            return state.connections
        }
        shutdown(listener, Int32(SHUT_RDWR))
        for connection in connections { cut(connection.client, connection.broker) }
    }

    /// From now on nothing that clients write reaches the broker: no acknowledgement leaves.
    func hold() { state.withLock { $0.isHolding = true } }
    func release() { state.withLock { $0.isHolding = false } }

    /// Ends the connections of clients whose id contains `id`, and takes no more of them; `nil`: takes all.
    func refuse(_ id: String?) {
        let connections = state.withLock { state in
            state.refused = id
            return state.connections
        }
        guard let id else { return }
        for connection in connections where Self.says(connection.hello, id) {
            cut(connection.client, connection.broker)
        }
    }

    private static func says(_ hello: [UInt8], _ id: String) -> Bool {
        String(decoding: hello, as: UTF8.self).contains(id)
    }

    private func cut(_ client: Int32, _ broker: Int32) {
        shutdown(client, Int32(SHUT_RDWR))
        shutdown(broker, Int32(SHUT_RDWR))
    }

    private func serve(_ client: Int32) {
        let upstream = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer {
            cut(client, upstream)
            state.withLock { $0.connections.removeAll { $0.client == client } }
            close(client)
        }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        var count = recv(client, &buffer, buffer.count, 0)
        guard count > 0, connectLoopback(upstream, broker) else { return _ = close(upstream) }
        let hello = Array(buffer[..<count])
        let isWelcome = state.withLock { state in
            if state.isOver || state.refused.map({ Self.says(hello, $0) }) ?? false { return false }
            state.connections.append((client, upstream, hello))
            return true
        }
        guard isWelcome else { return _ = close(upstream) }
        Thread.detachNewThread {
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let count = recv(upstream, &buffer, buffer.count, 0)
                guard count > 0, send(client, buffer, count, Int32(MSG_NOSIGNAL)) == count else { break }
            }
            shutdown(client, Int32(SHUT_RDWR))
            close(upstream)
        }
        while count > 0 {
            // What is held is dropped: whoever holds kills the client afterwards.
            if !state.withLock({ $0.isHolding }), send(upstream, buffer, count, Int32(MSG_NOSIGNAL)) != count {
                return
            }
            count = recv(client, &buffer, buffer.count, 0)
        }
    }
}

import Foundation
import Glibc
import Synchronization

/// A webhook endpoint small enough not to disturb what it measures: a thread for each connection, answers 200 to
/// every POST, hands the body over with the moment it was complete.
final class WebhookReceiver: Sendable {
    typealias Handler = @Sendable (_ body: [UInt8], _ received: ContinuousClock.Instant) -> Void

    struct ListenError: Error, CustomStringConvertible {
        var description: String
    }

    static let maximumConnections = 64
    /// A sender that keeps a connection open and silent this long is hung up on, seconds.
    private static let idleSeconds = 120

    let port: UInt16
    private let listener: Int32
    private let connections = Atomic(0)
    private let handler: Handler

    /// - Parameter port: 0: a free one.
    /// - Throws: `ListenError` when the address is none or the port is taken.
    init(address: String = "127.0.0.1", port: UInt16, handler: @escaping Handler) throws {
        self.handler = handler
        (listener, self.port) = try Self.listen(address, port)
        Thread.detachNewThread { [self] in acceptAll() }
    }

    private static func listen(_ address: String, _ port: UInt16) throws -> (Int32, UInt16) {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        guard inet_pton(AF_INET, address, &name.sin_addr) == 1 else {
            throw ListenError(description: "'\(address)' is not an IPv4 address to listen on")
        }
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, length) == 0 && Glibc.listen(listener, 64) == 0
                    && getsockname(listener, pointer, &length) == 0
            }
        }
        guard isListening else {
            let reason = String(cString: strerror(errno))
            close(listener)
            throw ListenError(description: "cannot listen on \(address):\(port): \(reason)")
        }
        return (listener, UInt16(bigEndian: name.sin_port))
    }

    /// Ends the accepting; the connections end with their senders.
    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func acceptAll() {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else {
                if errno == EINTR || errno == ECONNABORTED { continue }
                close(listener)
                return
            }
            guard connections.wrappingAdd(1, ordering: .relaxed).newValue <= Self.maximumConnections else {
                connections.wrappingSubtract(1, ordering: .relaxed)
                close(connection)
                continue
            }
            Thread.detachNewThread { [self] in
                serve(connection)
                close(connection)
                connections.wrappingSubtract(1, ordering: .relaxed)
            }
        }
    }

    private func serve(_ connection: Int32) {
        var yes: Int32 = 1
        setsockopt(connection, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        var limit = timeval(tv_sec: Self.idleSeconds, tv_usec: 0)
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var parser = HTTPRequestParser()
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = recv(connection, &chunk, chunk.count, 0)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            parser.append(chunk[..<count])
            do {
                while let request = try parser.next() {
                    let received = ContinuousClock.now
                    // Answered before it is looked at: the sender's clock is running too.
                    let isAnswered = answer(connection, request.method == "POST" ? 200 : 405)
                    if request.method == "POST" { handler(request.body, received) }
                    guard isAnswered, request.keepAlive else { return }
                }
            } catch {
                _ = answer(connection, error.rawValue)
                return
            }
        }
    }

    private func answer(_ connection: Int32, _ status: Int) -> Bool {
        let text = "HTTP/1.1 \(status) \(status == 200 ? "OK" : "Refused")\r\nContent-Length: 0\r\n\r\n"
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes {
                send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { return false }
            rest = rest.dropFirst(written)
        }
        return true
    }
}

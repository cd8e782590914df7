import Foundation

/// A client that sends what it is told, HTTP or not, and reads when it is told.
final class RawClient: Sendable {
    private let socket: Int32

    init(port: Int) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr = in_addr(s_addr: inet_addr("127.0.0.1"))
        socket = try Self.connected(AF_INET, to: &address)
    }

    init(path: String) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        socket = try Self.connected(AF_UNIX, to: &address)
    }

    deinit { close(socket) }

    private static func connected<Address>(_ family: Int32, to address: inout Address) throws -> Int32 {
        let socket = Foundation.socket(family, Int32(SOCK_STREAM.rawValue), 0)
        var timeout = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
        guard result == 0 else {
            close(socket)
            throw Refused(code: errno)
        }
        return socket
    }

    struct Refused: Error { var code: Int32 }

    /// Blocking calls get a thread of their own: the server under test needs the pool.
    private func apart<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: body()) }
        }
    }

    /// - Returns: how many bytes the server took before it closed.
    @discardableResult
    func send(_ bytes: [UInt8]) async -> Int {
        await apart { [socket] in
            var sent = 0
            while sent < bytes.count {
                let count = bytes[sent...].withUnsafeBytes {
                    Foundation.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                if count <= 0 { break }
                sent += count
            }
            return sent
        }
    }

    @discardableResult
    func send(_ text: String) async -> Int { await send(Array(text.utf8)) }

    /// What is there, at most `limit` bytes; empty: closed, or nothing for ten seconds.
    func read(_ limit: Int = 65_536) async -> [UInt8] {
        await apart { [socket] in
            var buffer = [UInt8](repeating: 0, count: limit)
            let count = recv(socket, &buffer, limit, 0)
            return count > 0 ? Array(buffer[..<count]) : []
        }
    }

    func readToEnd() async -> String {
        var bytes: [UInt8] = []
        while case let more = await read(), !more.isEmpty { bytes += more }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// One request on its own connection.
    func exchange(_ request: String) async -> String {
        await send(request)
        return await readToEnd()
    }

    func get(_ path: String, headers: String = "") async -> String {
        await exchange("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\(headers)\r\n")
    }

    func post(_ path: String, _ body: String, headers: String = "") async -> String {
        await exchange(
            "POST \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n"
                + "\(headers)\r\n\(body)")
    }
}

/// The status of an answer, 0 when there was none.
func status(_ answer: String) -> Int { Int(answer.split(separator: " ").dropFirst().first ?? "") ?? 0 }

import Glibc

/// Answers one connection with a head and the beginning of a body, and then nothing.
enum Trickler {
    struct CannotListen: Error {}

    static func with<R>(_ body: (UInt16) async throws -> R) async throws -> R {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard listener >= 0 else { throw CannotListen() }
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 1) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard bound else { throw CannotListen() }
        let answering = Task.detached {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { return }
            var buffer = [UInt8](repeating: 0, count: 65_536)
            _ = recv(connection, &buffer, buffer.count, 0)
            let answer = Array("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart".utf8)
            _ = send(connection, answer, answer.count, 0)
            // Until the sender gives up.
            while recv(connection, &buffer, buffer.count, 0) > 0 {}
            close(connection)
        }
        let result = try await body(UInt16(bigEndian: address.sin_port))
        shutdown(listener, Int32(SHUT_RDWR))
        await answering.value
        return result
    }
}

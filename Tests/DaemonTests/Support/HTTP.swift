import Foundation

/// One GET over a connection of its own, closed after the answer: no client's pool outlives a daemon that
/// was killed, and nothing is spawned for it.
func httpGet(port: Int, _ path: String) async -> (status: Int, body: Data) {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread { continuation.resume(returning: blockingGet(port, path)) }
    }
}

private func blockingGet(_ port: Int, _ path: String) -> (status: Int, body: Data) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
        setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
    guard connectLoopback(descriptor, port) else { return (0, Data()) }
    let request = "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n\r\n"
    guard send(descriptor, request, request.utf8.count, Int32(MSG_NOSIGNAL)) == request.utf8.count else {
        return (0, Data())
    }
    var answer = Data()
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { break }
        answer.append(contentsOf: buffer[..<count])
    }
    guard let end = answer.range(of: Data("\r\n\r\n".utf8)) else { return (0, Data()) }
    let head = String(decoding: answer[..<end.lowerBound], as: UTF8.self)
    let status = Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0
    let body = answer[end.upperBound...]
    return (status, head.lowercased().contains("transfer-encoding: chunked") ? dechunked(body) : Data(body))
}

private func dechunked(_ body: Data) -> Data {
    var rest = body[...]
    var whole = Data()
    while let line = rest.range(of: Data("\r\n".utf8)),
        let size = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16), size > 0,
        rest.count >= size
    {
        whole.append(rest[line.upperBound..<line.upperBound + size])
        rest = rest[(line.upperBound + size + 2)...]
    }
    return whole
}

func connectLoopback(_ descriptor: Int32, _ port: Int) -> Bool {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port)).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}

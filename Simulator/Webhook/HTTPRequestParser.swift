/// As much of HTTP/1.1 as a webhook needs: requests with `Content-Length`, one after the other on a kept-alive
/// connection. Bounded, since anything may call an open port.
struct HTTPRequestParser {
    struct Request: Equatable {
        var method: String
        var path: String
        var keepAlive: Bool
        var body: [UInt8]
    }

    /// The status to answer before the connection is closed.
    enum Refusal: Int, Error {
        case badRequest = 400
        case lengthRequired = 411
        case contentTooLarge = 413
        case headerTooLarge = 431
    }

    static let maximumHeader = 32 << 10
    static let maximumBody = 1 << 20

    private var buffer: [UInt8] = []

    mutating func append(_ bytes: some Sequence<UInt8>) { buffer.append(contentsOf: bytes) }

    /// - Returns: `nil` while the request is not complete.
    mutating func next() throws(Refusal) -> Request? {
        guard let headEnd = endOfHead() else {
            if buffer.count > Self.maximumHeader { throw .headerTooLarge }
            return nil
        }
        guard headEnd <= Self.maximumHeader else { throw .headerTooLarge }
        var lines = String(decoding: buffer[..<headEnd], as: UTF8.self).split(separator: "\r\n")[...]
        guard let start = lines.popFirst()?.split(separator: " "), start.count == 3, start[2].hasPrefix("HTTP/1.")
        else { throw .badRequest }
        var length: Int?
        var keepAlive = start[2] != "HTTP/1.0"
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { throw .badRequest }
            let value = line[line.index(after: colon)...].drop { $0 == " " }.lowercased()
            switch line[..<colon].lowercased() {
            case "content-length":
                guard let number = Int(value), number >= 0, length == nil else { throw .badRequest }
                length = number
            case "transfer-encoding": throw .lengthRequired
            case "connection": keepAlive = value != "close" && (keepAlive || value == "keep-alive")
            default: break
            }
        }
        guard length ?? 0 <= Self.maximumBody else { throw .contentTooLarge }
        let bodyStart = headEnd + 4
        let bodyEnd = bodyStart + (length ?? 0)
        guard buffer.count >= bodyEnd else { return nil }
        let request = Request(
            method: String(start[0]), path: String(start[1]), keepAlive: keepAlive,
            body: Array(buffer[bodyStart..<bodyEnd]))
        buffer.removeFirst(bodyEnd)
        return request
    }

    /// Where the empty line begins.
    private func endOfHead() -> Int? {
        let mark: [UInt8] = [13, 10, 13, 10]
        guard buffer.count >= mark.count else { return nil }
        for position in 0...(buffer.count - mark.count)
        where buffer[position] == 13 && buffer[position..<position + 4].elementsEqual(mark) {
            return position
        }
        return nil
    }
}

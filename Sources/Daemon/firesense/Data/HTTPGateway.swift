import AsyncHTTPClient
import FireModel
import Foundation
import NIOCore

/// Where a daemon answers.
enum GatewayAddress: Equatable {
    case network(String)
    case controlSocket(String)

    /// `http://10.0.0.5:8470`, `https://gateway.example`, or `10.0.0.5:8470`.
    init(_ text: String) throws {
        let whole = text.contains("://") ? text : "http://\(text)"
        guard let address = URLComponents(string: whole), ["http", "https"].contains(address.scheme ?? ""),
            address.host?.isEmpty == false, ["", "/"].contains(address.path), address.query == nil,
            address.user == nil, address.fragment == nil
        else {
            throw Failure("'\(printable(text))' is no address of a gateway, expected for example http://10.0.0.5:8470")
        }
        self = .network(whole.hasSuffix("/") ? String(whole.dropLast()) : whole)
    }

    var base: String {
        switch self {
        case .network(let address): address
        case .controlSocket(let path): URL(httpURLWithSocketPath: path)?.absoluteString.droppingSlash ?? ""
        }
    }

    var name: String {
        switch self {
        case .network(let address): address
        case .controlSocket(let path): path
        }
    }
}

extension String {
    fileprivate var droppingSlash: String { hasSuffix("/") ? String(dropLast()) : self }
}

/// The HTTP interface of a daemon (contract 5).
final class HTTPGateway: Sendable {
    let address: GatewayAddress
    private let token: String?
    private let http: HTTPClient

    /// Of an answer that is read as a whole.
    private static let maximumAnswer = 64 << 20
    private static let answerTime = Duration.seconds(60)

    init(_ address: GatewayAddress, token: String?) {
        self.address = address
        self.token = token
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(5), read: .seconds(120)))
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = .http1Only
        http = HTTPClient(configuration: configuration)
    }

    func close() async { try? await http.shutdown() }

    struct Answer {
        var status: Int
        var body: Data
    }

    /// - Parameter path: percent-encoded, beginning with `/`.
    /// - Throws: `Failure`, when nobody answers.
    func exchange(
        _ path: String, post body: String? = nil, deletes: Bool = false, within time: Duration = answerTime
    ) async throws -> Answer {
        let response = try await send(path, post: body, deletes: deletes, within: time)
        do {
            var data = Data()
            for try await part in response.body {
                data.append(contentsOf: part.readableBytesView)
                guard data.count <= Self.maximumAnswer else {
                    throw Failure("\(address.name) answers with more than \(Self.maximumAnswer >> 20) MiB")
                }
            }
            return Answer(status: Int(response.status.code), body: data)
        } catch {
            throw failure(error)
        }
    }

    /// The JSON of a GET; `nil`: 404.
    /// - Throws: `Failure` with the gateway's own words, where it refuses.
    func find<Body: Decodable>(_ path: String, _ parameters: [(String, String?)] = []) async throws -> Body? {
        let answer = try await exchange(path + query(parameters))
        if answer.status == 404 { return nil }
        return try decode(answer)
    }

    func get<Body: Decodable>(_ path: String, _ parameters: [(String, String?)] = []) async throws -> Body {
        try decode(try await exchange(path + query(parameters)))
    }

    func post<Body: Decodable>(
        _ path: String, _ body: String, within time: Duration = answerTime
    ) async throws -> Body {
        try decode(try await exchange(path, post: body, within: time))
    }

    func delete<Body: Decodable>(_ path: String, _ parameters: [(String, String?)] = []) async throws -> Body {
        try decode(try await exchange(path + query(parameters), deletes: true))
    }

    /// The body of a GET, part by part.
    func stream(_ path: String, _ parameters: [(String, String?)], _ each: ([UInt8]) async throws -> Void) async throws
    {
        let response = try await send(path + query(parameters), post: nil, within: .seconds(7 * 86_400))
        let status = Int(response.status.code)
        guard status == 200 else {
            var data = Data()
            for try await part in response.body where data.count < 65_536 {
                data.append(contentsOf: part.readableBytesView)
            }
            throw refusal(Answer(status: status, body: data))
        }
        var parts = response.body.makeAsyncIterator()
        while let part = try await next(&parts) { try await each(Array(part.readableBytesView)) }
    }

    /// Sends a body of any length, as fast as the gateway takes it.
    ///
    /// - Returns: what it answers with one of `statuses`.
    /// - Throws: `Failure` with the gateway's own words, where it refuses.
    func upload<Parts: AsyncSequence & Sendable, Body: Decodable>(
        _ path: String, _ parameters: [(String, String?)], type: String, _ parts: Parts, statuses: Set<Int>
    ) async throws -> Body where Parts.Element == ByteBuffer {
        var request = request(path + query(parameters))
        request.method = .POST
        request.headers.add(name: "content-type", value: type)
        request.body = .stream(parts, length: .unknown)
        let answer: Answer
        do {
            let response = try await http.execute(request, timeout: .hours(7 * 24))
            var data = Data()
            for try await part in response.body where data.count < Self.maximumAnswer {
                data.append(contentsOf: part.readableBytesView)
            }
            answer = Answer(status: Int(response.status.code), body: data)
        } catch {
            throw failure(error)
        }
        guard statuses.contains(answer.status), let body = try? JSONDecoder().decode(Body.self, from: answer.body)
        else {
            throw refusal(answer)
        }
        return body
    }

    /// Whether somebody answers, and what to `/readyz`.
    func readiness() async throws -> (isReady: Bool, reasons: [String]) {
        struct Body: Decodable {
            var ready: Bool
            var reasons: [String]?
        }
        let answer = try await exchange("/readyz", within: .seconds(10))
        guard let body = try? JSONDecoder().decode(Body.self, from: answer.body) else { throw strange(answer) }
        return (body.ready, body.reasons ?? [])
    }

    // MARK: -

    private func request(_ path: String) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: address.base + path)
        request.headers.add(name: "accept", value: "application/json, */*")
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        return request
    }

    private func send(
        _ path: String, post body: String?, deletes: Bool = false, within time: Duration
    ) async throws -> HTTPClientResponse {
        var request = request(path)
        if deletes { request.method = .DELETE }
        if let body {
            request.method = .POST
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(Array(body.utf8))
        }
        do {
            return try await http.execute(request, timeout: .milliseconds(time.wholeMilliseconds))
        } catch {
            throw failure(error)
        }
    }

    private func next(_ parts: inout HTTPClientResponse.Body.AsyncIterator) async throws
        -> HTTPClientResponse.Body.AsyncIterator.Element?
    {
        do {
            return try await parts.next()
        } catch {
            throw Failure("\(address.name) has broken off: what was received is not complete (\(error))")
        }
    }

    private func failure(_ error: any Error) -> Failure {
        if let failure = error as? Failure { return failure }
        return Failure(
            "\(address.name) does not answer: \(printable(reason(error)))",
            remedy: "see that the daemon runs there (systemctl status firesense) and that the address is right")
    }

    private func decode<Body: Decodable>(_ answer: Answer) throws -> Body {
        guard answer.status == 200 else { throw refusal(answer) }
        do {
            return try JSONDecoder().decode(Body.self, from: answer.body)
        } catch {
            throw strange(answer)
        }
    }

    private func refusal(_ answer: Answer) -> Failure {
        struct Problem: Decodable { var detail: String }
        guard let problem = try? JSONDecoder().decode(Problem.self, from: answer.body) else { return strange(answer) }
        let remedy =
            switch answer.status {
            case 401: "give --token-file or FIRESENSE_TOKEN_FILE"
            case 421: "use the address the gateway listens on"
            default: nil as String?
            }
        return Failure("refused (\(answer.status)): \(printable(problem.detail))", remedy: remedy)
    }

    private func strange(_ answer: Answer) -> Failure {
        Failure(
            "\(address.name) answers \(answer.status) with something else than expected",
            remedy: "is that a FireSense gateway of this version?")
    }
}

/// Why an exchange failed, in words.
func reason(_ error: any Error) -> String {
    if let error = error as? HTTPClientError { return error.shortDescription }
    // What the system says comes wrapped several times over: "… (errno: 111)".
    let text = "\(error)"
    guard let start = text.firstRange(of: "errno: ")?.upperBound,
        let code = Int32(text[start...].prefix { $0.isNumber })
    else { return text.count > 200 ? text.prefix(200) + "…" : text }
    return code == ECONNREFUSED ? "nobody listens there" : String(cString: strerror(code))
}

/// `?a=1&b=2`, percent-encoded, without what is `nil`; empty for nothing.
func query(_ parameters: [(String, String?)]) -> String {
    let pairs = parameters.compactMap { name, value in value.map { "\(name)=\(percentEncoded($0))" } }
    return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
}

func percentEncoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF")
    return text.utf8.reduce(into: "") { encoded, byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
            encoded.unicodeScalars.append(Unicode.Scalar(byte))
        default: encoded += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
        }
    }
}

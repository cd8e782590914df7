import Hummingbird
import Logging
import Synchronization

/// A real HTTP server on a free port that keeps what it was sent and answers as it is told.
final class Receiver: Sendable {
    struct Push: Sendable {
        var method: String
        var path: String
        var query: String?
        /// Names in lower case.
        var headers: [String: String]
        var body: String
        var at: ContinuousClock.Instant

        var id: String { headers["webhook-id"] ?? "" }
    }

    struct Reply: Sendable {
        var status: Int
        var location: String?
        var retryAfter: String?
        var allowedOrigin: String?
        var allowedRate: String?
        var body = ""
        /// No answer before the receiver closes.
        var hangs = false

        static let ok = Reply(status: 204)
        static let hang = Reply(status: 200, hangs: true)
    }

    private let kept = Mutex<[Push]>([])
    private let closed = Latch()
    private let answer: @Sendable (Push, [Push]) async -> Reply
    private let address = Mutex(0)

    /// - Parameter answer: Gets the push and those before it.
    private init(_ answer: @escaping @Sendable (Push, [Push]) async -> Reply) { self.answer = answer }

    /// Runs `body` while the receiver answers.
    static func with<R: Sendable>(
        answer: @escaping @Sendable (Push, [Push]) async -> Reply = { _, _ in .ok },
        _ body: @Sendable (Receiver) async throws -> R
    ) async throws -> R {
        let receiver = Receiver(answer)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            let (running, isRunning) = AsyncStream.makeStream(of: Int.self)
            var logger = Logger(label: "receiver")
            logger.logLevel = .critical
            let application = Application(
                responder: CallbackResponder<BasicRequestContext> { request, _ in try await receiver.respond(request) },
                configuration: .init(address: .hostname("127.0.0.1", port: 0)),
                onServerRunning: { isRunning.yield($0.localAddress?.port ?? 0) }, logger: logger)
            group.addTask { try? await application.run() }
            for await port in running {
                receiver.address.withLock { $0 = port }
                break
            }
            defer {
                receiver.closed.open()
                group.cancelAll()
            }
            return try await body(receiver)
        }
    }

    var port: Int { address.withLock { $0 } }
    var pushes: [Push] { kept.withLock { $0 } }
    var count: Int { kept.withLock { $0.count } }

    func url(_ path: String = "/hook") -> String { "http://127.0.0.1:\(port)\(path)" }

    private func respond(_ request: Request) async throws -> Response {
        var headers: [String: String] = [:]
        for field in request.headers { headers[field.name.canonicalName] = field.value }
        let body = try await request.body.collect(upTo: 1 << 20)
        // What belongs to no header field, HTTP keeps apart.
        headers["host"] = request.head.authority
        let push = Push(
            method: request.method.rawValue, path: request.uri.path, query: request.uri.query, headers: headers,
            body: String(buffer: body), at: .now)
        let before = kept.withLock { kept in
            defer { kept.append(push) }
            return kept
        }
        let reply = await answer(push, before)
        if reply.hangs { await closed.wait() }
        var fields = HTTPFields()
        fields[.location] = reply.location
        fields[.retryAfter] = reply.retryAfter
        for (name, value) in [
            ("WebHook-Allowed-Origin", reply.allowedOrigin), ("WebHook-Allowed-Rate", reply.allowedRate),
        ] {
            if let name = HTTPFields.Element.Name(name) { fields[name] = value }
        }
        return Response(
            status: .init(code: reply.status), headers: fields,
            body: reply.body.isEmpty ? .init() : .init(byteBuffer: ByteBuffer(string: reply.body)))
    }
}

/// Opens once, for all who wait.
final class Latch: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for one in waiting { one.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}

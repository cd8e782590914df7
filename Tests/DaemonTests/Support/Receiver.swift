import Foundation
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// A real HTTP server that takes webhooks and answers as the test wants.
final class Receiver: Sendable {
    struct Received: Sendable {
        var at: Date
        var id: String
        var timestamp: String
        var signature: String
        var isReplay: Bool
        var body: String
        var event: [String: any Sendable]

        var type: String { event["type"] as? String ?? "" }
        var alarm: [String: any Sendable] { event["data"] as? [String: any Sendable] ?? [:] }
        var alarmID: String { alarm["id"] as? String ?? "" }
        var device: String { event["subject"] as? String ?? "" }
        var revision: Int { (alarm["revision"] as? Int) ?? 0 }
        var category: String { alarm["category"] as? String ?? "" }
        /// What was answered.
        var status: Int
    }

    /// What to answer; `nil` hangs until the caller gives up.
    typealias Answer = @Sendable (_ attempt: Int) -> (status: Int, headers: [String: String])?

    private struct State {
        var received: [Received] = []
        var answer: Answer = { _ in (204, [:]) }
        var hangsOnReplays = false
        var port = 0
    }
    private let state = Mutex(State())
    private let server = Mutex<Task<Void, any Error>?>(nil)

    init() async throws {
        let router = Hummingbird.Router()
        router.post("**") { [self] request, _ in try await take(request) }
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in self.state.withLock { $0.port = channel.localAddress?.port ?? 0 } },
            logger: Logger(label: "receiver", factory: { _ in SwiftLogNoOpLogHandler() }))
        server.withLock { $0 = Task { try await application.run() } }
        try await eventually("the receiver listens") { self.port > 0 }
    }

    deinit { server.withLock { $0?.cancel() } }

    var port: Int { state.withLock { $0.port } }
    var url: String { "http://127.0.0.1:\(port)/hook" }
    func hangsOnReplays(_ hangs: Bool) { state.withLock { $0.hangsOnReplays = hangs } }
    func answer(_ answer: @escaping Answer) { state.withLock { $0.answer = answer } }

    /// Alarm events, heartbeats left out.
    var received: [Received] { state.withLock { $0.received }.filter { $0.type != "firesense.heartbeat" } }
    var accepted: [Received] { received.filter { (200..<300).contains($0.status) } }

    private func take(_ request: Request) async throws -> Response {
        let body = try await request.body.collect(upTo: 1 << 20)
        let text = String(buffer: body)
        let event = (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: any Sendable] ?? [:]
        func header(_ name: String) -> String { request.headers.first { $0.name.canonicalName == name }?.value ?? "" }
        let (index, answer) = state.withLock { ($0.received.count, $0.answer) }
        let isReplay = header("firesense-replay") == "true"
        let reply = isReplay && state.withLock { $0.hangsOnReplays } ? nil : answer(index)
        let received = Received(
            at: Date(), id: header("webhook-id"), timestamp: header("webhook-timestamp"),
            signature: header("webhook-signature"), isReplay: isReplay, body: text, event: event,
            status: reply?.status ?? 0)
        state.withLock { $0.received.append(received) }
        guard let reply else {
            try await Task.sleep(for: .seconds(120))
            return Response(status: .gatewayTimeout)
        }
        var response = Response(status: .init(code: reply.status))
        response.headers[.retryAfter] = reply.headers["Retry-After"]
        response.headers[.location] = reply.headers["Location"]
        return response
    }
}

import FireModel
import FireTelemetry
import Hummingbird
import Logging

/// What Hummingbird hands along with a request.
struct ServeContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The address of this machine at which the caller arrived; `nil` on the control socket.
    let localAddress: String?
    let disconnect: @Sendable () -> Void

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        let channel = source.channel
        localAddress = channel.localAddress?.ipAddress
        disconnect = { channel.close(promise: nil) }
    }
}

/// Takes a request from the router through the checks that are the same for all of them to its route, and the answer back.
struct Desk: Sendable {
    var access: Access
    var tokens: TokenBoard
    var limits: ServeLimits
    var clock: @Sendable () -> Timestamp
    var streams: OpenStreams
    var lists: Turnstile
    var turnstile: Turnstile

    func answer(_ route: Route, _ request: Request, _ context: ServeContext) async throws -> Response {
        var caller: Caller?
        if let scope = route.scope {
            caller = try access.admit(request.headers[.authorization], to: scope, tokens: tokens.current)
        }
        let query = try parseQuery(request.uri.query, known: route.parameters)
        var body: [String: JSONValue] = [:]
        if let fields = route.body { body = try parseBody(await read(request), known: fields) }
        let ticket = try enter(route)
        guard let id = percentDecoded((context.parameters["id"] ?? "")[...]) else {
            throw Problem(.badRequest, "The path is not percent-encoded UTF-8.")
        }
        var call = Call(id: id, query: query, body: body, caller: caller, now: clock())
        guard route.upload != nil else { return response(try await route.handle(call), ticket, context) }
        let upload = Upload(request.body, stall: limits.uploadStall, disconnect: context.disconnect)
        let place = streams.enter(context.disconnect)
        defer {
            upload.end()
            streams.leave(place)
        }
        call.upload = upload
        return response(try await route.handle(call), ticket, context)
    }

    /// Kept until the answer has been sent.
    private func enter(_ route: Route) throws(Problem) -> Turnstile.Ticket? {
        switch route.weight {
        case .light: return nil
        case .list:
            guard let ticket = lists.enter() else {
                throw .unavailable("\(limits.lists) lists are being sent already; try again.")
            }
            return ticket
        case .heavy:
            guard let ticket = turnstile.enter() else {
                throw .unavailable("\(limits.heavyRequests) large queries are running already; try again.")
            }
            return ticket
        }
    }

    private func response(_ answer: Answer, _ ticket: Turnstile.Ticket?, _ context: ServeContext) -> Response {
        var headers = answer.headers
        headers[.contentType] = answer.type
        let body: ResponseBody
        switch answer.content {
        case .bytes(let bytes) where bytes.count <= limits.piece:
            body = ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        case .bytes(let bytes): body = stream(length: bytes.count, ticket, context) { try await $0.append(bytes) }
        case .stream(let write): body = stream(length: nil, ticket, context, write)
        }
        return Response(status: answer.status, headers: headers, body: body)
    }

    private func stream(
        length: Int?, _ ticket: Turnstile.Ticket?, _ context: ServeContext,
        _ write: @escaping @Sendable (inout PieceWriter) async throws -> Void
    ) -> ResponseBody {
        ResponseBody(contentLength: length) { writer in
            let place = streams.enter(context.disconnect)
            defer {
                streams.leave(place)
                withExtendedLifetime(ticket) {}
            }
            do {
                var pieces = PieceWriter(writer, size: limits.piece)
                try await write(&pieces)
                try await pieces.finish()
            } catch {
                // The status has been sent; breaking off is the only way left to tell the caller.
                context.logger.notice("answer broken off", metadata: [LogKey.error: "\(error)"])
                context.disconnect()
                throw error
            }
        }
    }

    /// The body, within its size and time.
    private func read(_ request: Request) async throws -> [UInt8] {
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limits.body { throw tooLarge }
        return try await withThrowingTaskGroup(of: [UInt8]?.self) { group in
            group.addTask { [limits] in
                var request = request
                do {
                    return Array(try await request.collectBody(upTo: limits.body).readableBytesView)
                } catch let error as any HTTPResponseError where error.status == .contentTooLarge {
                    throw tooLarge
                } catch {
                    throw BrokenRequest(cause: error)
                }
            }
            group.addTask { [limits] in
                try await Task.sleep(for: limits.bodyTime)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let bytes = first else { throw tooSlow }
            return bytes
        }
    }

    private var tooLarge: Problem { Problem(.contentTooLarge, "The body is larger than \(limits.body) bytes.") }

    private var tooSlow: Problem {
        Problem(.requestTimeout, "The body did not arrive within \(limits.bodyTime.firesense).")
    }
}

/// The bytes on the wire are not HTTP, or ended; Hummingbird closes the connection.
struct BrokenRequest: Error {
    var cause: any Error
}

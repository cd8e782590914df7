import FireModel
import FireTelemetry
import Hummingbird
import Logging

/// Stands before every route and behind the ones that do not exist: looks at the `Host`, turns errors
/// into problems, and marks every answer.
struct Reception: RouterMiddleware {
    /// `nil` on the control socket, where there is no host to be mistaken for.
    var names: HostNames?
    var routes: [Route]
    var limits: ServeLimits
    var traffic: Traffic

    func handle(
        _ request: Request, context: ServeContext, next: (Request, ServeContext) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            try look(at: request, context)
            response = try await next(request, context)
        } catch let broken as BrokenRequest {
            throw broken.cause
        } catch {
            let problem = problem(error, request, context)
            response = Response(
                status: problem.status, headers: problem.headers,
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: problem.json)))
            response.headers[.contentType] = Problem.contentType
            if request.method == .head { response = response.createHeadResponse() }
        }
        response.headers[.xContentTypeOptions] = "nosniff"
        response.headers[.cacheControl] = "no-store"
        traffic.count(response.status)
        return response
    }

    private func look(at request: Request, _ context: ServeContext) throws(Problem) {
        guard request.uri.string.utf8.count <= limits.target else {
            throw Problem(.uriTooLong, "The path is longer than \(limits.target) bytes.")
        }
        guard let names else { return }
        guard let host = request.head.authority, !host.isEmpty else {
            throw Problem(.badRequest, .unknownHost, "The Host header is missing.")
        }
        // The first one became the authority; what is left is a second opinion (RFC 9112, 3.2).
        guard !request.headers.contains(where: { $0.name.canonicalName == "host" }) else {
            throw Problem(.badRequest, .unknownHost, "There is more than one Host header.")
        }
        guard names.contains(host, local: context.localAddress) else {
            throw Problem(
                .misdirectedRequest, .unknownHost,
                "Host \(Problem.quoted(host)) is neither the listen address nor a configured name of this gateway.")
        }
    }

    private func problem(_ error: any Error, _ request: Request, _ context: ServeContext) -> Problem {
        switch error {
        case let problem as Problem: problem
        case is InvalidCursor:
            Problem(
                .badRequest, .invalidParameter,
                "Parameter 'cursor' was not given out by this list; start again without one.")
        case let error as UnusableQuestion: Problem(.badRequest, .invalidParameter, error.reason)
        case let error as UnreadableImport: Problem(.badRequest, .invalidBody, error.reason)
        case let error as TemporarilyUnavailable: unavailable(error, request, context)
        case let error as HTTPError where error.status == .notFound: unrouted(request)
        case let error as any HTTPResponseError where error.status.code < 500:
            Problem(error.status, error.status.reasonPhrase)
        default: unexpected(error, request, context)
        }
    }

    /// The path is not there at all, or not with this method.
    private func unrouted(_ request: Request) -> Problem {
        let methods = routes.filter { $0.matches(request.uri.path) }.map(\.method)
        guard !methods.isEmpty else {
            return Problem(.notFound, "There is nothing at \(Problem.quoted(request.uri.path)). See /openapi.json.")
        }
        let allowed = methods.flatMap { $0 == .get ? ["GET", "HEAD"] : [$0.rawValue] }.joined(separator: ", ")
        return Problem(
            .methodNotAllowed, "\(Problem.quoted(request.method.rawValue)) is not allowed here, only \(allowed).",
            headers: [.allow: allowed])
    }

    private func unavailable(
        _ error: TemporarilyUnavailable, _ request: Request, _ context: ServeContext
    ) -> Problem {
        if let cause = error.cause { log(cause, request, context) }
        return .unavailable(error.reason)
    }

    private func log(_ cause: String, _ request: Request, _ context: ServeContext) {
        guard let held = traffic.failures.pass() else { return }
        context.logger.error(
            "request failed",
            metadata: [
                LogKey.path: "\(request.method) \(Problem.quoted(request.uri.path))", LogKey.error: "\(cause)",
                LogKey.held: "\(held)",
            ])
    }

    private func unexpected(_ error: any Error, _ request: Request, _ context: ServeContext) -> Problem {
        log("\(error)", request, context)
        return Problem(.internalServerError, "This failed inside the gateway; its log has the cause.")
    }
}

/// What was answered, for `/metrics`.
struct Traffic: Sendable {
    private let classes: [Counter]
    let failures = RateLimit(every: .seconds(1))

    init(_ page: MetricPage) {
        classes = (2...5).map { digit in
            let counter = Counter()
            page.register(
                "http_requests_total", "Requests answered, by class of status.", [("status", "\(digit)xx")], counter)
            return counter
        }
    }

    func count(_ status: HTTPResponse.Status) {
        let index = status.code / 100 - 2
        if classes.indices.contains(index) { classes[index].increment() }
    }
}

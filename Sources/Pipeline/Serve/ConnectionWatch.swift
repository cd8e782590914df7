import FireModel
import Hummingbird
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// What one connection may cost, whatever comes on it and whoever sends it.
///
/// Stands in the pipeline between the HTTP codec and Hummingbird, so it sees each request and each answer, also
/// those that no route of ours has a say in: only there is "nobody can hold a connection for ever" one rule and not
/// something every route must remember. Hummingbird's own idle timer, behind it, ends a connection on which
/// nothing is asked or a head never ends; while a request is in progress that timer does nothing, and every byte
/// of a body winds it up again. So here:
///
/// - An answer that is given before the request has been read to its end is the last one. What comes after it is
///   thrown away, up to a bound, for the caller may read only once it has sent everything; then the connection closes.
/// - What is written must leave: a caller that takes nothing for `stall` is disconnected.
/// - An answer of known length must have left after `answer`, counted from the last of what was asked: an upload goes
///   on for as long as it is being read. One of unknown length is an export, which goes on for as long as it is
///   being taken.
/// - Bytes that are not HTTP are answered with a problem, as every other error is.
final class ConnectionWatch: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let limits: ServeLimits

    /// Requests whose answer has not ended. Answers come in the order of the requests: the oldest is being answered.
    private var unanswered = 0
    /// The newest request has not been read to its end.
    private var isReading = false
    /// The newest request is the last one, so the caller said; what it sends behind it is nothing to answer.
    private var isLastRequest = false
    /// The answer being written is the last one.
    private var isLastAnswer = false
    /// The last answer has been written: nothing more is taken in or sent.
    private var isOver = false
    private var thrownAway = 0
    private var parserError: HTTPParserError?

    private var unwritten = 0
    private var unwrittenSince: NIODeadline?
    private var answerDue: NIODeadline?
    private var closeDue: NIODeadline?
    private var timer: (due: NIODeadline, task: Scheduled<Void>)?

    init(limits: ServeLimits) { self.limits = limits }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.task.cancel()
        timer = nil
    }

    // MARK: - In

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        guard !isOver, !isLastRequest || isReading else {
            switch part {
            case .head: thrownAway += limits.headers
            case .body(let bytes): thrownAway += bytes.readableBytes
            case .end: break
            }
            return
        }
        switch part {
        case .head(let head):
            unanswered += 1
            isReading = true
            if unanswered == 1 { answerDue = context.eventLoop.now + limits.answer.timeAmount }
            isLastRequest = asksToClose(head)
            setTimer(context)
        case .body:
            // Whoever reads a body has a limit for it; what nobody reads does not come as far as here.
            if unanswered == 1, answerDue != nil { answerDue = context.eventLoop.now + limits.answer.timeAmount }
        case .end: isReading = false
        }
        context.fireChannelRead(data)
    }

    /// What is thrown away is not even read beyond its bound: the caller's own send buffer fills up then.
    func read(context: ChannelHandlerContext) {
        if thrownAway < limits.thrownAway { context.read() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? HTTPParserError { parserError = error }
        context.fireErrorCaught(error)
    }

    private func asksToClose(_ head: HTTPRequest) -> Bool {
        head.headerFields[.connection]?.lowercased().contains("close") ?? false
    }

    // MARK: - Out

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isOver else {
            promise?.succeed()
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(let head): writeHead(head, context, promise)
        case .body: send(data, context, promise)
        case .end:
            unanswered = max(0, unanswered - 1)
            answerDue = unanswered > 0 ? context.eventLoop.now + limits.answer.timeAmount : nil
            isOver = isLastAnswer
            send(data, context, promise)
        }
    }

    private func writeHead(_ head: HTTPResponse, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        var head = head
        var body: [UInt8] = []
        // Hummingbird's own answer to a parser error is the bare status.
        if let parserError, head.status == .badRequest, head.headerFields[.contentType] == nil {
            let problem = Problem(parserError)
            body = problem.json
            head = HTTPResponse(
                status: problem.status,
                headerFields: [
                    .contentType: Problem.contentType, .contentLength: String(body.count), .cacheControl: "no-store",
                    .xContentTypeOptions: "nosniff",
                ])
            isLastAnswer = true
        }
        if unanswered <= 1, isReading || isLastRequest { isLastAnswer = true }
        if isLastAnswer { head.headerFields[.connection] = "close" }
        if head.headerFields[.contentLength] == nil { answerDue = nil }
        send(wrapOutboundOut(.head(head)), context, promise)
        if !body.isEmpty { send(wrapOutboundOut(.body(ByteBuffer(bytes: body))), context, nil) }
    }

    private func send(_ data: NIOAny, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        let written = promise ?? context.eventLoop.makePromise(of: Void.self)
        if unwritten == 0 { unwrittenSince = context.eventLoop.now }
        unwritten += 1
        written.futureResult.assumeIsolated().whenComplete { [self] _ in
            unwritten -= 1
            unwrittenSince = unwritten > 0 ? context.eventLoop.now : nil
            if isOver, unwritten == 0 {
                closeDue = context.eventLoop.now + limits.linger.timeAmount
                setTimer(context)
            }
        }
        context.write(data, promise: written)
        setTimer(context)
    }

    // MARK: - Time

    /// One timer for all: set anew only when something is due before it, else it looks again when it rings.
    private func setTimer(_ context: ChannelHandlerContext) {
        guard context.channel.isActive, let due = due else { return }
        if let timer {
            guard due < timer.due else { return }
            timer.task.cancel()
        }
        let task = context.eventLoop.assumeIsolated().scheduleTask(deadline: due) { [self] in
            timer = nil
            let isDue = self.due.map { $0 <= context.eventLoop.now } ?? false
            if isDue { context.close(promise: nil) } else { setTimer(context) }
        }
        timer = (due, task)
    }

    private var due: NIODeadline? {
        [unwrittenSince.map { $0 + limits.stall.timeAmount }, answerDue, closeDue].compactMap(\.self).min()
    }
}

@available(*, unavailable) extension ConnectionWatch: Sendable {}

extension Duration {
    fileprivate var timeAmount: TimeAmount { .milliseconds(wholeMilliseconds) }
}

extension Problem {
    /// What the parser could not read, and where the caller has to look.
    fileprivate init(_ error: HTTPParserError) {
        if case .headerOverflow = error {
            self.init(.requestHeaderFieldsTooLarge, "The path or the headers are larger than is read here.")
        } else {
            self.init(.badRequest, "What came is not HTTP/1.1: \(error).")
        }
    }
}

import Hummingbird
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPTypes
import Testing

@testable import FireServe

/// The rules alone, with time as a parameter. What is written stays unwritten until it is flushed: a caller that
/// takes nothing.
@Suite struct ConnectionWatchTests {
    /// Between the watch and the socket: counts what would be read from it.
    private final class Reads: ChannelDuplexHandler {
        typealias InboundIn = HTTPRequestPart
        typealias OutboundIn = HTTPResponsePart
        var count = 0
        func read(context: ChannelHandlerContext) {
            count += 1
            context.read()
        }
    }

    private let limits = ServeLimits()
    private let reads = Reads()

    private func connection() throws -> EmbeddedChannel {
        let channel = EmbeddedChannel(handlers: [reads, ConnectionWatch(limits: limits)])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return channel
    }

    private func asks(_ channel: EmbeddedChannel, _ headers: HTTPFields = [:], ends: Bool = true) throws {
        let head = HTTPRequest(method: .get, scheme: nil, authority: "x", path: "/", headerFields: headers)
        try channel.writeInbound(HTTPRequestPart.head(head))
        if ends { try channel.writeInbound(HTTPRequestPart.end(nil)) }
    }

    private func answers(_ channel: EmbeddedChannel, length: Int? = 2, ends: Bool = true) {
        var head = HTTPResponse(status: .ok)
        head.headerFields[.contentLength] = length.map(String.init)
        head.headerFields[.contentType] = "text/plain"
        channel.write(HTTPResponsePart.head(head), promise: nil)
        channel.write(HTTPResponsePart.body(ByteBuffer(string: "ok")), promise: nil)
        if ends { channel.write(HTTPResponsePart.end(nil), promise: nil) }
    }

    private func passes(_ seconds: Int64, _ channel: EmbeddedChannel) {
        channel.embeddedEventLoop.advanceTime(by: .seconds(seconds))
    }

    private func heads(_ channel: EmbeddedChannel) throws -> [HTTPResponse] {
        var heads: [HTTPResponse] = []
        while let part = try channel.readOutbound(as: HTTPResponsePart.self) {
            if case .head(let head) = part { heads.append(head) }
        }
        return heads
    }

    @Test func connectionIsKeptWhereEverythingIsReadAndTaken() throws {
        let channel = try connection()
        for _ in 0..<5 {
            try asks(channel)
            answers(channel)
            channel.flush()
            passes(1000, channel)
        }
        #expect(channel.isActive)
        #expect(try heads(channel).map { $0.headerFields[.connection] } == [nil, nil, nil, nil, nil])
    }

    @Test func callerThatTakesNothingIsDisconnected() throws {
        let channel = try connection()
        try asks(channel)
        answers(channel, length: nil, ends: false)
        passes(59, channel)
        channel.flush()
        passes(100, channel)
        #expect(channel.isActive, "it took what there was; what takes long now is on our side")
        channel.write(HTTPResponsePart.body(ByteBuffer(string: "more")), promise: nil)
        passes(59, channel)
        #expect(channel.isActive)
        passes(1, channel)
        #expect(!channel.isActive)
    }

    @Test func answerOfKnownLengthHasADeadlineAndAnExportHasNone() throws {
        for (length, isActive) in [(1_000_000, false), (nil, true)] {
            let channel = try connection()
            try asks(channel)
            answers(channel, length: length, ends: false)
            for _ in 0..<61 {
                channel.write(HTTPResponsePart.body(ByteBuffer(string: "a little")), promise: nil)
                channel.flush()
                passes(10, channel)
            }
            #expect(channel.isActive == isActive)
        }
    }

    @Test func timeOfARequestBeginsWhenTheOneBeforeIsAnswered() throws {
        let channel = try connection()
        try asks(channel)
        answers(channel, length: nil, ends: false)
        try asks(channel)
        channel.flush()
        passes(3600, channel)
        #expect(channel.isActive, "an export goes on, and the next waits for it")
        channel.write(HTTPResponsePart.end(nil), promise: nil)
        channel.flush()
        passes(599, channel)
        #expect(channel.isActive)
        passes(1, channel)
        #expect(!channel.isActive)
    }

    @Test func answerBeforeTheEndOfTheRequestIsTheLast() throws {
        let channel = try connection()
        try asks(channel, ends: false)
        answers(channel)
        channel.flush()
        #expect(try heads(channel).map { $0.headerFields[.connection] } == ["close"])
        _ = try channel.readInbound(as: HTTPRequestPart.self)
        // A byte a second, and then another request.
        try channel.writeInbound(HTTPRequestPart.body(ByteBuffer(string: "x")))
        passes(1, channel)
        try channel.writeInbound(HTTPRequestPart.end(nil))
        try asks(channel)
        #expect(try channel.readInbound(as: HTTPRequestPart.self) == nil, "nothing of it comes through")
        answers(channel)
        channel.flush()
        #expect(try heads(channel).isEmpty)
        #expect(channel.isActive, "it may still be reading its answer")
        passes(1, channel)
        #expect(!channel.isActive)
    }

    @Test func whatIsThrownAwayIsBounded() throws {
        let channel = try connection()
        try asks(channel, ends: false)
        answers(channel)
        channel.flush()
        let part = ByteBuffer(repeating: 0, count: 64 * 1024)
        for _ in 0..<15 { try channel.writeInbound(HTTPRequestPart.body(part)) }
        let before = reads.count
        channel.read()
        #expect(reads.count == before + 1)
        try channel.writeInbound(HTTPRequestPart.body(part))
        channel.read()
        #expect(reads.count == before + 1)
    }

    @Test func requestThatAsksToCloseIsAnsweredAndNothingBehindIt() throws {
        let channel = try connection()
        try asks(channel)
        try asks(channel, [.connection: "Close"])
        try asks(channel)
        var passed = 0
        while try channel.readInbound(as: HTTPRequestPart.self) != nil { passed += 1 }
        #expect(passed == 4)
        answers(channel)
        answers(channel)
        channel.flush()
        #expect(try heads(channel).map { $0.headerFields[.connection] } == [nil, "close"])
        passes(2, channel)
        #expect(!channel.isActive)
    }

    @Test(arguments: [
        (HTTPParserError.invalidMethod, 400), (.headerOverflow, 431),
    ]) func bytesThatAreNotHTTPAreAnsweredWithAProblem(error: HTTPParserError, status: Int) throws {
        let channel = try connection()
        #expect(throws: HTTPParserError.self) {
            channel.pipeline.fireErrorCaught(error)
            try channel.throwIfErrorCaught()
        }
        // What Hummingbird says to it.
        let bare = HTTPResponse(status: .badRequest, headerFields: [.connection: "close", .contentLength: "0"])
        channel.write(HTTPResponsePart.head(bare), promise: nil)
        channel.write(HTTPResponsePart.end(nil), promise: nil)
        channel.flush()
        let head = try channel.readOutbound(as: HTTPResponsePart.self)
        guard case .head(let head) = head, case .body(let body) = try channel.readOutbound(as: HTTPResponsePart.self)
        else {
            Issue.record("no body")
            return
        }
        #expect(head.status.code == status)
        #expect(head.headerFields[.contentType] == "application/problem+json")
        #expect(head.headerFields[.contentLength] == String(body.readableBytes))
        #expect(String(buffer: body).contains(#""status":\#(status),"#))
        passes(2, channel)
        #expect(!channel.isActive)
    }
}

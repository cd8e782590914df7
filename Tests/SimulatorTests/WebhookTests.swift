import Foundation
import Synchronization
import Testing

@testable import firesense_simulator

@Suite struct WebhookTests {
    private func request(_ body: String, connection: String = "keep-alive") -> [UInt8] {
        Array(
            "POST /hook HTTP/1.1\r\nHost: x\r\nConnection: \(connection)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
                .utf8)
    }

    @Test func requestsAreReadOneAfterTheOther() throws {
        var parser = HTTPRequestParser()
        parser.append(request("one") + request("second", connection: "close"))
        #expect(try parser.next() == .init(method: "POST", path: "/hook", keepAlive: true, body: Array("one".utf8)))
        #expect(try parser.next() == .init(method: "POST", path: "/hook", keepAlive: false, body: Array("second".utf8)))
        #expect(try parser.next() == nil)
    }

    @Test func aRequestMayComeByteByByte() throws {
        var parser = HTTPRequestParser()
        let bytes = request("hello")
        for byte in bytes.dropLast() {
            parser.append([byte])
            #expect(try parser.next() == nil)
        }
        parser.append(bytes.suffix(1))
        #expect(try parser.next()?.body == Array("hello".utf8))
    }

    @Test func whatIsTooLargeOrNotHTTPIsRefused() {
        func refusal(_ text: String) -> HTTPRequestParser.Refusal? {
            var parser = HTTPRequestParser()
            parser.append(text.utf8)
            do {
                _ = try parser.next()
                return nil
            } catch {
                return error
            }
        }
        #expect(refusal("hello\r\n\r\n") == .badRequest)
        #expect(refusal("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n") == .badRequest)
        #expect(refusal("POST / HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n") == .contentTooLarge)
        #expect(refusal("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n") == .lengthRequired)
        #expect(refusal(String(repeating: "a", count: 40_000)) == .headerTooLarge)
    }

    @Test func theReceiverAnswersAndHandsOverOnOneConnection() throws {
        let bodies = Mutex([String]())
        let receiver = try WebhookReceiver(port: 0) { body, _ in
            bodies.withLock { $0.append(String(decoding: body, as: UTF8.self)) }
        }
        defer { receiver.stop() }
        let client = try RawClient(port: receiver.port)
        for text in ["first", "second"] {
            try client.send(request(text))
            #expect(try client.answer().hasPrefix("HTTP/1.1 200 OK\r\n"))
        }
        try client.send(request("last", connection: "close"))
        #expect(try client.answer().hasPrefix("HTTP/1.1 200 OK\r\n"))
        // The connection is closed after the last has been handed over.
        #expect(try client.answer() == "")
        #expect(bodies.withLock { $0 } == ["first", "second", "last"])
    }

    @Test func aPortInUseIsSaid() throws {
        let first = try WebhookReceiver(port: 0) { _, _ in }
        defer { first.stop() }
        #expect(throws: WebhookReceiver.ListenError.self) { try WebhookReceiver(port: first.port) { _, _ in } }
    }

    // MARK: - Matching

    private func event(_ device: String, type: String = "firesense.alarm.raised", category: String = "fire") -> [UInt8]
    {
        Array(
            #"{"specversion":"1.0","type":"\#(type)","subject":"\#(device)","data":{"category":"\#(category)","device":{"id":"\#(device)","kind":"smoke"}}}"#
                .utf8)
    }

    @Test func onlyANewFireCounts() {
        #expect(FireLatency.deviceOnFire(event("smoke-1")) == "smoke-1")
        #expect(FireLatency.deviceOnFire(event("smoke-1", type: "firesense.alarm.updated")) == nil)
        #expect(FireLatency.deviceOnFire(event("smoke-1", category: "fault")) == nil)
        #expect(FireLatency.deviceOnFire(Array("not json".utf8)) == nil)
        #expect(FireLatency.deviceOnFire(Array(#"{"type":"firesense.heartbeat"}"#.utf8)) == nil)
    }

    @Test func theFirstArrivalCountsAndStrangersDoNot() {
        let latency = FireLatency()
        let start = ContinuousClock.now
        for number in 1...3 { latency.published("smoke-\(number)", at: start) }
        latency.received(event("smoke-2"), at: start + .milliseconds(20))
        latency.received(event("smoke-1"), at: start + .milliseconds(10))
        latency.received(event("smoke-1"), at: start + .milliseconds(500))
        latency.received(event("smoke-9"), at: start + .milliseconds(1))
        let result = latency.result
        #expect(result.published == 3)
        #expect(result.received == 2)
        #expect(result.missing == 1)
        #expect(result.repeated == 1)
        #expect(result.latencies == [.milliseconds(10), .milliseconds(20)])
    }

    @Test func percentilesAreTheNearestRank() {
        let result = FireLatency.Result(
            published: 100, received: 100, repeated: 0, latencies: (1...100).map { .milliseconds($0) })
        #expect(result.percentile(50) == .milliseconds(50))
        #expect(result.percentile(99) == .milliseconds(99))
        #expect(result.percentile(100) == .milliseconds(100))
        #expect(FireLatency.Result(published: 1, received: 0, repeated: 0, latencies: []).percentile(50) == nil)
    }
}

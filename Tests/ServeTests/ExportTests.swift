import FireModel
import Foundation
import Hummingbird
import HummingbirdTesting
import Testing

@testable import FireServe

@Suite struct ExportTests {
    @Test func exportHasItsHeaderAndEveryRow() async throws {
        try await server().network.test(.router) { client in
            let csv = try await client.execute(uri: "/api/v1/export?format=csv", method: .get)
            #expect(csv.headers[.contentType] == "text/csv; charset=utf-8")
            let lines = csv.text.split(separator: "\n")
            #expect(lines.count == 1001)
            #expect(lines[0] == "ts,area,kind,device,component,metric,value")
            #expect(lines[1] == "1795429200000,320102,hydrant,hydrant-000007,,pressure,0")
            let line = try await client.execute(uri: "/api/v1/export?format=line&kind=hydrant", method: .get)
            #expect(line.text.hasPrefix("hydrant,area=320102,device=hydrant-000007 pressure=0 1795429200000\n"))
            #expect(line.text.split(separator: "\n").count == 1000)
        }
    }

    /// A million rows; whatever the reader does, the producer is never further ahead of it than what fits
    /// into the buffers of the two sockets.
    @Test func millionRowsAreStreamedAtTheReadersPace() async throws {
        let rows = 1_000_000
        let gateway = MemoryGateway(rows: rows)
        try await withServer(gateway, .testing()) { _, port in
            let client = try RawClient(port: port)
            await client.send("GET /api/v1/export?format=csv HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            try await stalled(gateway)
            let ahead = gateway.handedOut.withLock { $0 }
            #expect(ahead < rows / 4, "\(ahead) rows were produced for a reader that takes none")
            var newlines = 0
            var bytes = 0
            while case let piece = await client.read(1 << 20), !piece.isEmpty {
                bytes += piece.count
                piece.withUnsafeBytes { newlines += $0.lazy.filter { $0 == UInt8(ascii: "\n") }.count }
                let lead = gateway.handedOut.withLock { $0 } - newlines
                #expect(lead < rows / 4, "the producer is \(lead) rows ahead")
            }
            #expect(newlines > rows && bytes > 50_000_000)
            #expect(gateway.handedOut.withLock { $0 } == rows)
        }
    }

    @Test func departedReaderEndsTheExport() async throws {
        let gateway = MemoryGateway(rows: .max / 2)
        try await withServer(gateway, .testing { $0.limits.heavyRequests = 1 }) { _, port in
            do {
                let client = try RawClient(port: port)
                await client.send("GET /api/v1/export?format=csv HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(!(await client.read()).isEmpty)
            }
            // The one place among large queries is free again.
            try await eventuallyServed(port, "/api/v1/quarantine")
        }
    }

    @Test func stalledReaderIsDisconnected() async throws {
        let gateway = MemoryGateway(rows: .max / 2)
        let settings = ServeSettings.testing {
            $0.limits.heavyRequests = 1
            $0.limits.stall = .milliseconds(400)
        }
        try await withServer(gateway, settings) { _, port in
            let client = try RawClient(port: port)
            await client.send("GET /api/v1/export?format=csv HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(!(await client.read()).isEmpty)
            // The one place among large queries is free again, although the caller is still there.
            try await eventuallyServed(port, "/api/v1/quarantine")
            withExtendedLifetime(client) {}
        }
    }

    @Test func largeQueriesAreLimitedInNumber() async throws {
        let gateway = MemoryGateway(rows: .max / 2)
        try await withServer(gateway, .testing { $0.limits.heavyRequests = 1 }) { _, port in
            let client = try RawClient(port: port)
            await client.send("GET /api/v1/export?format=csv HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(!(await client.read()).isEmpty)
            let refused = await (try RawClient(port: port)).get("/api/v1/export?format=csv")
            #expect(status(refused) == 503)
            #expect(refused.contains("Retry-After"))
            #expect(status(await (try RawClient(port: port)).get("/api/v1/alarms")) == 200)
            withExtendedLifetime(client) {}
        }
    }

    /// A page that nobody takes stays in memory, however many ask.
    @Test func listsOnTheirWayAreLimitedInNumber() async throws {
        let gateway = MemoryGateway()
        // More than the kernel takes off our hands.
        let text = Value.text(String(repeating: "x", count: 100_000))
        gateway.state.withLock {
            for index in $0.devices.indices { $0.devices[index].latest[0].value = text }
        }
        let settings = ServeSettings.testing {
            $0.limits.lists = 1
            $0.limits.page = 64 << 20
        }
        try await withServer(gateway, settings) { _, port in
            let client = try RawClient(port: port)
            await client.send("GET /api/v1/devices?limit=250 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(!(await client.read()).isEmpty)
            let refused = await (try RawClient(port: port)).get("/api/v1/deliveries")
            #expect(status(refused) == 503)
            #expect(refused.contains("Retry-After"))
            #expect(status(await (try RawClient(port: port)).get("/api/v1/alarms/alarm-001")) == 200)
            withExtendedLifetime(client) {}
        }
    }

    @Test func exportInProgressDoesNotHoldUpTheStop() async throws {
        let gateway = MemoryGateway(rows: .max / 2)
        let (client, begin) = try await server(gateway).network.test(.live) { tester in
            let client = try RawClient(port: try #require(tester.port))
            await client.send("GET /api/v1/export?format=csv HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(!(await client.read()).isEmpty)
            return (client, ContinuousClock.now)
        }
        #expect(begin.duration(to: .now) < .seconds(5))
        withExtendedLifetime(client) {}
    }

    @Test func exportThatFailsBreaksOffVisibly() async throws {
        struct Broken: Error {}
        let gateway = MemoryGateway()
        gateway.state.withLock { $0.failure = Broken() }
        try await withServer(gateway) { _, port in
            let answer = await (try RawClient(port: port)).get("/api/v1/export?format=csv")
            #expect(!answer.hasSuffix("0\r\n\r\n"))
        }
    }

    @Test func longAnswerArrivesWholeAtASlowReader() async throws {
        let gateway = MemoryGateway()
        try await withServer(gateway, .testing { $0.limits.idle = .milliseconds(300) }) { _, port in
            let client = try RawClient(port: port)
            await client.send("GET /api/v1/devices?limit=250 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            let answer = await client.readToEnd()
            #expect(answer.contains("Content-Length: ") && answer.hasSuffix(#""next":null}"#))
        }
    }

    /// The producer has stopped because nobody reads.
    private func stalled(_ gateway: MemoryGateway) async throws {
        var last = -1
        var since = ContinuousClock.now
        let end = since + .seconds(20)
        while since.duration(to: .now) < .milliseconds(300) {
            guard ContinuousClock.now < end else { throw Expired() }
            let now = gateway.handedOut.withLock { $0 }
            if now != last || now == 0 {
                last = now
                since = .now
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    private func eventuallyServed(_ port: Int, _ path: String) async throws {
        let end = ContinuousClock.now + .seconds(10)
        while status(await (try RawClient(port: port)).get(path)) != 200 {
            guard ContinuousClock.now < end else { throw Expired() }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

import FireModel
import Foundation
import Synchronization
import Testing

@testable import FireDispatch

/// One request and its answer against a real HTTP receiver.
@Suite struct WebhookClientTests {
    private let message = Message(id: "1", contentType: "text/plain", body: [65])

    private func send(_ client: WebhookClient, _ endpoint: Endpoint, _ message: Message? = nil) async -> Answer {
        await client.send(message ?? self.message, to: endpoint, now: .wallClock)
    }

    private func with<R>(_ client: WebhookClient, _ body: () async throws -> R) async throws -> R {
        do {
            let result = try await body()
            await client.shutdown()
            return result
        } catch {
            await client.shutdown()
            throw error
        }
    }

    // MARK: Where it may go

    @Test func destinationThatIsNotAllowedGetsNothing() async throws {
        try await Receiver.with { receiver in
            let client = WebhookClient(version: "1", clockIsSynchronised: { true })
            try await with(client) {
                client.adopt([try #require(Destination("10.0.0.0/8"))])
                for host in ["127.0.0.1", "localhost"] {
                    let answer = await send(client, makeEndpoint("http://\(host):\(receiver.port)/"))
                    #expect(answer.failure?.reason == .notAllowed)
                    #expect(answer.failure?.text == "webhooks_allow does not have \(host)")
                    #expect(answer.failure?.isLasting == true)
                }
                #expect(receiver.count == 0)
                client.adopt([try #require(Destination("127.0.0.0/8")), try #require(Destination("localhost"))])
                #expect(await send(client, makeEndpoint(receiver.url())).failure == nil)
                #expect(await send(client, makeEndpoint("http://LOCALHOST:\(receiver.port)/")).failure == nil)
            }
        }
    }

    @Test func nameThatResolvesOutOfBoundsIsNotGoneTo() async throws {
        let lookup = HostLookup { _ in ["10.0.0.1", "127.0.0.1"] }
        let client = WebhookClient(version: "1", lookup: lookup, clockIsSynchronised: { true })
        try await with(client) {
            client.adopt([try #require(Destination("10.0.0.0/8"))])
            #expect(await send(client, makeEndpoint("http://duty.example:1/")).failure?.reason == .notAllowed)
        }
    }

    // MARK: Through a proxy

    /// Through a real tunnel: `ChannelTests`.
    @Test func proxyOfTheEnvironmentIsAskedForATunnelAndTheNameIsItsToResolve() async throws {
        try await Receiver.with(answer: { _, _ in Receiver.Reply(status: 403) }) { proxy in
            let client = WebhookClient(
                version: "1", environment: ["http_proxy": "127.0.0.1:\(proxy.port)", "no_proxy": "127.0.0.1"],
                clockIsSynchronised: { true })
            try await with(client) {
                let answer = await send(client, makeEndpoint("http://no-such-host.invalid/hook"))
                #expect(answer.failure?.text.contains("proxy") == true)
                #expect(proxy.pushes.first?.method == "CONNECT")
                #expect(proxy.pushes.first?.headers["host"]?.hasPrefix("no-such-host.invalid") == true)
            }
        }
    }

    // MARK: The clock

    @Test func dateOfAnAnswerSignsTheNextAttemptOfAnUnsynchronisedGateway() async throws {
        let truth = Timestamp.wallClock
        try await Receiver.with(answer: { push, _ in
            let stamp = Int64(push.headers["webhook-timestamp"] ?? "") ?? 0
            let isGood = abs(stamp - truth.milliseconds / 1000) < 300
            return Receiver.Reply(status: isGood ? 204 : 401)
        }) { receiver in
            let client = WebhookClient(version: "1", clockIsSynchronised: { false })
            try await with(client) {
                let endpoint = makeEndpoint(receiver.url())
                let dead = Timestamp(milliseconds: 86_400_000)
                let first = await client.send(message, to: endpoint, now: dead)
                #expect(first.status == 401)
                #expect(first.failure?.isLasting == false, "with the time that was learnt it may be taken at once")
                #expect(await client.send(message, to: endpoint, now: dead).status == 204)
                #expect(receiver.pushes.allSatisfy { $0.headers["firesense-clock"] == "unsynchronised" })
            }
        }
    }

    // MARK: Query

    @Test func queryIsAddedEncodedToTheOneThatIsThere() async throws {
        try await Receiver.with { receiver in
            let client = WebhookClient(version: "1", clockIsSynchronised: { true })
            try await with(client) {
                var message = message
                message.query = [("timestamp", "1"), ("sign", "a+/b=")]
                #expect(await send(client, makeEndpoint(receiver.url("/hook?access_token=x")), message).failure == nil)
                #expect(receiver.pushes.first?.query == "access_token=x&timestamp=1&sign=a%2B%2Fb%3D")
            }
        }
    }

    // MARK: Handshake

    private func asking(_ url: String) -> Endpoint {
        var endpoint = makeEndpoint(url)
        endpoint.handshake = true
        return endpoint
    }

    @Test func receiverThatAgreesIsAskedOnce() async throws {
        try await Receiver.with(answer: { push, _ in
            push.method == "OPTIONS"
                ? Receiver.Reply(status: 200, allowedOrigin: push.headers["webhook-request-origin"], allowedRate: "120")
                : .ok
        }) { receiver in
            let client = WebhookClient(version: "1", origin: "gw-1", clockIsSynchronised: { true })
            try await with(client) {
                let endpoint = asking(receiver.url())
                #expect(await send(client, endpoint).allowedPerMinute == 120)
                #expect(await send(client, endpoint).failure == nil)
                #expect(receiver.pushes.map(\.method) == ["OPTIONS", "POST", "POST"])
                #expect(receiver.pushes[0].headers["webhook-request-origin"] == "gw-1")
                #expect(receiver.pushes[0].body.isEmpty)
                #expect(receiver.pushes[1].headers["origin"] == "gw-1")
            }
        }
    }

    @Test func receiverThatDoesNotAgreeGetsNothing() async throws {
        for reply in [
            Receiver.Reply(status: 200), Receiver.Reply(status: 200, allowedOrigin: "other"),
            Receiver.Reply(status: 405, allowedOrigin: "*"),
        ] {
            try await Receiver.with(answer: { _, _ in reply }) { receiver in
                let client = WebhookClient(version: "1", origin: "gw-1", clockIsSynchronised: { true })
                try await with(client) {
                    #expect(await send(client, asking(receiver.url())).failure?.reason == .handshake)
                    #expect(receiver.pushes.map(\.method) == ["OPTIONS"])
                }
            }
        }
    }

    // MARK: Certificates

    @Test func fileThatIsNoCertificateIsTold() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "no-\(UUID().uuidString).pem").path
        try "no certificate".write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let client = WebhookClient(version: "1", clockIsSynchronised: { true })
        try await with(client) {
            var endpoint = makeEndpoint("https://127.0.0.1:1/")
            endpoint.tls.caFile = path
            let answer = await send(client, endpoint)
            #expect(answer.failure?.reason == .tls)
            #expect(answer.failure?.text == "ca_file cannot be used: expected a readable file in PEM form")
        }
    }
}

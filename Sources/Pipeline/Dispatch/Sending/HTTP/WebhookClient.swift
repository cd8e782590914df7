import AsyncHTTPClient
import FireModel
import Foundation
import NIOCore
import Synchronization

/// One signed POST and its answer. No retry, no redirect: those are the queue's business and nobody's.
struct WebhookClient: Sender {
    /// Bytes of an answer that are read; the rest is not waited for.
    private static let maximumAnswer = 2048

    private let clients: HTTPClients
    private let probes: HTTPClients
    private let certificates = ClientTLS()
    private let proxies: ProxySettings
    private let lookup: HostLookup
    private let clock: SigningClock
    private let handshakes: Handshakes
    private let allowed: Allowed
    private let userAgent: String

    /// Where requests may go.
    private final class Allowed: Sendable {
        let destinations = Mutex<[Destination]>([])
    }

    /// - Parameters:
    ///   - loops: Threads of the network, for messages and for probes.
    ///   - origin: Who asks for consent in a handshake.
    ///   - environment: For the proxies.
    init(
        loops: (messages: any EventLoopGroup, probes: any EventLoopGroup) = (
            HTTPClient.defaultEventLoopGroup, HTTPClient.defaultEventLoopGroup
        ), version: String, origin: String = "firesense",
        environment: [String: String] = [:],
        lookup: HostLookup = HostLookup(), clockIsSynchronised: @escaping @Sendable () -> Bool
    ) {
        self.lookup = lookup
        clients = HTTPClients(loops.messages)
        probes = HTTPClients(loops.probes)
        proxies = ProxySettings(environment: environment)
        clock = SigningClock(isSynchronised: clockIsSynchronised)
        handshakes = Handshakes(origin: origin)
        allowed = Allowed()
        userAgent = "FireSense/\(version)"
    }

    /// A reload: other destinations, and perhaps other certificates in the same files.
    func adopt(_ destinations: [Destination]) {
        allowed.destinations.withLock { $0 = destinations }
        certificates.renew()
    }

    func shutdown() async {
        await clients.shutdown()
        await probes.shutdown()
    }

    func send(_ message: Message, to endpoint: Endpoint, now: Timestamp) async -> Answer {
        guard case .http(let url) = endpoint.channel, let address = Address(url) else {
            return Answer(failure: Failure(reason: .unsendable, text: "no address to post to"), took: .zero)
        }
        let started = ContinuousClock.now
        let answer = await within(endpoint.timeout) { await exchange(message, address, endpoint, now) }
        var result = answer ?? Answer(failure: .timeout(endpoint.timeout), took: .zero)
        result.took = started.duration(to: .now)
        return result
    }

    // MARK: - The request

    /// What an address is made of, as far as it matters here.
    private struct Address {
        var written: String
        var components: URLComponents
        var scheme: String
        /// Without brackets.
        var host: String

        init?(_ url: String) {
            guard let components = URLComponents(string: url), let scheme = components.scheme?.lowercased(),
                let host = components.host, !host.isEmpty
            else { return nil }
            written = url
            self.components = components
            self.scheme = scheme
            self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        }

        /// As it was written, unless there is something to add or to leave out. What a query may not hold as it is,
        /// base64 among it, is encoded.
        func url(adding query: [(name: String, value: String)]) -> String {
            guard !query.isEmpty || components.user != nil else { return written }
            var components = components
            if !query.isEmpty {
                let own = query.map { "\($0.name)=\(Self.encoded($0.value))" }.joined(separator: "&")
                components.percentEncodedQuery = [components.percentEncodedQuery, own].compactMap(\.self)
                    .filter { !$0.isEmpty }.joined(separator: "&")
            }
            components.user = nil
            components.password = nil
            return components.string ?? written
        }

        private static func encoded(_ text: String) -> String {
            let plain = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
            return text.addingPercentEncoding(withAllowedCharacters: plain) ?? ""
        }
    }

    private func request(_ message: Message, _ address: Address, _ endpoint: Endpoint, _ signing: Timestamp)
        throws(Failure) -> HTTPClientRequest
    {
        var request = HTTPClientRequest(url: address.url(adding: message.query))
        request.method = .POST
        request.body = .bytes(ByteBuffer(bytes: message.body))
        request.tlsConfiguration = try certificates.configuration(endpoint.tls)
        if let user = address.components.user {
            request.setBasicAuth(username: user, password: address.components.password ?? "")
        }
        let seconds = signing.milliseconds / 1000
        request.headers.replaceOrAdd(name: "content-type", value: message.contentType)
        request.headers.replaceOrAdd(name: "user-agent", value: userAgent)
        request.headers.replaceOrAdd(name: "webhook-id", value: message.id)
        request.headers.replaceOrAdd(name: "webhook-timestamp", value: "\(seconds)")
        // A robot has its signature where it wants it.
        if !endpoint.format.isChat,
            let signature = Signature.header(
                id: message.id, timestamp: seconds, body: message.body, secrets: endpoint.secrets)
        {
            request.headers.replaceOrAdd(name: "webhook-signature", value: signature)
        }
        if !clock.isSynchronised {
            request.headers.replaceOrAdd(name: "firesense-clock", value: "unsynchronised")
        }
        // Who has asked for consent says so with each delivery.
        if endpoint.handshake { request.headers.replaceOrAdd(name: "origin", value: handshakes.origin) }
        for (name, value) in message.headers { request.headers.replaceOrAdd(name: name, value: value) }
        return request
    }

    /// The best time known to sign with.
    func signingTime(for endpoint: Endpoint, now: Timestamp) -> Timestamp { clock.time(for: endpoint.name, wall: now) }

    // MARK: - The exchange

    private func exchange(_ message: Message, _ address: Address, _ endpoint: Endpoint, _ now: Timestamp) async
        -> Answer
    {
        let signing = signingTime(for: endpoint, now: now)
        do throws(Failure) {
            let client = try await client(address, message.isProbe ? probes : clients)
            let request = try request(message, address, endpoint, signing)
            let consent = try await consent(endpoint, request, client)
            var answer = try await execute(request, client, endpoint, signing, now)
            answer.allowedPerMinute = consent?.perMinute
            return answer
        } catch {
            return Answer(failure: Task.isCancelled ? .timeout(endpoint.timeout) : error, took: .zero)
        }
    }

    /// Where the address may be gone to, and through which proxy.
    private func client(_ address: Address, _ clients: HTTPClients) async throws(Failure) -> HTTPClient {
        let proxy = proxies.proxy(scheme: address.scheme, host: address.host)
        let destinations = allowed.destinations.withLock { $0 }
        let isAllowedByName = destinations.allow(host: address.host, addresses: [])
        // Behind a proxy it is the proxy that must be found here.
        if proxy == nil || !isAllowedByName {
            let addresses = await lookup.addresses(of: address.host)
            if proxy == nil, addresses.isEmpty {
                throw Failure(reason: .dns, text: "the host name cannot be resolved")
            }
            guard isAllowedByName || destinations.allow(host: address.host, addresses: addresses) else {
                throw Failure(
                    reason: .notAllowed, text: "webhooks_allow does not have \(address.host)", isLasting: true)
            }
        }
        if let proxy, await lookup.addresses(of: proxy.host).isEmpty {
            throw Failure(reason: .dns, text: "the name of the proxy cannot be resolved")
        }
        return clients.client(through: proxy)
    }

    private func consent(_ endpoint: Endpoint, _ request: HTTPClientRequest, _ client: HTTPClient)
        async throws(Failure) -> Handshakes.Consent?
    {
        guard endpoint.handshake, case .http(let url) = endpoint.channel else { return nil }
        if let consent = handshakes.consent(of: endpoint.name, at: url) { return consent }
        do {
            let answer = try await client.execute(handshakes.question(request), timeout: Self.amount(endpoint.timeout))
            _ = await text(answer.body)
            try handshakes.take(answer, of: endpoint.name, at: url)
        } catch {
            throw error as? Failure ?? Failure(error, timeout: endpoint.timeout)
        }
        return handshakes.consent(of: endpoint.name, at: url)
    }

    /// The deadline of `execute` ends with the answer's head; the body's is the caller's, who calls this off.
    private func execute(
        _ request: HTTPClientRequest, _ client: HTTPClient, _ endpoint: Endpoint, _ signing: Timestamp, _ now: Timestamp
    ) async throws(Failure) -> Answer {
        let response: HTTPClientResponse
        do {
            response = try await client.execute(request, timeout: Self.amount(endpoint.timeout))
        } catch {
            throw Failure(error, timeout: endpoint.timeout)
        }
        let status = Int(response.status.code)
        // The status decides. What comes after it, or does not, changes nothing.
        let text = await text(response.body)
        let date = response.headers.first(name: "date")
        let wasFarOff =
            date.flatMap { RetryAfter.time($0) }.map { clock.heard($0, from: endpoint.name, signed: signing) } ?? false
        if let failure = AnswerJudgement.failure(endpoint.format, status: status, text: text) {
            return Answer(status: status, failure: failure, text: text, took: .zero)
        }
        guard !(200..<300).contains(status) else {
            return Answer(status: status, text: text, took: .zero)
        }
        let retryAfter = response.headers.first(name: "retry-after").flatMap {
            RetryAfter.wait($0, date: date, now: now)
        }
        var failure = Failure(
            status: status, phrase: String(response.status.reasonPhrase.prefix(64)), retryAfter: retryAfter)
        // Signed with the time that was learnt just now, it may well be taken.
        if wasFarOff { failure.isLasting = false }
        return Answer(status: status, failure: failure, text: text, took: .zero)
    }

    private static func amount(_ timeout: Duration) -> TimeAmount { .milliseconds(Int64(timeout / .milliseconds(1))) }

    private func text(_ body: HTTPClientResponse.Body) async -> String? {
        var bytes: [UInt8] = []
        do {
            for try await part in body {
                bytes.append(contentsOf: part.readableBytesView.prefix(Self.maximumAnswer - bytes.count))
                if bytes.count >= Self.maximumAnswer { break }
            }
        } catch {}
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

}

extension Endpoint {
    /// The part of its address that may be shown to people: the path of a webhook often is its secret.
    var address: String {
        switch channel {
        case .http(let url): URL(string: url)?.host() ?? "?"
        case .mqtt: "mqtt"
        case .command(let words): words.first ?? "?"
        }
    }
}

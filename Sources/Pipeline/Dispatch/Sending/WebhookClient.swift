import AsyncHTTPClient
import FireModel
import Foundation

/// One signed POST and its answer. No retry, no redirect: those are the queue's business and nobody's.
struct WebhookClient: Sender {
    /// Bytes of an answer that are read; the rest is not waited for.
    private static let maximumAnswer = 2048

    private let http: HTTPClient
    private let userAgent: String
    private let clockIsSynchronised: @Sendable () -> Bool
    private let lookup: HostLookup

    init(
        version: String, lookup: HostLookup = HostLookup(), clockIsSynchronised: @escaping @Sendable () -> Bool
    ) {
        self.lookup = lookup
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(10)))
        // Endpoints on one host share its connections; each brings a bounded number of requests, and none
        // may wait for the connections another holds.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 8192
        // A refused connection is a failed attempt, told at once, and the schedule says when the next is made.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = .http1Only
        http = HTTPClient(configuration: configuration)
        userAgent = "FireSense/\(version)"
        self.clockIsSynchronised = clockIsSynchronised
    }

    func shutdown() async { try? await http.shutdown() }

    /// - Parameter now: Wall clock, for the signature and for `Retry-After` in date form.
    func send(_ message: Message, to endpoint: Endpoint, now: Timestamp) async -> Answer {
        guard case .http(let url) = endpoint.channel else {
            return Answer(failure: Failure(reason: .unsendable, text: "no address to post to"), took: .zero)
        }
        let started = ContinuousClock.now
        let request = request(message, url, endpoint, now)
        var answer = await withTaskGroup(of: Answer?.self) { group in
            group.addTask { await exchange(request, endpoint.timeout, now) }
            group.addTask {
                try? await Task.sleep(for: endpoint.timeout, clock: .continuous)
                return nil
            }
            var answer = await group.next() ?? nil
            group.cancelAll()
            // Called off, it still tells what it has: a status that came in time counts.
            if answer == nil { answer = await group.next() ?? nil }
            return answer ?? Answer(failure: .timeout(endpoint.timeout), took: .zero)
        }
        answer.took = started.duration(to: .now)
        return answer
    }

    private func request(_ message: Message, _ url: String, _ endpoint: Endpoint, _ now: Timestamp)
        -> HTTPClientRequest
    {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.body = .bytes(message.body)
        if let address = URLComponents(string: url), let user = address.user {
            request.setBasicAuth(username: user, password: address.password ?? "")
        }
        let seconds = now.milliseconds / 1000
        request.headers.replaceOrAdd(name: "content-type", value: message.contentType)
        request.headers.replaceOrAdd(name: "user-agent", value: userAgent)
        request.headers.replaceOrAdd(name: "webhook-id", value: message.id)
        request.headers.replaceOrAdd(name: "webhook-timestamp", value: "\(seconds)")
        if let signature = Signature.header(
            id: message.id, timestamp: seconds, body: message.body, secrets: endpoint.secrets)
        {
            request.headers.replaceOrAdd(name: "webhook-signature", value: signature)
        }
        if !clockIsSynchronised() {
            request.headers.replaceOrAdd(name: "firesense-clock", value: "unsynchronised")
        }
        for (name, value) in message.headers { request.headers.replaceOrAdd(name: name, value: value) }
        return request
    }

    /// The deadline of `execute` ends with the answer's head; the body's is the caller's, who calls this off.
    private func exchange(_ request: HTTPClientRequest, _ timeout: Duration, _ now: Timestamp) async -> Answer {
        let host = Self.host(request.url)
        guard await lookup.knows(host) else {
            let failure = Failure(reason: .dns, text: "the host name cannot be resolved")
            return Answer(failure: Task.isCancelled ? .timeout(timeout) : failure, took: .zero)
        }
        do {
            let response = try await http.execute(
                request, timeout: .milliseconds(Int64(timeout / .milliseconds(1))))
            let status = Int(response.status.code)
            // The status decides. What comes after it, or does not, changes nothing.
            let text = await text(response.body)
            guard !(200..<300).contains(status) else { return Answer(status: status, text: text, took: .zero) }
            let retryAfter = response.headers.first(name: "retry-after").flatMap {
                RetryAfter.wait($0, date: response.headers.first(name: "date"), now: now)
            }
            let failure = Failure(
                status: status, phrase: String(response.status.reasonPhrase.prefix(64)), retryAfter: retryAfter)
            return Answer(status: status, failure: failure, text: text, took: .zero)
        } catch {
            let failure = Task.isCancelled ? .timeout(timeout) : Failure(error, timeout: timeout)
            return Answer(failure: failure, took: .zero)
        }
    }

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

    private static func host(_ url: String) -> String { URL(string: url)?.host() ?? "?" }
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

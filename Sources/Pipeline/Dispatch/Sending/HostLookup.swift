import Foundation
import Glibc
import Synchronization

/// Whether a host's name can be resolved now, asked before a request is handed to the HTTP client.
///
/// The client resolves names one after the other, on a queue that all endpoints share and that no deadline
/// clears. With the uplink down, each lookup of a distant name hangs for many seconds, and a receiver in
/// the next room would wait behind them. So here each host has a lookup of its own, one at a time, and a
/// name that is not answered never gets into that queue.
final class HostLookup: Sendable {
    private struct Host {
        var isAsked = false
        var knownUntil: ContinuousClock.Instant?
        var waiting: [AsyncStream<Bool>.Continuation] = []
    }

    /// A name that was resolved is taken as known for so long.
    private static let trust = Duration.seconds(30)

    private let hosts = Mutex<[String: Host]>([:])
    private let resolve: @Sendable (String) -> Bool

    /// - Parameter resolve: May block.
    init(resolve: @escaping @Sendable (String) -> Bool = HostLookup.system) { self.resolve = resolve }

    /// Returns at once when the task is cancelled; the lookup goes on by itself.
    func knows(_ host: String) async -> Bool {
        if Self.isAddress(host) { return true }
        let (answers, answer) = AsyncStream.makeStream(of: Bool.self)
        let mustAsk = hosts.withLock { hosts in
            var entry = hosts[host] ?? Host()
            defer { hosts[host] = entry }
            if let until = entry.knownUntil, ContinuousClock.now < until {
                answer.yield(true)
                return false
            }
            entry.waiting.append(answer)
            defer { entry.isAsked = true }
            return !entry.isAsked
        }
        // On a thread of its own. A lookup may block for many seconds, and the threads of the global queues are those
        // that all tasks run on: a few names that nobody answers for would stop every delivery there is.
        if mustAsk { Thread.detachNewThread { self.ask(host) } }
        for await isKnown in answers { return isKnown }
        return false
    }

    private func ask(_ host: String) {
        let isKnown = resolve(host)
        let waiting = hosts.withLock { $0.removeValue(forKey: host)?.waiting ?? [] }
        if isKnown { hosts.withLock { $0[host, default: Host()].knownUntil = .now + Self.trust } }
        for one in waiting { one.yield(isKnown) }
    }

    private static func isAddress(_ host: String) -> Bool {
        var address = in6_addr()
        let host = host.first == "[" ? String(host.dropFirst().dropLast()) : host
        return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1
    }

    static let system: @Sendable (String) -> Bool = { host in
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        defer { if let found { freeaddrinfo(found) } }
        return getaddrinfo(host, nil, &hints, &found) == 0
    }
}

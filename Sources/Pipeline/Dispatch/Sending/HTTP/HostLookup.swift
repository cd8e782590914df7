import FireModel
import Foundation
import Glibc
import Synchronization

/// The addresses of a host, asked for before a request is handed to the HTTP client.
///
/// The client resolves names one after the other, on a queue that all endpoints share and that no deadline
/// clears. With the uplink down, each lookup of a distant name hangs for many seconds, and a receiver in
/// the next room would wait behind them. So here each host has a lookup of its own, one at a time, and a
/// name that is not answered never gets into that queue.
final class HostLookup: Sendable {
    private struct Host {
        var isAsked = false
        var addresses: [String] = []
        var knownUntil: ContinuousClock.Instant?
        var waiting: [AsyncStream<[String]>.Continuation] = []
    }

    /// A name that was resolved is taken as known for so long.
    private static let trust = Duration.seconds(30)

    private let hosts = Mutex<[String: Host]>([:])
    private let resolve: @Sendable (String) -> [String]

    /// - Parameter resolve: May block.
    init(resolve: @escaping @Sendable (String) -> [String] = HostLookup.system) { self.resolve = resolve }

    /// None: it cannot be resolved now. Returns at once when the task is cancelled; the lookup goes on by itself.
    func addresses(of host: String) async -> [String] {
        if IPAddress.bytes(of: host) != nil { return [host] }
        let (answers, answer) = AsyncStream.makeStream(of: [String].self)
        let mustAsk = hosts.withLock { hosts in
            var entry = hosts[host] ?? Host()
            defer { hosts[host] = entry }
            if let until = entry.knownUntil, ContinuousClock.now < until {
                answer.yield(entry.addresses)
                return false
            }
            entry.waiting.append(answer)
            defer { entry.isAsked = true }
            return !entry.isAsked
        }
        // On a thread of its own. A lookup may block for many seconds, and the threads of the global queues are those
        // that all tasks run on: a few names that nobody answers for would stop every delivery there is.
        if mustAsk { Thread.detachNewThread { self.ask(host) } }
        for await addresses in answers { return addresses }
        return []
    }

    private func ask(_ host: String) {
        let addresses = resolve(host)
        let waiting = hosts.withLock { hosts in
            let waiting = hosts.removeValue(forKey: host)?.waiting ?? []
            if !addresses.isEmpty { hosts[host] = Host(addresses: addresses, knownUntil: .now + Self.trust) }
            return waiting
        }
        for one in waiting { one.yield(addresses) }
    }

    static let system: @Sendable (String) -> [String] = { host in
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        defer { if let found { freeaddrinfo(found) } }
        guard getaddrinfo(host, nil, &hints, &found) == 0 else { return [] }
        var addresses: [String] = []
        var next = found
        while let entry = next {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            if getnameinfo(
                entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
                == 0
            {
                // The zone of a link-local address belongs to this machine, not to the address.
                let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                addresses.append(String(address.prefix { $0 != "%" }))
            }
            next = entry.pointee.ai_next
        }
        return addresses
    }
}

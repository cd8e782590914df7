import Hummingbird
import Synchronization

/// Writes a long answer in pieces. Each waits until the caller has room for it, so an answer of any
/// length costs one piece of memory.
struct PieceWriter {
    private var writer: any ResponseBodyWriter
    private let size: Int
    private var pending: [UInt8] = []

    init(_ writer: any ResponseBodyWriter, size: Int) {
        self.writer = writer
        self.size = size
    }

    /// Throws when the caller has left or the gateway stops.
    mutating func append(_ bytes: [UInt8]) async throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(size - pending.count)
            pending.append(contentsOf: part)
            rest = rest.dropFirst(part.count)
            if pending.count == size { try await flush() }
        }
    }

    mutating func finish() async throws {
        if !pending.isEmpty { try await flush() }
        try await writer.finish(nil)
    }

    private mutating func flush() async throws {
        try Task.checkCancellation()
        let piece = ByteBuffer(bytes: pending)
        pending.removeAll(keepingCapacity: true)
        try await writer.write(piece)
    }
}

/// The long answers being written on one listener. When the listener closes they are broken off, since
/// a graceful stop waits for answers in progress without limit; a chunked answer that breaks off shows
/// the caller that it is not complete.
final class OpenStreams: Sendable {
    private struct State {
        var isOpen = true
        var next = 0
        var disconnects: [Int: @Sendable () -> Void] = [:]
    }
    private let state = Mutex(State())

    func listen() { state.withLock { $0.isOpen = true } }

    func enter(_ disconnect: @escaping @Sendable () -> Void) -> Int {
        let (ticket, isOpen) = state.withLock { state in
            state.next += 1
            if state.isOpen { state.disconnects[state.next] = disconnect }
            return (state.next, state.isOpen)
        }
        if !isOpen { disconnect() }
        return ticket
    }

    func leave(_ ticket: Int) { state.withLock { _ = $0.disconnects.removeValue(forKey: ticket) } }

    func closeAll() {
        let disconnects = state.withLock { state in
            defer { state.disconnects.removeAll() }
            state.isOpen = false
            return Array(state.disconnects.values)
        }
        for disconnect in disconnects { disconnect() }
    }
}

/// Lets only so many through at once. A ticket is given back when nobody holds it any more, so an
/// answer that is dropped unwritten cannot keep one.
final class Turnstile: Sendable {
    final class Ticket: Sendable {
        private let turnstile: Turnstile
        fileprivate init(_ turnstile: Turnstile) { self.turnstile = turnstile }
        deinit { turnstile.inside.withLock { $0 -= 1 } }
    }

    private let inside = Mutex(0)
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    func enter() -> Ticket? {
        let isFree = inside.withLock { inside in
            guard inside < limit else { return false }
            inside += 1
            return true
        }
        return isFree ? Ticket(self) : nil
    }
}

import Hummingbird
import NIOCore
import Synchronization

/// A request body of any length, taken piece by piece: what is not asked for is not read, and the caller waits.
final class Upload: Sendable {
    /// `@unchecked Sendable`: one route takes one piece after the other.
    private final class Parts: @unchecked Sendable {
        var iterator: RequestBody.AsyncIterator
        init(_ body: RequestBody) { iterator = body.makeAsyncIterator() }
    }

    private let parts: Parts
    /// Since when the caller is waited for; `nil`: it is not.
    private let waitingSince = Mutex<ContinuousClock.Instant?>(nil)
    private let watch: Mutex<Task<Void, Never>?>

    /// Pieces are gathered up to so many bytes: what comes in crumbs is not worth a look each.
    private static let piece = 64 * 1024

    init(_ body: RequestBody, stall: Duration, disconnect: @escaping @Sendable () -> Void) {
        parts = Parts(body)
        watch = Mutex(nil)
        let task = Task { [weak self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: min(stall / 4, .seconds(10)))
                guard let self else { return }
                if let since = self.waitingSince.withLock({ $0 }), since.duration(to: .now) > stall {
                    return disconnect()
                }
            }
        }
        watch.withLock { $0 = task }
    }

    func end() { watch.withLock { $0?.cancel() } }

    /// `nil`: that was all.
    ///
    /// - Throws: `BrokenRequest`, when the caller has gone or sends nothing.
    func next() async throws -> [UInt8]? {
        var bytes: [UInt8] = []
        waitingSince.withLock { $0 = .now }
        defer { waitingSince.withLock { $0 = nil } }
        do {
            while bytes.count < Self.piece {
                try Task.checkCancellation()
                guard let part = try await parts.iterator.next() else { break }
                waitingSince.withLock { $0 = .now }
                bytes.append(contentsOf: part.readableBytesView)
            }
        } catch {
            throw BrokenRequest(cause: error)
        }
        return bytes.isEmpty ? nil : bytes
    }
}

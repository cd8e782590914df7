import Dispatch
import Glibc
import SystemPackage

/// What a program prints: the beginning is kept, the rest read and forgotten. Over when the program is, whatever it
/// may have left running with its output open.
///
/// `@unchecked Sendable`: what changes is touched on its queue only.
final class OutputCapture: @unchecked Sendable {
    let writingEnd: FileDescriptor
    private let readingEnd: FileDescriptor
    private let limit: Int
    private let queue = DispatchQueue(label: "firesense.command")
    private let source: any DispatchSourceRead
    private var kept: [UInt8] = []

    /// - Throws: `Errno`, when the process has no file descriptor left.
    init(keeping limit: Int) throws {
        self.limit = limit
        let ends = try FileDescriptor.pipe()
        let reading = ends.readEnd
        (readingEnd, writingEnd) = (reading, ends.writeEnd)
        _ = fcntl(reading.rawValue, F_SETFL, O_NONBLOCK)
        for end in [reading, ends.writeEnd] { _ = fcntl(end.rawValue, F_SETFD, FD_CLOEXEC) }
        source = DispatchSource.makeReadSource(fileDescriptor: reading.rawValue, queue: queue)
        source.setEventHandler { [self] in
            if read() == 0 { source.cancel() }
        }
        source.setCancelHandler { try? reading.close() }
        source.resume()
    }

    /// `nil`: nothing more for now; 0: nobody can write any more.
    private func read() -> Int? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        guard let count = try? bytes.withUnsafeMutableBytes({ try readingEnd.read(into: $0) }) else { return nil }
        kept += bytes.prefix(max(0, min(count, limit - kept.count)))
        return count
    }

    /// - Returns: what was printed; `nil`: nothing.
    func end() async -> String? {
        await withCheckedContinuation { continuation in
            queue.async { [self] in
                while kept.count < limit, !source.isCancelled, let count = read(), count > 0 {}
                source.cancel()
                continuation.resume(returning: kept.isEmpty ? nil : String(decoding: kept, as: UTF8.self))
            }
        }
    }
}

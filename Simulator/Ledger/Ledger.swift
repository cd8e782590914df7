import FireModel
import Foundation
import Synchronization

/// One line of the ledger. A message is written when its fate is known, so a line says whether the broker has it.
enum LedgerLine: Sendable, Equatable {
    /// `readings`: what the daemon must hold of it, an event or a status counting as one.
    case message(
        topic: String, time: Timestamp?, sequence: UInt64?, readings: Int, acknowledged: Bool)
    /// An alarm that must follow.
    case alarm(FireScript.Step, at: Timestamp)
    case summary(sent: Int, acknowledged: Int, readings: Int)

    var json: String {
        var json = JSONWriter()
        json.object { json in
            switch self {
            case .message(let topic, let time, let sequence, let readings, let acknowledged):
                json.field("type", "message")
                json.field("topic", topic)
                json.field("ts", time?.milliseconds)
                json.field("seq", sequence.map { Int64(clamping: $0) })
                json.field("readings", readings)
                json.field("acknowledged", acknowledged)
            case .alarm(let step, let time):
                json.field("type", "alarm")
                json.field("device", step.device)
                json.field("kind", step.kind.rawValue)
                json.field("component", step.component)
                json.field("event", step.event.rawValue)
                json.field("category", step.category.rawValue)
                json.field("severity", step.severity.rawValue)
                json.field("detail", step.detail)
                json.field("ts", time.milliseconds)
            case .summary(let sent, let acknowledged, let readings):
                json.field("type", "summary")
                json.field("sent", sent)
                json.field("acknowledged", acknowledged)
                json.field("readings", readings)
            }
        }
        return json.text
    }
}

/// What was sent and what must come of it, as JSON lines: the measure of an audit. Shared by the connections.
final class Ledger: Sendable {
    private struct State {
        var pending: [UInt8] = []
        var failure: String?
    }

    /// Bytes kept back from the disk.
    private static let buffer = 1 << 16

    private let file: FileHandle
    private let path: String
    private let state = Mutex(State())

    /// - Throws: `LedgerError` when the file cannot be opened.
    init(path: String) throws {
        self.path = path
        // Opened in place: `createFile` would put a new file where a link, a pipe or a device was.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw LedgerError(path: path, reason: String(cString: strerror(errno))) }
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    func write(_ line: LedgerLine) {
        let json = line.json
        state.withLock { state in
            state.pending.append(contentsOf: json.utf8)
            state.pending.append(UInt8(ascii: "\n"))
            if state.pending.count >= Self.buffer { flush(&state) }
        }
    }

    /// - Throws: `LedgerError` when any line could not be written: a ledger with gaps proves nothing.
    func close() throws {
        let failure = state.withLock { state in
            flush(&state)
            return state.failure
        }
        try? file.close()
        if let failure { throw LedgerError(path: path, reason: failure) }
    }

    private func flush(_ state: inout State) {
        do {
            if state.failure == nil { try file.write(contentsOf: state.pending) }
        } catch {
            state.failure = "\(error)"
        }
        state.pending.removeAll(keepingCapacity: true)
    }
}

struct LedgerError: Error, CustomStringConvertible {
    var path: String
    var reason: String
    var description: String { "ledger \(path): \(reason)" }
}

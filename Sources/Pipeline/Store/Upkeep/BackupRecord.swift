import FireModel

/// One step of a backup on its way from the daemon to whoever writes the file.
///
/// As bytes: kind · place, 8 bytes · count, 4 bytes · so many bytes; numbers with the lowest byte first.
public enum BackupRecord: Sendable, Equatable {
    /// What is to come, about, in bytes.
    case size(Int64)
    /// To be written at this place, over what came for it before.
    case bytes(Int64, [UInt8])
    /// That was all: so long is the file.
    case end(Int64)

    private static let head = 13
    /// Of one record.
    private static let mostBytes = 1 << 20
    private static let largestFile: Int64 = 1 << 47

    public var encoded: [UInt8] {
        switch self {
        case .size(let size): Self.record(0, size, [])
        case .bytes(let place, let bytes): Self.record(1, place, bytes)
        case .end(let size): Self.record(2, size, [])
        }
    }

    private static func record(_ kind: UInt8, _ place: Int64, _ bytes: [UInt8]) -> [UInt8] {
        [kind] + (0..<8).map { UInt8(truncatingIfNeeded: place >> ($0 * 8)) }
            + (0..<4).map { UInt8(truncatingIfNeeded: bytes.count >> ($0 * 8)) } + bytes
    }

    /// Takes the first record off, if it is there as a whole.
    ///
    /// - Throws: `BackupError` when what comes is no backup.
    public static func take(from buffer: inout ArraySlice<UInt8>) throws(BackupError) -> BackupRecord? {
        guard buffer.count >= head else { return nil }
        let start = buffer.startIndex
        let place = (0..<8).reduce(Int64(0)) { $0 | Int64(buffer[start + 1 + $1]) << ($1 * 8) }
        let count = (0..<4).reduce(0) { $0 | Int(buffer[start + 9 + $1]) << ($1 * 8) }
        guard count <= mostBytes, (0...largestFile).contains(place) else {
            throw BackupError("what the daemon sends is no backup", remedy: "use the firesense of the daemon's version")
        }
        guard buffer.count >= head + count else { return nil }
        defer { buffer = buffer.dropFirst(head + count) }
        switch buffer[start] {
        case 0: return .size(place)
        case 1: return .bytes(place, Array(buffer.dropFirst(head).prefix(count)))
        case 2: return .end(place)
        default:
            throw BackupError("what the daemon sends is no backup", remedy: "use the firesense of the daemon's version")
        }
    }
}

/// Why a backup or a restore failed, and what to do about it.
public struct BackupError: Error, Equatable, Sendable {
    public var reason: String
    public var remedy: String?

    public init(_ reason: String, remedy: String? = nil) {
        self.reason = reason
        self.remedy = remedy
    }
}

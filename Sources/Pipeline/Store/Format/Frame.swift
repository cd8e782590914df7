import FireModel
import FireZstd
import Synchronization

/// What surrounds every stored body: version, codec, checksum.
///
///     byte 0      version of the body's form, 1
///     byte 1      codec: 0 as it is, 1 one zstd frame (RFC 8878) with its content size
///     byte 2–5    checksum, lowest byte first: the low 32 bits of `contentHash` over everything after it,
///                 seeded with the key of the row, so that a body under a wrong key is noticed too
///     byte 6…     the body
@safe final class FrameCodec {
    /// A body is never larger: what claims to be is refused before memory is taken.
    static let maximumBody = 64 << 20
    private static let version: UInt8 = 1
    private static let headerSize = 6
    /// Below, the frame around it costs what compressing saves.
    private static let worthwhile = 96

    private let compressor: ZstdCompressor
    private let decompressor: ZstdDecompressor

    init(level: Int32 = 1) throws(StoreError) {
        do {
            compressor = try ZstdCompressor(level: level)
            decompressor = try ZstdDecompressor()
        } catch {
            throw .unexpected("zstd: \(error)")
        }
    }

    func seal(_ body: [UInt8], key: Int64) throws(StoreError) -> [UInt8] {
        var framed: [UInt8] = [Self.version, 0, 0, 0, 0, 0]
        if body.count >= Self.worthwhile {
            do { try compressor.compress(body, appendingTo: &framed) } catch { throw .unexpected("zstd: \(error)") }
            framed[1] = 1
        }
        if framed[1] == 0 || framed.count >= Self.headerSize + body.count {
            framed.removeSubrange(Self.headerSize...)
            framed.append(contentsOf: body)
            framed[1] = 0
        }
        let sum = Self.checksum(framed, key)
        for index in 0..<4 { framed[2 + index] = UInt8(truncatingIfNeeded: sum >> UInt32(index * 8)) }
        return framed
    }

    func open(_ framed: [UInt8], key: Int64) throws(FormatError) -> [UInt8] {
        guard framed.count >= Self.headerSize else { throw FormatError("\(framed.count) bytes are no frame") }
        guard framed[0] == Self.version else {
            throw FormatError("the frame has version \(framed[0]), this program knows \(Self.version)")
        }
        let sum = (0..<4).reduce(UInt32(0)) { $0 | UInt32(framed[2 + $1]) << UInt32($1 * 8) }
        guard sum == Self.checksum(framed, key) else { throw FormatError("the checksum does not match") }
        switch framed[1] {
        case 0: return Array(framed[Self.headerSize...])
        case 1:
            do {
                return try decompressor.decompress(framed[Self.headerSize...], limit: Self.maximumBody)
            } catch { throw FormatError(error.description) }
        default: throw FormatError("codec \(framed[1]) is unknown")
        }
    }

    /// The codec takes part, so that no single bit of a frame can change unnoticed.
    private static func checksum(_ framed: [UInt8], _ key: Int64) -> UInt32 {
        let seed = UInt64(bitPattern: key) &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(framed[1])
        let hash = unsafe framed.withUnsafeBytes {
            unsafe contentHash(UnsafeRawBufferPointer(rebasing: $0[headerSize...]), seed: seed)
        }
        return UInt32(truncatingIfNeeded: hash)
    }
}

/// Codecs for readers, of which several work at once and each wants one for itself.
final class CodecPool: Sendable {
    /// Whoever has taken a codec is alone with it.
    private struct Idle: @unchecked Sendable { var codec: FrameCodec }
    private let idle = Mutex<[Idle]>([])

    func take() throws(StoreError) -> FrameCodec {
        if let known = idle.withLock({ $0.popLast() }) { return known.codec }
        return try FrameCodec()
    }

    func giveBack(_ codec: FrameCodec) {
        let back = Idle(codec: codec)
        idle.withLock { $0.append(back) }
    }
}

import FireModel

/// Numbers in as few bytes as they need; what they are is told by their place.
struct CheckpointWriter {
    private(set) var bytes: [UInt8] = []

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func count(_ value: Int) { varint(UInt64(value)) }

    mutating func signed(_ value: Int64) { varint(UInt64(bitPattern: value << 1 ^ value >> 63)) }

    mutating func time(_ value: Timestamp) { signed(value.milliseconds) }

    mutating func fixed(_ value: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    mutating func text(_ value: String) {
        count(value.utf8.count)
        bytes.append(contentsOf: value.utf8)
    }

    mutating func append(_ other: CheckpointWriter) { bytes += other.bytes }

    /// Ends it with the checksum of everything before.
    mutating func seal() { fixed(bytes.withUnsafeBytes { contentHash($0) }) }
}

/// Reads what `CheckpointWriter` wrote, and believes none of it: nothing is made on the word of a length alone, and
/// no number gets through that a later sum could overflow with.
struct CheckpointReader {
    private let bytes: [UInt8]
    private let end: Int
    private(set) var position = 0

    /// 285,000 years to either side: far beyond any clock, far below overflow in sums.
    private static let furthest: Int64 = 1 << 53
    /// In the place of no time at all.
    static let earliest = -furthest

    /// - Throws: `damaged` unless the checksum is right.
    init(sealed bytes: [UInt8]) throws(CheckpointError) {
        self.bytes = bytes
        end = bytes.count - 8
        guard end > 0 else { throw .damaged(at: bytes.count) }
        var sum: UInt64 = 0
        for byte in bytes[end...].reversed() { sum = sum << 8 | UInt64(byte) }
        guard sum == bytes[..<end].withUnsafeBytes({ contentHash($0) }) else { throw .damaged(at: end) }
    }

    var damaged: CheckpointError { .damaged(at: position) }
    var foreign: CheckpointError { .foreign(at: position) }

    func finish() throws(CheckpointError) {
        guard position == end else { throw damaged }
    }

    mutating func byte() throws(CheckpointError) -> UInt8 {
        guard position < end else { throw damaged }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func varint() throws(CheckpointError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            let byte = try byte()
            guard shift < 63 || byte <= 1 else { throw damaged }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw damaged
    }

    /// Of things that take a byte each at least.
    mutating func count() throws(CheckpointError) -> Int {
        let value = try varint()
        guard value <= UInt64(end - position) else { throw damaged }
        return Int(value)
    }

    /// An index that is `gap` and one more behind the one before it.
    mutating func index(after previous: Int32, below limit: Int) throws(CheckpointError) -> Int32 {
        try index(after: previous, gap: try varint(), below: limit)
    }

    mutating func index(after previous: Int32, gap: UInt64, below limit: Int) throws(CheckpointError) -> Int32 {
        guard gap < UInt64(Int32.max), case let index = Int64(previous) + 1 + Int64(gap), index < limit else {
            throw foreign
        }
        return Int32(index)
    }

    mutating func signed() throws(CheckpointError) -> Int64 {
        let value = try varint()
        let number = Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
        guard (-Self.furthest...Self.furthest).contains(number) else { throw damaged }
        return number
    }

    /// Milliseconds that have passed.
    mutating func span() throws(CheckpointError) -> Int64 {
        let value = try varint()
        guard value <= UInt64(Self.furthest) else { throw damaged }
        return Int64(value)
    }

    mutating func time() throws(CheckpointError) -> Timestamp { Timestamp(milliseconds: try signed()) }

    mutating func fixed() throws(CheckpointError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 8) { value |= UInt64(try byte()) << shift }
        return value
    }

    mutating func block() throws(CheckpointError) -> ArraySlice<UInt8> {
        let length = try count()
        defer { position += length }
        return bytes[position..<position + length]
    }

    mutating func text() throws(CheckpointError) -> String {
        guard let text = String(validating: try block(), as: UTF8.self) else { throw damaged }
        return text
    }
}

/// A stored form that cannot be read: where, and what was expected there.
struct FormatError: Error, Equatable, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// Whole numbers in the stored forms: LEB128, seven bits a byte, the lowest first; signed ones zigzag, so that
/// small magnitudes of either sign are short.
extension [UInt8] {
    @inline(__always) mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    @inline(__always) mutating func append(varint value: Int) { append(varint: UInt64(bitPattern: Int64(value))) }
    @inline(__always) mutating func append(zigzag value: Int64) { append(varint: zigzag(value)) }

    /// Eight bytes, the lowest first.
    mutating func append(fixed value: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) { append(UInt8(truncatingIfNeeded: value >> UInt64(shift))) }
    }

    /// Its length in bytes, then UTF-8.
    mutating func append(text: String) {
        append(varint: text.utf8.count)
        append(contentsOf: text.utf8)
    }

    /// Its length in bytes, then the bytes.
    mutating func append(counted bytes: [UInt8]) {
        append(varint: bytes.count)
        append(contentsOf: bytes)
    }
}

@inline(__always) func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: value << 1 ^ value >> 63) }
@inline(__always) func unzigzag(_ value: UInt64) -> Int64 {
    Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
}

/// Reads what `[UInt8].append` wrote. Every length is checked against what is there before it is believed.
struct ByteReader {
    let bytes: [UInt8]
    var position: Int
    let end: Int

    init(_ bytes: [UInt8]) { self.init(bytes, 0..<bytes.count) }

    /// - Precondition: `range` lies within `bytes`.
    private init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { position >= end }
    var remaining: Int { end - position }

    @inline(__always) mutating func byte() throws(FormatError) -> UInt8 {
        guard position < end else { throw truncated() }
        defer { position += 1 }
        return bytes[position]
    }

    /// The next byte, which stays the next.
    func peek() throws(FormatError) -> UInt8 {
        guard position < end else { throw truncated() }
        return bytes[position]
    }

    @inline(__always) mutating func varint() throws(FormatError) -> UInt64 {
        guard position < end else { throw truncated() }
        let first = bytes[position]
        position += 1
        return first < 0x80 ? UInt64(first) : try longVarint(first)
    }

    private mutating func longVarint(_ first: UInt8) throws(FormatError) -> UInt64 {
        var value = UInt64(first & 0x7F)
        var shift: UInt64 = 7
        while true {
            let next = try byte()
            guard shift < 63 || next < 2 else { throw FormatError("byte \(position): a number beyond 64 bits") }
            value |= UInt64(next & 0x7F) << shift
            if next < 0x80 { return value }
            shift += 7
        }
    }

    @inline(__always) mutating func zigzag() throws(FormatError) -> Int64 { unzigzag(try varint()) }

    mutating func fixed() throws(FormatError) -> UInt64 {
        guard remaining >= 8 else { throw truncated() }
        var value: UInt64 = 0
        for offset in 0..<8 { value |= UInt64(bytes[position + offset]) << UInt64(offset * 8) }
        position += 8
        return value
    }

    /// A number of things that take at least `each` bytes, so no more than what is left can hold.
    mutating func count(each: Int = 1) throws(FormatError) -> Int {
        let value = try varint()
        guard value <= UInt64(remaining / max(each, 1)) else {
            throw FormatError("byte \(position): \(value) are announced, \(remaining) bytes are left")
        }
        return Int(value)
    }

    /// A number of readings, which run lengths may make far larger than the bytes that hold them.
    mutating func count(atMost limit: Int) throws(FormatError) -> Int {
        let value = try varint()
        guard value <= UInt64(limit) else {
            throw FormatError("byte \(position): found \(value), expected at most \(limit)")
        }
        return Int(value)
    }

    mutating func text() throws(FormatError) -> String {
        let length = try count()
        defer { position += length }
        return String(decoding: bytes[position..<position + length], as: UTF8.self)
    }

    /// The next bytes, as many as are announced, as a reader of their own.
    mutating func part() throws(FormatError) -> ByteReader { try part(try count()) }

    /// The next so many bytes as a reader of their own.
    mutating func part(_ length: Int) throws(FormatError) -> ByteReader {
        guard length <= remaining else { throw truncated() }
        defer { position += length }
        return ByteReader(bytes, position..<position + length)
    }

    mutating func skip(_ length: Int) throws(FormatError) {
        guard length <= remaining else { throw truncated() }
        position += length
    }

    mutating func counted() throws(FormatError) -> [UInt8] {
        let length = try count()
        defer { position += length }
        return Array(bytes[position..<position + length])
    }

    func expectEnd() throws(FormatError) {
        guard isAtEnd else { throw FormatError("byte \(position): \(remaining) bytes more than expected") }
    }

    func truncated() -> FormatError { FormatError("byte \(position): it ends too early") }
}

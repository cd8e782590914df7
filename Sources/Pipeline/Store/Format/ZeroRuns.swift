/// Numbers of which most are zero: anything else is itself, zigzag; a run of zeros is a zero and its length − 1.
enum ZeroRuns {
    struct Writer {
        private var zeros: UInt64 = 0

        @inline(__always) mutating func append(_ value: Int64, to out: inout [UInt8]) {
            if value == 0 {
                zeros += 1
                return
            }
            if zeros > 0 { finish(&out) }
            out.append(zigzag: value)
        }

        mutating func finish(_ out: inout [UInt8]) {
            guard zeros > 0 else { return }
            out.append(0)
            out.append(varint: zeros - 1)
            zeros = 0
        }
    }

    /// The first, then what each adds to the one before.
    static func append(differencesOf values: [Int64], to out: inout [UInt8]) {
        var previous: Int64 = 0
        var zeros = Writer()
        for value in values {
            zeros.append(value &- previous, to: &out)
            previous = value
        }
        zeros.finish(&out)
    }

    static func append(_ values: [Int64], to out: inout [UInt8]) {
        var zeros = Writer()
        for value in values { zeros.append(value, to: &out) }
        zeros.finish(&out)
    }

    /// What the numbers add up to, one after the other: what `append(differencesOf:)` wrote.
    static func sums(_ reader: inout ByteReader, count: Int) throws(FormatError) -> [Int64] {
        var sums = try values(&reader, count: count)
        var sum: Int64 = 0
        var out = sums.mutableSpan
        for index in out.indices {
            sum = sum &+ out[index]
            out[index] = sum
        }
        return sums
    }

    static func values(_ reader: inout ByteReader, count: Int) throws(FormatError) -> [Int64] {
        var values = [Int64](repeating: 0, count: count)
        let whole = reader
        let bytes = whole.bytes.span
        var position = whole.position
        var out = values.mutableSpan
        var index = 0
        while index < count {
            let value = try varint(bytes, &position, whole)
            if value != 0 {
                out[index] = unzigzag(value)
                index += 1
            } else {
                // One that is too long ends where the column does.
                index += Int(min(try varint(bytes, &position, whole), UInt64(count - index - 1))) + 1
            }
        }
        reader.position = position
        return values
    }

    /// Passes over so many numbers.
    static func skip(_ reader: inout ByteReader, count: Int) throws(FormatError) {
        let whole = reader
        let bytes = whole.bytes.span
        var position = whole.position
        var left = UInt64(count)
        while left > 0 {
            left -= 1
            if try varint(bytes, &position, whole) == 0 { left -= min(left, try varint(bytes, &position, whole)) }
        }
        reader.position = position
    }

    /// As the reader's own, for a loop that does nothing else: without a look at who owns the bytes at each.
    @inline(__always) private static func varint(
        _ bytes: Span<UInt8>, _ position: inout Int, _ reader: borrowing ByteReader
    ) throws(FormatError) -> UInt64 {
        guard position < reader.end else { throw reader.truncated() }
        let first = bytes[position]
        position += 1
        if first < 0x80 { return UInt64(first) }
        if position < reader.end, bytes[position] < 0x80 {
            position += 1
            return UInt64(first & 0x7F) | UInt64(bytes[position - 1]) << 7
        }
        var rest = copy reader
        rest.position = position - 1
        let value = try rest.varint()
        position = rest.position
        return value
    }
}

/// Two neighbours of a measured series share sign, exponent and the head of their fraction: of the XOR only the
/// bytes between the first and the last that are not zero are kept. A byte before them holds how many zero bytes
/// lead (high half) and how many follow that are kept (low half).
enum XorBytes {
    @inline(__always) static func append(_ bits: UInt64, to out: inout [UInt8]) {
        guard bits != 0 else { return out.append(0) }
        let leading = bits.leadingZeroBitCount / 8
        let trailing = bits.trailingZeroBitCount / 8
        let kept = 8 - leading - trailing
        out.append(UInt8(leading << 4 | kept))
        for index in 0..<kept { out.append(UInt8(truncatingIfNeeded: bits >> UInt64((trailing + index) * 8))) }
    }

    @inline(__always) static func next(_ reader: inout ByteReader) throws(FormatError) -> UInt64 {
        let head = try reader.byte()
        let leading = Int(head >> 4)
        let kept = Int(head & 15)
        guard leading + kept <= 8 else { throw FormatError("\(leading) and \(kept) bytes are no eight") }
        var bits: UInt64 = 0
        for index in 0..<kept {
            bits |= UInt64(try reader.byte()) << UInt64((8 - leading - kept + index) * 8)
        }
        return bits
    }
}

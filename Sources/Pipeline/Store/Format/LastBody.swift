import FireModel

/// The newest reading of up to 32 neighbouring series, as of the last seal: the body of a row of `last`.
///
///     zigzag    base: the time of the first of them
///     varint    how many
///     each      one byte: place 0–31 · zigzag: time − base · one byte: quality, + 128 if a detail follows ·
///               the detail and its length ·
///               one byte: 0–9 a decimal and its zigzag, 0x10 a number and its eight bytes, 0x20 false, 0x21 true,
///               0x30 a text and its length
enum LastBody {
    static func encode(_ newest: [(place: UInt8, sample: Sample)]) -> [UInt8] {
        var out: [UInt8] = []
        let base = newest.first?.sample.at ?? 0
        out.append(zigzag: base)
        out.append(varint: newest.count)
        for (place, sample) in newest {
            out.append(place)
            out.append(zigzag: sample.at &- base)
            out.append(sample.quality.rawValue | (sample.detail == nil ? 0 : 0x80))
            if let detail = sample.detail { out.append(text: detail) }
            switch sample.value {
            case .number(let x):
                if let exponent = Decimal.exponent(of: x), let whole = Decimal.whole(x, exponent) {
                    out.append(exponent)
                    out.append(zigzag: whole)
                } else {
                    out.append(0x10)
                    out.append(fixed: x.bitPattern)
                }
            case .boolean(let x): out.append(x ? 0x21 : 0x20)
            case .text(let x):
                out.append(0x30)
                out.append(text: x)
            }
        }
        return out
    }

    static func decode(_ body: [UInt8]) throws(FormatError) -> [(place: UInt8, sample: Sample)] {
        var reader = ByteReader(body)
        let base = try reader.zigzag()
        var newest: [(place: UInt8, sample: Sample)] = []
        for _ in 0..<(try reader.count(atMost: Int(ChunkBody.width))) {
            let place = try reader.byte()
            guard place < ChunkBody.width else { throw FormatError("place \(place) is beyond the 32") }
            let at = base &+ (try reader.zigzag())
            let marks = try reader.byte()
            let detail = marks & 0x80 != 0 ? try reader.text() : nil
            let value: Value
            switch try reader.byte() {
            case let form where form <= Decimal.maximumExponent:
                value = .number(Decimal.value(try reader.zigzag(), form))
            case 0x10: value = .number(Double(bitPattern: try reader.fixed()))
            case 0x20: value = .boolean(false)
            case 0x21: value = .boolean(true)
            case 0x30: value = .text(try reader.text())
            case let form: throw FormatError("a value of form \(form) is unknown")
            }
            newest.append(
                (place, Sample(at: at, value: value, quality: Quality(rawValue: marks & 0x7F), detail: detail)))
        }
        try reader.expectEnd()
        return newest
    }
}

import FireModel

/// One stored reading, without what its series says.
struct Sample: Equatable, Sendable {
    /// Milliseconds since 1970, UTC.
    var at: Int64
    var value: Value
    var quality: Quality = []
    /// Free text beside an event.
    var detail: String?
}

/// The samples of one series as columns, ascending in time, no time twice.
///
///     times     zigzag: first − base; then for each further one zigzag of the difference of differences,
///               zeros as run lengths (`ZeroRuns`)
///     values    one byte says how:
///       0–9     numbers as whole multiples of 10^-n: first, then differences, zigzag, zeros as run lengths
///       0x10    numbers as they are: XOR with the one before (`XorBytes`)
///       0x20    booleans: the first, then the lengths of runs that alternate
///       0x30    texts: how many distinct ones, each with its length, then their indices, differences,
///               zeros as run lengths
///       0x40    several types: a byte each, 0 number and its eight bytes, 1 false, 2 true, 3 text and its length
///     marks     absent when no sample has a quality mark or a detail; else runs of (quality, length), then how
///               many have a detail, and of each the distance from the one before and the text
enum SampleRun {
    /// Of all series of one stored body.
    static let maximumCount = 1 << 25

    // MARK: - Writing

    static func encode(times samples: [Sample], base: Int64, into out: inout [UInt8]) {
        var previous = base
        var step: Int64 = 0
        var zeros = ZeroRuns.Writer()
        for (index, sample) in samples.enumerated() {
            let delta = sample.at &- previous
            zeros.append(index == 0 ? delta : delta &- step, to: &out)
            if index > 0 { step = delta }
            previous = sample.at
        }
        zeros.finish(&out)
    }

    static func encode(values samples: [Sample], into out: inout [UInt8]) {
        switch samples.first?.value {
        case .number where samples.allSatisfy({ $0.value.number != nil }): encodeNumbers(samples, &out)
        case .boolean where samples.allSatisfy({ $0.value.boolean != nil }): encodeBooleans(samples, &out)
        case .text where samples.allSatisfy({ $0.value.text != nil }): encodeTexts(samples, &out)
        default: encodeMixed(samples, &out)
        }
    }

    private static func encodeNumbers(_ samples: [Sample], _ out: inout [UInt8]) {
        if let exponent = commonExponent(samples) {
            out.append(exponent)
            var previous: Int64 = 0
            var zeros = ZeroRuns.Writer()
            for sample in samples {
                let whole = sample.value.number.flatMap { Decimal.whole($0, exponent) } ?? 0
                zeros.append(whole - previous, to: &out)
                previous = whole
            }
            zeros.finish(&out)
            return
        }
        out.append(0x10)
        var previous: UInt64 = 0
        for sample in samples {
            let bits = (sample.value.number ?? 0).bitPattern
            XorBytes.append(bits ^ previous, to: &out)
            previous = bits
        }
    }

    private static func commonExponent(_ samples: [Sample]) -> UInt8? {
        var exponent: UInt8 = 0
        for sample in samples {
            guard let x = sample.value.number, let own = Decimal.exponent(of: x, from: exponent) else { return nil }
            exponent = own
        }
        // A value that fits a small exponent need not fit a larger one: 2^53 tenths are no whole Double.
        return samples.allSatisfy { $0.value.number.flatMap { Decimal.whole($0, exponent) } != nil } ? exponent : nil
    }

    private static func encodeBooleans(_ samples: [Sample], _ out: inout [UInt8]) {
        out.append(0x20)
        var current = samples.first?.value.boolean ?? false
        out.append(current ? 1 : 0)
        var length = 0
        for sample in samples {
            if sample.value.boolean == current {
                length += 1
            } else {
                out.append(varint: length)
                current.toggle()
                length = 1
            }
        }
        out.append(varint: length)
    }

    private static func encodeTexts(_ samples: [Sample], _ out: inout [UInt8]) {
        out.append(0x30)
        var places: [String: Int] = [:]
        var words: [String] = []
        var indices: [Int] = []
        for sample in samples {
            let text = sample.value.text ?? ""
            if let known = places[text] {
                indices.append(known)
            } else {
                places[text] = words.count
                indices.append(words.count)
                words.append(text)
            }
        }
        out.append(varint: words.count)
        for word in words { out.append(text: word) }
        var previous = 0
        var zeros = ZeroRuns.Writer()
        for index in indices {
            zeros.append(Int64(index - previous), to: &out)
            previous = index
        }
        zeros.finish(&out)
    }

    private static func encodeMixed(_ samples: [Sample], _ out: inout [UInt8]) {
        out.append(0x40)
        for sample in samples {
            switch sample.value {
            case .number(let x):
                out.append(0)
                out.append(fixed: x.bitPattern)
            case .boolean(let x): out.append(x ? 2 : 1)
            case .text(let x):
                out.append(3)
                out.append(text: x)
            }
        }
    }

    static func hasMarks(_ samples: [Sample]) -> Bool {
        samples.contains { !$0.quality.isEmpty || $0.detail != nil }
    }

    static func encode(marks samples: [Sample], into out: inout [UInt8]) {
        var start = 0
        while start < samples.count {
            var end = start
            while end < samples.count, samples[end].quality == samples[start].quality { end += 1 }
            out.append(samples[start].quality.rawValue)
            out.append(varint: end - start)
            start = end
        }
        out.append(varint: samples.count { $0.detail != nil })
        var previous = 0
        for (index, sample) in samples.enumerated() {
            guard let detail = sample.detail else { continue }
            out.append(varint: index - previous)
            out.append(text: detail)
            previous = index
        }
    }

    // MARK: - Reading

    static func times(_ reader: inout ByteReader, count: Int, base: Int64) throws(FormatError) -> [Int64] {
        var times: [Int64] = []
        times.reserveCapacity(count)
        var zeros = ZeroRuns.Reader()
        var previous = base
        var step: Int64 = 0
        for index in 0..<count {
            let delta = try zeros.next(&reader) &+ (index > 0 ? step : 0)
            if index > 0 { step = delta }
            previous = previous &+ delta
            times.append(previous)
        }
        return times
    }

    static func values(_ reader: inout ByteReader, count: Int) throws(FormatError) -> [Value] {
        let form = try reader.byte()
        var values: [Value] = []
        values.reserveCapacity(count)
        switch form {
        case 0...Decimal.maximumExponent:
            var zeros = ZeroRuns.Reader()
            var whole: Int64 = 0
            for _ in 0..<count {
                whole = whole &+ (try zeros.next(&reader))
                values.append(.number(Decimal.value(whole, form)))
            }
        case 0x10:
            var bits: UInt64 = 0
            for _ in 0..<count {
                bits ^= try XorBytes.next(&reader)
                values.append(.number(Double(bitPattern: bits)))
            }
        case 0x20:
            var current = try reader.byte() != 0
            while values.count < count {
                let length = try reader.count(atMost: count - values.count)
                values.append(contentsOf: repeatElement(.boolean(current), count: length))
                current.toggle()
            }
        case 0x30:
            var words: [Value] = []
            for _ in 0..<(try reader.count()) { words.append(.text(try reader.text())) }
            var zeros = ZeroRuns.Reader()
            var index: Int64 = 0
            for _ in 0..<count {
                index = index &+ (try zeros.next(&reader))
                guard index >= 0, index < words.count else {
                    throw FormatError("text \(index) of \(words.count) is not there")
                }
                values.append(words[Int(index)])
            }
        case 0x40:
            for _ in 0..<count { values.append(try mixed(&reader)) }
        default: throw FormatError("values of form \(form) are unknown")
        }
        return values
    }

    private static func mixed(_ reader: inout ByteReader) throws(FormatError) -> Value {
        switch try reader.byte() {
        case 0: .number(Double(bitPattern: try reader.fixed()))
        case 1: .boolean(false)
        case 2: .boolean(true)
        case 3: .text(try reader.text())
        case let type: throw FormatError("a value of type \(type) is unknown")
        }
    }

    static func readMarks(_ reader: inout ByteReader, into samples: inout [Sample]) throws(FormatError) {
        var index = 0
        while index < samples.count {
            let quality = Quality(rawValue: try reader.byte())
            let length = try reader.count(atMost: samples.count - index)
            guard length > 0 else { throw FormatError("an empty run of marks") }
            for place in index..<index + length { samples[place].quality = quality }
            index += length
        }
        index = 0
        for _ in 0..<(try reader.count()) {
            index += try reader.count(atMost: samples.count - 1 - index)
            samples[index].detail = try reader.text()
        }
    }
}

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

    struct Reader {
        private var zeros: UInt64 = 0

        @inline(__always) mutating func next(_ reader: inout ByteReader) throws(FormatError) -> Int64 {
            if zeros > 0 {
                zeros -= 1
                return 0
            }
            let value = try reader.varint()
            if value != 0 { return unzigzag(value) }
            zeros = try reader.varint()
            return 0
        }
    }
}

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

extension Value {
    var number: Double? { if case .number(let x) = self { x } else { nil } }
    var boolean: Bool? { if case .boolean(let x) = self { x } else { nil } }
    var text: String? { if case .text(let x) = self { x } else { nil } }
}

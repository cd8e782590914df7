import FireModel

/// The values of one series, in order, all in one form where they have one.
///
///     one byte says how:
///       0–9     numbers as whole multiples of 10^-n: first, then differences, zigzag, zeros as run lengths (`ZeroRuns`)
///       0x10    numbers as they are: XOR with the one before (`XorBytes`)
///       0x20    booleans: the first, then the lengths of runs that alternate
///       0x30    texts: how many distinct ones, each with its length, then their indices, differences, zeros as run
///               lengths
///       0x40    several types: a byte each, 0 number and its eight bytes, 1 false, 2 true, 3 text and its length
struct Column: Sendable {
    /// 0–9: so many decimals; else one of the constants.
    private(set) var form = Self.empty
    /// Multiples of 10^-n, bits of numbers, or 0 and 1.
    private(set) var words: [Int64] = []
    /// Texts, or values of several types.
    private var others: [Value] = []

    static let number: UInt8 = 0x10
    static let boolean: UInt8 = 0x20
    static let text: UInt8 = 0x30
    static let mixed: UInt8 = 0x40
    static let empty: UInt8 = 0xFF

    init() {}

    var count: Int { words.count + others.count }

    /// Booleans, or numbers that are all decimals with as many places.
    var isWhole: Bool { form <= Decimal.maximumExponent || form == Self.boolean }

    subscript(index: Int) -> Value {
        switch form {
        case 0...Decimal.maximumExponent: .number(Decimal.value(words[index], form))
        case Self.number: .number(Double(bitPattern: UInt64(bitPattern: words[index])))
        case Self.boolean: .boolean(words[index] != 0)
        default: others[index]
        }
    }

    subscript(range: Range<Int>) -> Column {
        var part = self
        if words.isEmpty { part.others = Array(others[range]) } else { part.words = Array(words[range]) }
        if range.isEmpty { part.form = Self.empty }
        return part
    }

    // MARK: - Growing

    mutating func append(_ value: Value) {
        switch value {
        case .number(let x):
            if form <= Decimal.maximumExponent, let whole = Decimal.whole(x, form) { return words.append(whole) }
            if form == Self.empty || form <= Decimal.maximumExponent,
                let exponent = Decimal.exponent(of: x, from: form == Self.empty ? 0 : form),
                let whole = Decimal.whole(x, exponent)
            {
                return append(whole, form: exponent)
            }
            append(Int64(bitPattern: x.bitPattern), form: Self.number)
        case .boolean(let x): append(x ? 1 : 0, form: Self.boolean)
        case .text:
            if form != Self.text { become(form == Self.empty ? Self.text : Self.mixed) }
            others.append(value)
        }
    }

    /// A decimal of `form` places, the bits of a number, or 0 or 1.
    @inline(__always) mutating func append(_ word: Int64, form newForm: UInt8) {
        if form == newForm { return words.append(word) }
        let own = agree(on: newForm)
        append(agreed: word, own, newForm)
    }

    mutating func append(contentsOf other: Column) {
        if form == Self.empty {
            self = other
            return
        }
        if other.form < form, form <= Decimal.maximumExponent {
            var alike = other
            if alike.rescale(to: form) { return words.append(contentsOf: alike.words) }
        }
        guard other.form != form else {
            words.append(contentsOf: other.words)
            others.append(contentsOf: other.others)
            return
        }
        guard other.words.isEmpty else {
            for word in other.words { append(word, form: other.form) }
            return
        }
        for value in other.others { append(value) }
    }

    /// Takes a form that what is here and what is of another form can both have.
    private mutating func agree(on other: UInt8) -> UInt8 {
        if form == Self.empty {
            form = other
        } else if other <= Decimal.maximumExponent, form <= Decimal.maximumExponent {
            if other > form, !rescale(to: other) { become(Self.number) }
        } else if other <= Self.number, form <= Self.number {
            become(Self.number)
        } else if other != form {
            become(Self.mixed)
        }
        return form
    }

    private mutating func append(agreed word: Int64, _ own: UInt8, _ other: UInt8) {
        if own == other { return words.append(word) }
        var one = Column()
        one.form = other
        one.words = [word]
        switch own {
        case 0...Decimal.maximumExponent:
            if one.rescale(to: own) { return words.append(one.words[0]) }
            become(Self.number)
            append(one[0])
        case Self.number:
            one.become(Self.number)
            words.append(contentsOf: one.words)
        default: others.append(one[0])
        }
    }

    /// To more places; exact, as the quotient stays the same. `false`: there is no room for them.
    private mutating func rescale(to places: UInt8) -> Bool {
        let factor = Decimal.power(places - form)
        let room = Decimal.largest / factor
        guard words.allSatisfy({ $0.magnitude <= UInt64(room) }) else { return false }
        for index in words.indices { words[index] *= factor }
        form = places
        return true
    }

    private mutating func become(_ wanted: UInt8) {
        guard form != wanted else { return }
        if wanted == Self.number {
            for index in words.indices {
                words[index] = Int64(bitPattern: Decimal.value(words[index], form).bitPattern)
            }
        } else if !words.isEmpty {
            others = words.indices.map { self[$0] }
            words = []
        }
        form = wanted
    }

    // MARK: - Written and read

    func encode(into out: inout [UInt8]) {
        out.append(form == Self.empty ? 0 : form)
        switch form {
        case 0...Decimal.maximumExponent, Self.empty: ZeroRuns.append(differencesOf: words, to: &out)
        case Self.number:
            var previous: UInt64 = 0
            for word in words {
                let bits = UInt64(bitPattern: word)
                XorBytes.append(bits ^ previous, to: &out)
                previous = bits
            }
        case Self.boolean: encodeBooleans(into: &out)
        case Self.text: encodeTexts(into: &out)
        default: encodeMixed(into: &out)
        }
    }

    private func encodeBooleans(into out: inout [UInt8]) {
        var current = words.first ?? 0
        out.append(UInt8(current))
        var length = 0
        for word in words {
            if word == current {
                length += 1
            } else {
                out.append(varint: length)
                current = word
                length = 1
            }
        }
        out.append(varint: length)
    }

    private func encodeTexts(into out: inout [UInt8]) {
        var places: [String: Int64] = [:]
        var texts: [String] = []
        let indices = others.map { value -> Int64 in
            let text = value.text ?? ""
            if let known = places[text] { return known }
            places[text] = Int64(texts.count)
            texts.append(text)
            return Int64(texts.count - 1)
        }
        out.append(varint: texts.count)
        for text in texts { out.append(text: text) }
        ZeroRuns.append(differencesOf: indices, to: &out)
    }

    private func encodeMixed(into out: inout [UInt8]) {
        for value in others {
            switch value {
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

    init(_ reader: inout ByteReader, count: Int) throws(FormatError) {
        form = try reader.byte()
        switch form {
        case 0...Decimal.maximumExponent: words = try ZeroRuns.sums(&reader, count: count)
        case Self.number:
            words.reserveCapacity(count)
            var bits: UInt64 = 0
            for _ in 0..<count {
                bits ^= try XorBytes.next(&reader)
                words.append(Int64(bitPattern: bits))
            }
        case Self.boolean:
            words.reserveCapacity(count)
            var current: Int64 = try reader.byte() == 0 ? 0 : 1
            while words.count < count {
                let length = try reader.count(atMost: count - words.count)
                words.append(contentsOf: repeatElement(current, count: length))
                current ^= 1
            }
        case Self.text:
            var texts: [Value] = []
            for _ in 0..<(try reader.count()) { texts.append(.text(try reader.text())) }
            others.reserveCapacity(count)
            for index in try ZeroRuns.sums(&reader, count: count) {
                guard index >= 0, index < texts.count else {
                    throw FormatError("text \(index) of \(texts.count) is not there")
                }
                others.append(texts[Int(index)])
            }
        case Self.mixed:
            for _ in 0..<count { others.append(try Self.mixed(&reader)) }
        default: throw FormatError("values of form \(form) are unknown")
        }
    }

    /// Passes over one.
    static func skip(_ reader: inout ByteReader, count: Int) throws(FormatError) {
        let form = try reader.peek()
        switch form {
        case 0...Decimal.maximumExponent:
            _ = try reader.byte()
            try ZeroRuns.skip(&reader, count: count)
        case number:
            _ = try reader.byte()
            for _ in 0..<count { _ = try XorBytes.next(&reader) }
        case boolean:
            _ = try reader.byte()
            _ = try reader.byte()
            var left = count
            while left > 0 { left -= try reader.count(atMost: left) }
        default: _ = try Column(&reader, count: count)
        }
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
}

extension Value {
    var number: Double? { if case .number(let x) = self { x } else { nil } }
    var boolean: Bool? { if case .boolean(let x) = self { x } else { nil } }
    var text: String? { if case .text(let x) = self { x } else { nil } }
}

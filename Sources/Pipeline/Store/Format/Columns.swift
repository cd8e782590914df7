import FireModel

/// Readings of one series out of a stored body as columns: what is summed up or listed needs no `Sample` of each.
struct Columns {
    /// Ascending.
    var times: [Int64]
    var values: Values

    enum Values {
        /// Whole multiples of 10^-exponent.
        case decimals([Int64], exponent: UInt8)
        case numbers([Double])
        case booleans([Bool])
        case any([Value])
    }

    func value(_ index: Int) -> Value {
        switch values {
        case .decimals(let wholes, let exponent): .number(Decimal.value(wholes[index], exponent))
        case .numbers(let numbers): .number(numbers[index])
        case .booleans(let booleans): .boolean(booleans[index])
        case .any(let values): values[index]
        }
    }

    /// Where in `times` from `from` (inclusive) to `to` (exclusive) lies.
    func range(_ from: Int64, _ to: Int64) -> Range<Int> {
        let start = Self.first(times, notBefore: from)
        return start..<max(start, Self.first(times, notBefore: to))
    }

    private static func first(_ times: [Int64], notBefore time: Int64) -> Int {
        guard let last = times.last, last >= time else { return times.count }
        var (low, high) = (0, times.count)
        while low < high {
            let middle = (low + high) / 2
            if times[middle] < time { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension ChunkBody {
    /// The wanted series of a body, in ascending place, without quality marks and details. What lies between is
    /// passed over, what lies behind is not looked at.
    ///
    /// - Parameters: as of `decode`.
    static func columns(
        _ body: [UInt8], wanted: UInt32, limit: Int = SampleRun.maximumCount,
        _ each: (_ place: UInt8, Columns) -> Void
    ) throws(FormatError) {
        var reader = ByteReader(body)
        let base = try reader.zigzag()
        var heads: [(place: Int, count: Int, list: Int)] = []
        /// Of each list of times, and whether it is wanted.
        var lists: [(count: Int, isWanted: Bool, times: [Int64])] = []
        var last = -1
        var total = 0
        for _ in 0..<(try reader.count(atMost: Int(width))) {
            let place = try reader.count(atMost: Int(width) * 2 - 1) >> 1
            guard place > last else { throw FormatError("place \(place) after \(last)") }
            last = place
            let count = try reader.count(atMost: limit - total)
            let list = try reader.count(atMost: lists.count)
            guard count > 0 else { throw FormatError("place \(place) has no samples") }
            if list == lists.count { lists.append((count, false, [])) }
            guard lists[list].count == count else { throw FormatError("place \(place) has other times than it says") }
            if wanted >> UInt32(place) & 1 == 1 { lists[list].isWanted = true }
            total += count
            heads.append((place, count, list))
        }
        var times = try reader.part()
        var values = try reader.part()
        guard let lastList = lists.lastIndex(where: \.isWanted) else { return }
        for index in 0...lastList {
            if lists[index].isWanted {
                lists[index].times = try SampleRun.times(&times, count: lists[index].count, base: base)
            } else {
                try ZeroRuns.skip(&times, count: lists[index].count)
            }
        }
        let behind = wanted == 0 ? 0 : 32 - wanted.leadingZeroBitCount
        for head in heads where head.place < behind {
            if wanted >> UInt32(head.place) & 1 == 1 {
                let values = try SampleRun.column(&values, count: head.count)
                each(UInt8(head.place), Columns(times: lists[head.list].times, values: values))
            } else {
                try SampleRun.skipValues(&values, count: head.count)
            }
        }
    }
}

extension RollupBody {
    /// The hours of the wanted series, in ascending place.
    ///
    /// - Parameters: as of `decode`.
    static func hours(
        _ body: [UInt8], wanted: UInt32, limit: Int = SampleRun.maximumCount, _ each: (_ place: UInt8, Hours) -> Void
    ) throws(FormatError) {
        var reader = ByteReader(body)
        let base = try reader.zigzag()
        var total = 0
        for _ in 0..<(try reader.count(atMost: Int(ChunkBody.width))) {
            let first = try reader.count(atMost: Int(ChunkBody.width) * 2 - 1)
            let count = try reader.count(atMost: limit - total)
            total += count
            let hasNumbers = first & 1 == 1
            if wanted >> UInt32(first >> 1) & 1 == 1 {
                each(UInt8(first >> 1), try Hours(&reader, count: count, base: base, hasNumbers: hasNumbers))
            } else {
                try ZeroRuns.skip(&reader, count: count)
                for _ in 0..<(hasNumbers ? 9 : 5) { try SampleRun.skipValues(&reader, count: count) }
            }
            if wanted >> UInt32((first >> 1) + 1) == 0 { return }
        }
    }

    /// Roll-ups of one series as columns, hour by hour.
    struct Hours {
        /// Hours since 1970, ascending.
        var numbers: [Int64]
        private var counts: Columns.Values
        private var firstAt: Columns.Values
        private var lastAt: Columns.Values
        private var firsts: Columns.Values
        private var lasts: Columns.Values
        /// How many numbers, least, most, sum; empty: there are none.
        private var figures: [Columns.Values] = []

        init(_ reader: inout ByteReader, count: Int, base: Int64, hasNumbers: Bool) throws(FormatError) {
            numbers = try SampleRun.times(&reader, count: count, base: base)
            counts = try SampleRun.column(&reader, count: count)
            firstAt = try SampleRun.column(&reader, count: count)
            lastAt = try SampleRun.column(&reader, count: count)
            firsts = try SampleRun.column(&reader, count: count)
            lasts = try SampleRun.column(&reader, count: count)
            if hasNumbers { for _ in 0..<4 { figures.append(try SampleRun.column(&reader, count: count)) } }
        }

        func start(_ index: Int) -> Int64 { numbers[index] &* hour }
        func count(_ index: Int) -> Int { Int(clamping: Self.whole(counts, index)) }
        func first(_ index: Int) -> (at: Int64, value: Value) {
            (start(index) &+ Self.whole(firstAt, index), Self.value(firsts, index))
        }
        func last(_ index: Int) -> (at: Int64, value: Value) {
            (start(index) &+ hour &- Self.whole(lastAt, index), Self.value(lasts, index))
        }
        /// `nil`: no numbers in any hour.
        func figures(_ index: Int) -> (numbers: Int, least: Double, most: Double, sum: Columns.Number)? {
            guard figures.count == 4 else { return nil }
            return (
                Int(clamping: Self.whole(figures[0], index)), Self.number(figures[1], index).double,
                Self.number(figures[2], index).double, Self.number(figures[3], index)
            )
        }

        private static func value(_ values: Columns.Values, _ index: Int) -> Value {
            Columns(times: [], values: values).value(index)
        }
        private static func whole(_ values: Columns.Values, _ index: Int) -> Int64 {
            if case .decimals(let wholes, exponent: 0) = values { return wholes[index] }
            return Int64(exactly: number(values, index).double) ?? 0
        }
        private static func number(_ values: Columns.Values, _ index: Int) -> Columns.Number {
            switch values {
            case .decimals(let wholes, let exponent): .decimal(wholes[index], exponent)
            case .numbers(let numbers): .double(numbers[index])
            case .booleans, .any: .double(value(values, index).asNumber ?? 0)
            }
        }
    }
}

extension Columns {
    /// A number as it is stored: a decimal is added without a look at its Double.
    enum Number {
        case decimal(Int64, UInt8)
        case double(Double)

        var double: Double {
            switch self {
            case .decimal(let whole, let exponent): Decimal.value(whole, exponent)
            case .double(let x): x
            }
        }
    }
}

extension SampleRun {
    static func column(_ reader: inout ByteReader, count: Int) throws(FormatError) -> Columns.Values {
        let form = try reader.peek()
        switch form {
        case 0...Decimal.maximumExponent:
            _ = try reader.byte()
            return .decimals(try ZeroRuns.sums(&reader, count: count), exponent: form)
        case 0x20:
            _ = try reader.byte()
            var booleans: [Bool] = []
            booleans.reserveCapacity(count)
            var current = try reader.byte() != 0
            while booleans.count < count {
                let length = try reader.count(atMost: count - booleans.count)
                booleans.append(contentsOf: repeatElement(current, count: length))
                current.toggle()
            }
            return .booleans(booleans)
        case 0x10:
            _ = try reader.byte()
            var numbers: [Double] = []
            numbers.reserveCapacity(count)
            var bits: UInt64 = 0
            for _ in 0..<count {
                bits ^= try XorBytes.next(&reader)
                numbers.append(Double(bitPattern: bits))
            }
            return .numbers(numbers)
        default: return .any(try values(&reader, count: count))
        }
    }

    static func skipValues(_ reader: inout ByteReader, count: Int) throws(FormatError) {
        switch try reader.peek() {
        case 0...Decimal.maximumExponent:
            _ = try reader.byte()
            try ZeroRuns.skip(&reader, count: count)
        case 0x10:
            _ = try reader.byte()
            for _ in 0..<count { _ = try XorBytes.next(&reader) }
        case 0x20:
            _ = try reader.byte()
            _ = try reader.byte()
            var left = count
            while left > 0 { left -= try reader.count(atMost: left) }
        default: _ = try values(&reader, count: count)
        }
    }
}

extension ZeroRuns {
    /// What the numbers add up to, one after the other.
    static func sums(_ reader: inout ByteReader, count: Int) throws(FormatError) -> [Int64] {
        var sums = [Int64](repeating: 0, count: count)
        let whole = reader
        let bytes = whole.bytes.span
        var position = whole.position
        var out = sums.mutableSpan
        var sum: Int64 = 0
        var index = 0
        while index < count {
            let value = try varint(bytes, &position, whole)
            if value != 0 {
                sum = sum &+ unzigzag(value)
                out[index] = sum
                index += 1
            } else {
                // One that is too long ends where the column does.
                let end = index + Int(min(try varint(bytes, &position, whole), UInt64(count - index - 1))) + 1
                while index < end {
                    out[index] = sum
                    index += 1
                }
            }
        }
        reader.position = position
        return sums
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

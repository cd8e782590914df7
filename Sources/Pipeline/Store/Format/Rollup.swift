import FireModel

/// What an hour of one series comes to.
struct Rollup {
    /// Values of any type.
    private(set) var count = 0
    /// Of them numbers and booleans, which count as 0 and 1.
    private(set) var numbers = 0
    private(set) var least = Double.infinity
    private(set) var most = -Double.infinity
    private(set) var sum = DecimalSum()
    private(set) var first = Sample(at: .max, value: .boolean(false))
    private(set) var last = Sample(at: .min, value: .boolean(false))

    mutating func add(_ sample: Sample) {
        count += 1
        if sample.at < first.at { first = Sample(at: sample.at, value: sample.value) }
        // At the same moment, that an event ended comes after that it began.
        if sample.at >= last.at { last = Sample(at: sample.at, value: sample.value) }
        guard let number = sample.value.asNumber else { return }
        numbers += 1
        sum.add(number)
        if number < least { least = number }
        if number > most { most = number }
    }
}

/// Adds decimals exactly, so that the sum over raw readings and the sum over roll-ups are the same to the bit,
/// in whichever order. What is no decimal, or too large, is added as Doubles are.
struct DecimalSum: Equatable, Sendable {
    private var whole: Int64 = 0
    private var exponent: UInt8 = 0
    private var rest = 0.0
    private var hasRest = false

    init() {}

    var value: Double { hasRest ? Decimal.value(whole, exponent) + rest : Decimal.value(whole, exponent) }

    mutating func add(_ x: Double) {
        if let own = Decimal.whole(x, exponent) { return add(own, x) }
        guard let larger = Decimal.exponent(of: x, from: exponent), let own = Decimal.whole(x, larger) else {
            return addRest(x)
        }
        while exponent < larger {
            let (shifted, overflow) = whole.multipliedReportingOverflow(by: 10)
            guard !overflow, shifted.magnitude < Self.limit else { return addRest(x) }
            whole = shifted
            exponent += 1
        }
        add(own, x)
    }

    /// Adds `whole / 10^exponent`: as if its parts were added one by one, but none is looked at.
    mutating func add(whole: Int64, exponent: UInt8) {
        guard exponent != self.exponent else { return add(whole, Decimal.value(whole, exponent)) }
        // As short as it can be: a place that nothing needs would leave less room for the whole.
        var (own, places) = (whole, exponent)
        while places > 0, own % 10 == 0 {
            own /= 10
            places -= 1
        }
        if self.whole == 0, self.exponent < places, own.magnitude < Self.limit {
            (self.whole, self.exponent) = (own, places)
        } else {
            add(Decimal.value(own, places))
        }
    }

    private static let limit: UInt64 = 1 << 53

    private mutating func add(_ own: Int64, _ x: @autoclosure () -> Double) {
        let (total, overflow) = whole.addingReportingOverflow(own)
        guard !overflow, total.magnitude < Self.limit else { return addRest(x()) }
        whole = total
    }

    private mutating func addRest(_ x: Double) {
        rest += x
        hasRest = true
    }
}

extension Value {
    /// Booleans count as 0 and 1.
    var asNumber: Double? {
        switch self {
        case .number(let x): x
        case .boolean(let x): x ? 1 : 0
        case .text: nil
        }
    }
}

/// Roll-ups by the hour of up to 32 neighbouring series: the body of a row of `rollup`.
///
/// Of a segment whose readings are there, sparse series may be missing. Most series are of one form, and the figures of
/// an hour lie close to its first value: what is stored is how far.
///
///     zigzag    the first hour of the first series, since 1970
///     varint    how many series
///     each      varint: place 0–31 · varint: how many hours · varint: which list of hours it has; one more than
///               there are so far: the next list is its own
///     part      lists of hours: the hours as `Run` stores times; then as columns of differences how many readings
///               each has, milliseconds from the hour to the first of them, and from there to the last
///     part      of each series one byte:
///       0–9, 0x20   decimals with so many places, booleans: as columns with runs of zeros first − last of the hour
///                   before, last − first, first − least, most − first, sum − count · first
///       0x40        anything else: as `Column` first, last, how many numbers, least, most, sum
enum RollupBody {
    /// Milliseconds.
    static let hour: Int64 = 3_600_000

    struct Hour {
        /// Hours since 1970.
        var number: Int64
        var rollup: Rollup
    }

    static func hours(of run: Run) -> [Hour] {
        var hours: [Hour] = []
        for index in 0..<run.count {
            let sample = run[index]
            let number = floored(sample.at, hour) / hour
            if hours.last?.number != number { hours.append(Hour(number: number, rollup: Rollup())) }
            hours[hours.count - 1].rollup.add(sample)
        }
        return hours
    }

    // MARK: - Writing

    /// - Parameter sparse: also of those that have but a few readings an hour. As long as the readings are there they
    ///   answer as fast, and their roll-ups would be nearly as large.
    /// - Returns: `nil`: of none.
    static func encode(_ series: [ChunkBody.Series], sparse: Bool) -> [UInt8]? {
        var base: Int64?
        var lists: [UInt8] = []
        var values: [UInt8] = []
        var places: [UInt8] = []
        var count = 0
        var known: [(times: [Int64], hours: HourList, place: Int)] = []
        for one in series {
            let times = one.run.times
            let shared = known.last { $0.times.isSame(as: times) || $0.times == times }
            let hours = shared?.hours ?? HourList(times)
            guard sparse || !hours.isSparse else { continue }
            let start = base ?? hours.numbers.first ?? 0
            base = start
            let place = shared?.place ?? known.count
            if shared == nil {
                known.append((times, hours, place))
                hours.encode(base: start, into: &lists)
            }
            count += 1
            places.append(varint: Int(one.place))
            places.append(varint: hours.ends.count)
            places.append(varint: place)
            if !encodeWhole(one.run.values, hours, into: &values) { encodeAny(one.run, into: &values) }
        }
        guard let base else { return nil }
        var head: [UInt8] = []
        head.append(zigzag: base)
        head.append(varint: count)
        head.append(contentsOf: places)
        head.append(counted: lists)
        head.append(counted: values)
        return head
    }

    /// Series with so few readings an hour have no roll-ups as long as their readings are there.
    static func isSparse(_ times: [Int64]) -> Bool { HourList(times).isSparse }

    /// Where in a list of times the hours are.
    private struct HourList {
        var numbers: [Int64] = []
        /// Behind the last reading of each.
        var ends: [Int] = []
        var counts: [Int64] = []
        /// Milliseconds from the hour to its first reading, and from there to its last.
        var offsets: [Int64] = []
        var spans: [Int64] = []

        init(_ times: [Int64]) {
            var start = 0
            while start < times.count {
                let number = floored(times[start], hour) / hour
                let limit = (number &+ 1) &* hour
                var end = start + 1
                while end < times.count, times[end] < limit { end += 1 }
                numbers.append(number)
                ends.append(end)
                counts.append(Int64(end - start))
                offsets.append(times[start] &- number &* hour)
                spans.append(times[end - 1] &- times[start])
                start = end
            }
        }

        /// On average.
        var isSparse: Bool { counts.reduce(0, +) < 16 * Int64(counts.count) }

        func encode(base: Int64, into out: inout [UInt8]) {
            Run.encode(times: numbers, base: base, into: &out)
            for column in [counts, offsets, spans] { ZeroRuns.append(differencesOf: column, to: &out) }
        }
    }

    /// `false`: they are not all whole, or a sum is too large to be.
    private static func encodeWhole(_ values: Column, _ hours: HourList, into out: inout [UInt8]) -> Bool {
        guard values.isWhole else { return false }
        let words = values.words
        var columns = [[Int64]](repeating: [], count: 5)
        for index in columns.indices { columns[index].reserveCapacity(hours.ends.count) }
        var (start, before) = (0, Int64(0))
        for end in hours.ends {
            let first = words[start]
            var (least, most, sum) = (first, first, Int64(0))
            for index in start..<end {
                let word = words[index]
                if word < least { least = word }
                if word > most { most = word }
                sum &+= word
                // As `DecimalSum` does: beyond, Doubles are added.
                guard sum.magnitude <= UInt64(Decimal.largest) else { return false }
            }
            let last = words[end - 1]
            columns[0].append(first &- before)
            columns[1].append(last &- first)
            columns[2].append(first &- least)
            columns[3].append(most &- first)
            columns[4].append(sum &- Int64(end - start) &* first)
            before = last
            start = end
        }
        out.append(values.form)
        for column in columns { ZeroRuns.append(column, to: &out) }
        return true
    }

    private static func encodeAny(_ run: Run, into out: inout [UInt8]) {
        out.append(Column.mixed)
        let rollups = hours(of: run).map(\.rollup)
        func append(_ value: (Rollup) -> Value) {
            var column = Column()
            for rollup in rollups { column.append(value(rollup)) }
            column.encode(into: &out)
        }
        append { $0.first.value }
        append { $0.last.value }
        append { .number(Double($0.numbers)) }
        append { .number($0.least) }
        append { .number($0.most) }
        append { .number($0.sum.value) }
    }

    // MARK: - Reading

    /// - Parameters: as of `ChunkBody.decode`.
    static func decode(
        _ body: [UInt8], wanted: UInt32 = .max, limit: Int = Run.maximumCount
    ) throws(FormatError) -> [(place: UInt8, hours: Hours)] {
        var reader = ByteReader(body)
        let base = try reader.zigzag()
        var heads: [(place: UInt8, count: Int, list: Int)] = []
        var counts: [Int] = []
        var total = 0
        for _ in 0..<(try reader.count(atMost: Int(ChunkBody.width))) {
            let place = try reader.count(atMost: Int(ChunkBody.width) - 1)
            let count = try reader.count(atMost: limit - total)
            let list = try reader.count(atMost: counts.count)
            if list == counts.count { counts.append(count) }
            guard counts[list] == count else { throw FormatError("place \(place) has other hours than it says") }
            total += count
            heads.append((UInt8(place), count, list))
        }
        var listed = try reader.part()
        var values = try reader.part()
        try reader.expectEnd()
        var lists: [Hours.Times] = []
        for count in counts { lists.append(try Hours.Times(&listed, count: count, base: base)) }
        var series: [(place: UInt8, hours: Hours)] = []
        for head in heads {
            if wanted >> UInt32(head.place) & 1 == 1 {
                series.append((head.place, try Hours(&values, lists[head.list])))
            } else {
                try Hours.skip(&values, count: head.count)
            }
        }
        return series
    }

    /// Roll-ups of one series as columns, hour by hour.
    struct Hours {
        struct Times {
            /// Hours since 1970, ascending.
            var numbers: [Int64]
            var counts: [Int64]
            /// Milliseconds since 1970.
            var firsts: [Int64]
            var lasts: [Int64]

            init(_ reader: inout ByteReader, count: Int, base: Int64) throws(FormatError) {
                numbers = try Run.times(&reader, count: count, base: base)
                counts = try ZeroRuns.sums(&reader, count: count)
                firsts = try ZeroRuns.sums(&reader, count: count)
                lasts = try ZeroRuns.sums(&reader, count: count)
                for index in numbers.indices {
                    firsts[index] = firsts[index] &+ numbers[index] &* hour
                    lasts[index] = lasts[index] &+ firsts[index]
                }
            }
        }

        private let times: Times
        private let form: UInt8
        /// First, last, least, most and sum, in the form of the series.
        private var words: [[Int64]] = []
        /// First, last, how many numbers, least, most and sum.
        private var others: [Column] = []

        init(_ reader: inout ByteReader, _ times: Times) throws(FormatError) {
            self.times = times
            let count = times.numbers.count
            form = try reader.byte()
            if form == Column.mixed {
                for _ in 0..<6 { others.append(try Column(&reader, count: count)) }
                return
            }
            guard form <= Decimal.maximumExponent || form == Column.boolean else {
                throw FormatError("roll-ups of form \(form) are unknown")
            }
            for _ in 0..<5 { words.append(try ZeroRuns.values(&reader, count: count)) }
            var before: Int64 = 0
            for index in 0..<count {
                let first = before &+ words[0][index]
                let last = first &+ words[1][index]
                words[0][index] = first
                words[1][index] = last
                words[2][index] = first &- words[2][index]
                words[3][index] = first &+ words[3][index]
                words[4][index] = words[4][index] &+ times.counts[index] &* first
                before = last
            }
        }

        static func skip(_ reader: inout ByteReader, count: Int) throws(FormatError) {
            if try reader.byte() == Column.mixed {
                for _ in 0..<6 { try Column.skip(&reader, count: count) }
            } else {
                for _ in 0..<5 { try ZeroRuns.skip(&reader, count: count) }
            }
        }

        /// Hours since 1970, ascending.
        var numbers: [Int64] { times.numbers }
        func start(_ index: Int) -> Int64 { times.numbers[index] &* hour }
        func count(_ index: Int) -> Int { Int(clamping: times.counts[index]) }
        func first(_ index: Int) -> (at: Int64, value: Value) { (times.firsts[index], value(0, index)) }
        func last(_ index: Int) -> (at: Int64, value: Value) { (times.lasts[index], value(1, index)) }

        /// `nil`: no numbers in this hour.
        func figures(_ index: Int) -> (numbers: Int, least: Double, most: Double, sum: StoredNumber)? {
            guard form == Column.mixed else {
                let sum = StoredNumber.decimal(words[4][index], form == Column.boolean ? 0 : form)
                return (count(index), number(2, index), number(3, index), sum)
            }
            guard let numbers = Int(exactly: others[2][index].number ?? 0), numbers > 0 else { return nil }
            func figure(_ column: Int) -> Double { others[column][index].number ?? 0 }
            return (numbers, figure(3), figure(4), .double(figure(5)))
        }

        private func number(_ column: Int, _ index: Int) -> Double {
            form == Column.boolean ? Double(words[column][index]) : Decimal.value(words[column][index], form)
        }

        private func value(_ column: Int, _ index: Int) -> Value {
            switch form {
            case Column.mixed: others[column][index]
            case Column.boolean: .boolean(words[column][index] != 0)
            default: .number(number(column, index))
            }
        }
    }
}

/// The largest multiple of `step` that is not above `x`.
func floored(_ x: Int64, _ step: Int64) -> Int64 {
    let remainder = x % step
    return x - (remainder < 0 ? remainder + step : remainder)
}

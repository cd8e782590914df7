import FireModel

/// What an hour, or any other step, of one series comes to. Two of them add up: the parts of an hour that lie in
/// different segments are as good as the whole.
struct Rollup: Equatable, Sendable {
    /// Values of any type.
    private(set) var count = 0
    /// Of them numbers and booleans, which count as 0 and 1.
    private(set) var numbers = 0
    private(set) var least = Double.infinity
    private(set) var most = -Double.infinity
    private(set) var sum = DecimalSum()
    private(set) var first = Sample(at: .max, value: .boolean(false))
    private(set) var last = Sample(at: .min, value: .boolean(false))

    init() {}

    init(_ samples: some Sequence<Sample>) {
        for sample in samples { add(sample) }
    }

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

    mutating func add(_ other: Rollup) {
        guard other.count > 0 else { return }
        count += other.count
        numbers += other.numbers
        sum.add(other.sum.value)
        least = min(least, other.least)
        most = max(most, other.most)
        if other.first.at < first.at { first = other.first }
        if other.last.at >= last.at { last = other.last }
    }

    init(
        count: Int, numbers: Int, least: Double, most: Double, sum: Double, first: Sample, last: Sample
    ) {
        self.count = count
        self.numbers = numbers
        self.least = least
        self.most = most
        self.sum.add(sum)
        self.first = first
        self.last = last
    }

    /// `nil`: nothing there to answer with; texts have no mean.
    func value(_ function: ReadingQuery.Function) -> Value? {
        guard count > 0 else { return nil }
        switch function {
        case .count: return .number(Double(count))
        case .first: return first.value
        case .last: return last.value
        case .sum: return numbers > 0 ? .number(sum.value) : nil
        case .avg: return numbers > 0 ? .number(sum.value / Double(numbers)) : nil
        case .min: return numbers > 0 ? .number(least) : nil
        case .max: return numbers > 0 ? .number(most) : nil
        }
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
///     zigzag    the first hour, since 1970
///     varint    how many series
///     each      varint: place 0–31 · 2 + 1 if there are numbers among its values
///               varint: how many hours · hours as `SampleRun` stores times, in hours
///               columns as `SampleRun` stores values: count, milliseconds from the hour to the first and from the
///               last to its end, first, last; with numbers: how many, least, most, sum
enum RollupBody {
    /// Milliseconds.
    static let hour: Int64 = 3_600_000

    struct Hour: Equatable {
        /// Hours since 1970.
        var number: Int64
        var rollup: Rollup
    }

    struct Series: Equatable {
        var place: UInt8
        /// Ascending.
        var hours: [Hour]
    }

    static func hours(of samples: [Sample]) -> [Hour] {
        var hours: [Hour] = []
        for sample in samples {
            let number = floored(sample.at, hour) / hour
            if hours.last?.number != number { hours.append(Hour(number: number, rollup: Rollup())) }
            hours[hours.count - 1].rollup.add(sample)
        }
        return hours
    }

    static func encode(_ series: [Series]) -> [UInt8] {
        var out: [UInt8] = []
        let base = series.lazy.compactMap { $0.hours.first?.number }.min() ?? 0
        out.append(zigzag: base)
        out.append(varint: series.count)
        for one in series {
            let hasNumbers = one.hours.contains { $0.rollup.numbers > 0 }
            out.append(varint: Int(one.place) << 1 | (hasNumbers ? 1 : 0))
            out.append(varint: one.hours.count)
            func column(_ value: (Hour) -> Value) -> [Sample] {
                one.hours.map { Sample(at: $0.number, value: value($0)) }
            }
            func numbers(_ value: (Rollup) -> Double) {
                SampleRun.encode(values: column { .number(value($0.rollup)) }, into: &out)
            }
            SampleRun.encode(times: column { _ in .boolean(false) }, base: base, into: &out)
            numbers { Double($0.count) }
            SampleRun.encode(
                values: column { .number(Double($0.rollup.first.at - $0.number * hour)) }, into: &out)
            SampleRun.encode(
                values: column { .number(Double(($0.number + 1) * hour - $0.rollup.last.at)) }, into: &out)
            SampleRun.encode(values: column { $0.rollup.first.value }, into: &out)
            SampleRun.encode(values: column { $0.rollup.last.value }, into: &out)
            guard hasNumbers else { continue }
            numbers { Double($0.numbers) }
            numbers { $0.least }
            numbers { $0.most }
            numbers { $0.sum.value }
        }
        return out
    }

    /// - Parameters: as of `ChunkBody.decode`.
    static func decode(
        _ body: [UInt8], wanted: UInt32 = .max, limit: Int = SampleRun.maximumCount
    ) throws(FormatError) -> [Series] {
        var reader = ByteReader(body)
        let base = try reader.zigzag()
        var series: [Series] = []
        var total = 0
        for _ in 0..<(try reader.count(atMost: Int(ChunkBody.width))) {
            let first = try reader.count(atMost: Int(ChunkBody.width) * 2 - 1)
            let count = try reader.count(atMost: limit - total)
            total += count
            let times = try SampleRun.times(&reader, count: count, base: base)
            let counts = try SampleRun.values(&reader, count: count)
            let firstAt = try SampleRun.values(&reader, count: count)
            let lastAt = try SampleRun.values(&reader, count: count)
            let firsts = try SampleRun.values(&reader, count: count)
            let lasts = try SampleRun.values(&reader, count: count)
            var columns: [[Value]] = []
            if first & 1 == 1 { for _ in 0..<4 { columns.append(try SampleRun.values(&reader, count: count)) } }
            guard wanted >> UInt32(first >> 1) & 1 == 1 else { continue }
            var hours: [Hour] = []
            for index in 0..<count {
                func number(_ column: Int, _ none: Double) -> Double {
                    columns.isEmpty ? none : columns[column][index].number ?? none
                }
                func whole(_ value: Value) -> Int64 { value.number.flatMap { Int64(exactly: $0) } ?? 0 }
                let start = times[index] &* hour
                hours.append(
                    Hour(
                        number: times[index],
                        rollup: Rollup(
                            count: Int(whole(counts[index])), numbers: Int(exactly: number(0, 0)) ?? 0,
                            least: number(1, .infinity), most: number(2, -.infinity), sum: number(3, 0),
                            first: Sample(at: start &+ whole(firstAt[index]), value: firsts[index]),
                            last: Sample(at: start &+ hour &- whole(lastAt[index]), value: lasts[index]))))
            }
            series.append(Series(place: UInt8(first >> 1), hours: hours))
        }
        try reader.expectEnd()
        return series
    }

}

/// The largest multiple of `step` that is not above `x`.
func floored(_ x: Int64, _ step: Int64) -> Int64 {
    let remainder = x % step
    return x - (remainder < 0 ? remainder + step : remainder)
}

import FireModel

/// What one step of time of one group comes to. Readings come in any order.
protocol StepSlot {
    init()
    /// - Parameter series: whose; at one moment the higher one is the later.
    mutating func add(_ run: Run, _ range: Range<Int>, series: Int32)
    mutating func add(_ sample: Sample, series: Int32)
    mutating func add(_ hours: RollupBody.Hours, _ hour: Int, series: Int32)
    /// `nil`: nothing there to answer with.
    func value(_ function: ReadingQuery.Function) -> Value?
}

/// For avg, min, max, sum and count: as `Rollup`, without the first and the last.
struct Tally: StepSlot {
    private var count = 0
    private var numbers = 0
    private var least = Double.infinity
    private var most = -Double.infinity
    private var sum = DecimalSum()

    mutating func add(_ run: Run, _ range: Range<Int>, series: Int32) {
        let values = run.values
        switch values.form {
        case 0...Decimal.maximumExponent: add(values.words, values.form, range)
        case Column.boolean: add(values.words, 0, range)
        case Column.number:
            count += range.count
            for index in range { add(Double(bitPattern: UInt64(bitPattern: values.words[index]))) }
        default:
            count += range.count
            for index in range { if let number = values[index].asNumber { add(number) } }
        }
    }

    private mutating func add(_ wholes: [Int64], _ exponent: UInt8, _ range: Range<Int>) {
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(range.upperBound, start + Self.safeCount)
            var (total, low, high) = (Int64(0), Int64.max, Int64.min)
            for index in start..<end {
                let whole = wholes[index]
                total &+= whole
                low = min(low, whole)
                high = max(high, whole)
            }
            if max(low.magnitude, high.magnitude) < Self.safeMagnitude {
                sum.add(whole: total, exponent: exponent)
                note(Decimal.value(low, exponent))
                note(Decimal.value(high, exponent))
                count += end - start
                numbers += end - start
            } else {
                count += end - start
                for index in start..<end { add(Decimal.value(wholes[index], exponent)) }
            }
            start = end
        }
    }

    /// So many of that size are no more than an Int64 holds.
    private static let safeCount = 512
    private static let safeMagnitude: UInt64 = 1 << 53

    private mutating func note(_ number: Double) {
        if number < least { least = number }
        if number > most { most = number }
    }

    private mutating func add(_ number: Double) {
        numbers += 1
        sum.add(number)
        note(number)
    }

    mutating func add(_ sample: Sample, series: Int32) {
        count += 1
        if let number = sample.value.asNumber { add(number) }
    }

    mutating func add(_ hours: RollupBody.Hours, _ hour: Int, series: Int32) {
        count += hours.count(hour)
        guard let figures = hours.figures(hour), figures.numbers > 0 else { return }
        numbers += figures.numbers
        switch figures.sum {
        case .decimal(let whole, let exponent): sum.add(whole: whole, exponent: exponent)
        case .double(let x): sum.add(x)
        }
        note(figures.least)
        note(figures.most)
    }

    func value(_ function: ReadingQuery.Function) -> Value? {
        switch function {
        case .count: count > 0 ? .number(Double(count)) : nil
        case .sum: numbers > 0 ? .number(sum.value) : nil
        case .avg: numbers > 0 ? .number(sum.value / Double(numbers)) : nil
        case .min: numbers > 0 ? .number(least) : nil
        case .max: numbers > 0 ? .number(most) : nil
        case .first, .last: nil
        }
    }
}

/// For first and last.
struct Ends: StepSlot {
    private struct End {
        var at: Int64
        var series: Int32
        var value: Value

        /// Of two at one moment the higher series is the later one: an event's end has a higher one than its beginning.
        func precedes(_ at: Int64, _ series: Int32) -> Bool { (self.at, self.series) < (at, series) }
    }
    private var first: End?
    private var last: End?

    private mutating func noteFirst(_ at: Int64, _ series: Int32, _ value: @autoclosure () -> Value) {
        if first?.precedes(at, series) != true { first = End(at: at, series: series, value: value()) }
    }

    private mutating func noteLast(_ at: Int64, _ series: Int32, _ value: @autoclosure () -> Value) {
        if last?.precedes(at, series) != false { last = End(at: at, series: series, value: value()) }
    }

    mutating func add(_ run: Run, _ range: Range<Int>, series: Int32) {
        guard let start = range.first, let end = range.last else { return }
        noteFirst(run.times[start], series, run.values[start])
        noteLast(run.times[end], series, run.values[end])
    }

    mutating func add(_ sample: Sample, series: Int32) {
        noteFirst(sample.at, series, sample.value)
        noteLast(sample.at, series, sample.value)
    }

    mutating func add(_ hours: RollupBody.Hours, _ hour: Int, series: Int32) {
        let (first, last) = (hours.first(hour), hours.last(hour))
        noteFirst(first.at, series, first.value)
        noteLast(last.at, series, last.value)
    }

    func value(_ function: ReadingQuery.Function) -> Value? {
        switch function {
        case .first: first?.value
        case .last: last?.value
        case .avg, .min, .max, .sum, .count: nil
        }
    }
}

/// The steps of some groups within one span of time, filled in any order.
///
/// Slots come in pages, made where something is, so that a long span in which little lies takes little.
struct StepTable<Slot: StepSlot>: Sendable where Slot: Sendable {
    let span: StepSpan
    /// Per group and page of steps, its place among `slots`; -1: none.
    private var pages: [Int32]
    private let pageSize: Int
    private let pagesOfGroup: Int
    private var slots: [Slot] = []

    init(_ span: StepSpan, groups: Int) {
        self.span = span
        pageSize = span.count > Self.pageSize ? Self.pageSize / 4 : max(span.count, 1)
        pagesOfGroup = (span.count + pageSize - 1) / pageSize
        pages = Array(repeating: -1, count: pagesOfGroup * groups)
        slots.reserveCapacity(min(pageSize * pagesOfGroup * groups, Self.reserved))
    }

    private static var pageSize: Int { 1024 }
    private static var reserved: Int { 65_536 }

    /// - Parameter step: counted from the first of the span.
    private mutating func place(_ group: Int, _ step: Int) -> Int {
        let page = group * pagesOfGroup + step / pageSize
        if pages[page] < 0 {
            pages[page] = Int32(slots.count / pageSize)
            slots.append(contentsOf: repeatElement(Slot(), count: pageSize))
        }
        return Int(pages[page]) * pageSize + step % pageSize
    }

    /// - Parameters:
    ///   - from: inclusive, within the span, as is
    ///   - to: exclusive.
    mutating func add(_ run: Run, from: Int64, to: Int64, group: Int, series: Int32) {
        let range = run.range(from, to)
        var index = range.lowerBound
        while index < range.upperBound {
            let step = span.step(run.times[index])
            let start = index
            let end = span.start(step + 1)
            index += 1
            while index < range.upperBound, run.times[index] < end { index += 1 }
            slots[place(group, step)].add(run, start..<index, series: series)
        }
    }

    mutating func add(_ samples: [Sample], group: Int, series: Int32) {
        for sample in samples { slots[place(group, span.step(sample.at))].add(sample, series: series) }
    }

    mutating func add(_ hours: RollupBody.Hours, from: Int64, to: Int64, group: Int, series: Int32) {
        for index in hours.numbers.indices {
            let start = hours.start(index)
            guard start >= from, start < to else { continue }
            slots[place(group, span.step(start))].add(hours, index, series: series)
        }
    }

    /// Of steps in which something is, at most `limit`, the oldest first.
    func points(_ group: Int, _ function: ReadingQuery.Function, limit: Int) -> [Point] {
        var points: [Point] = []
        for page in 0..<pagesOfGroup {
            let place = pages[group * pagesOfGroup + page]
            guard place >= 0 else { continue }
            for offset in 0..<min(pageSize, span.count - page * pageSize) {
                guard let value = slots[Int(place) * pageSize + offset].value(function) else { continue }
                guard points.count < limit else { return points }
                points.append(Point(at: Timestamp(span.start(page * pageSize + offset)), value: value))
            }
        }
        return points
    }
}

/// A stretch of time in steps, which begin at multiples of their length since 1970.
struct StepSpan: Sendable, Equatable {
    /// Inclusive; the first step may begin before it.
    let from: Int64
    /// Exclusive.
    let to: Int64
    /// In milliseconds.
    let length: Int64
    private let first: Int64
    let count: Int

    init(from: Int64, to: Int64, length: Int64) {
        self.from = from
        self.to = max(from, to)
        self.length = length
        first = floored(from, length)
        count = to > from ? Int((to - 1 - first) / length) + 1 : 0
    }

    @inline(__always) func step(_ time: Int64) -> Int { Int((time &- first) / length) }
    @inline(__always) func start(_ step: Int) -> Int64 { first &+ Int64(step) &* length }

    /// The same, with no more steps than that.
    func prefix(_ count: Int) -> StepSpan {
        self.count <= count ? self : StepSpan(from: from, to: start(count), length: length)
    }
}

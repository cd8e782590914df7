import FireModel

/// Stored readings of many series in the order of time; of one moment in the order of their series, so that an event
/// begins before it ends.
public struct HistoryBatch: Sendable {
    /// A reading, small and without references: millions of them are sorted.
    public struct Item: Sendable, BitwiseCopyable {
        /// Milliseconds since 1970.
        public var at: Int64
        /// Bits of a number, 0 or 1, or a place in `others`.
        fileprivate var word: Int64
        /// Place in `HistoryScan.series`.
        public var series: Int32
        fileprivate var form: Form
        public var quality: Quality
    }

    fileprivate enum Form: UInt8, BitwiseCopyable { case number, boolean, other }

    private struct Other {
        var value: Value
        var detail: String?
    }

    public private(set) var items: [Item] = []
    /// Texts, and what has a detail.
    private var others: [Other] = []

    public func value(_ item: Item) -> Value {
        switch item.form {
        case .number: .number(Double(bitPattern: UInt64(bitPattern: item.word)))
        case .boolean: .boolean(item.word != 0)
        case .other: others[Int(item.word)].value
        }
    }

    /// Free text beside an event.
    public func detail(_ item: Item) -> String? { item.form == .other ? others[Int(item.word)].detail : nil }

    // MARK: - Gathered

    mutating func append(_ run: Run, _ range: Range<Int>, series: Int32) {
        guard !range.isEmpty else { return }
        let values = run.values
        guard !run.hasMarks, values.form <= Column.boolean else {
            for index in range { append(run[index], series: series) }
            return
        }
        let (times, words) = (run.times, values.words)
        switch values.form {
        case Column.boolean:
            for index in range { append(times[index], words[index], series, .boolean) }
        case Column.number:
            for index in range { append(times[index], words[index], series, .number) }
        default:
            let exponent = values.form
            for index in range {
                let bits = Decimal.value(words[index], exponent).bitPattern
                append(times[index], Int64(bitPattern: bits), series, .number)
            }
        }
    }

    mutating func append(_ sample: Sample, series: Int32) {
        if sample.detail == nil {
            switch sample.value {
            case .number(let x):
                return append(sample.at, Int64(bitPattern: x.bitPattern), series, .number, sample.quality)
            case .boolean(let x): return append(sample.at, x ? 1 : 0, series, .boolean, sample.quality)
            case .text: break
            }
        }
        append(sample.at, Int64(others.count), series, .other, sample.quality)
        others.append(Other(value: sample.value, detail: sample.detail))
    }

    @inline(__always) private mutating func append(
        _ at: Int64, _ word: Int64, _ series: Int32, _ form: Form, _ quality: Quality = []
    ) {
        items.append(Item(at: at, word: word, series: series, form: form, quality: quality))
    }

    /// Lets go of what is not before `end`.
    mutating func cut(at end: Int64) { items.removeAll { $0.at >= end } }

    // MARK: - Sorted

    /// By time, then by series.
    ///
    /// - Parameter start: no item is before it, and none 2³² ms or more behind it.
    mutating func sort(from start: Int64) {
        guard items.count > 1 else { return }
        let isSorted = zip(items, items.dropFirst()).allSatisfy { $0.at <= $1.at }
        if !isSorted { sortByTime(from: start) }
        sortTies()
    }

    /// Eleven bits of the time at once, the lowest first: so many readings are sorted in a few passes.
    private mutating func sortByTime(from start: Int64) {
        let span = UInt64(bitPattern: (items.map(\.at).max() ?? start) - start)
        var other = items
        var shift: UInt64 = 0
        while shift == 0 || span >> shift > 0 {
            var places = [Int](repeating: 0, count: 2048)
            for item in items { places[Self.digit(item, start, shift)] += 1 }
            var sum = 0
            for digit in places.indices { (places[digit], sum) = (sum, sum + places[digit]) }
            for item in items {
                let digit = Self.digit(item, start, shift)
                other[places[digit]] = item
                places[digit] += 1
            }
            swap(&items, &other)
            shift += 11
        }
    }

    @inline(__always) private static func digit(_ item: Item, _ start: Int64, _ shift: UInt64) -> Int {
        Int(truncatingIfNeeded: UInt64(bitPattern: item.at &- start) >> shift & 2047)
    }

    /// Of one moment they mostly are in order already.
    private mutating func sortTies() {
        var begin = 0
        while begin < items.count {
            var end = begin + 1
            var isOrdered = true
            while end < items.count, items[end].at == items[begin].at {
                if items[end].series < items[end - 1].series { isOrdered = false }
                end += 1
            }
            if !isOrdered { items[begin..<end].sort { $0.series < $1.series } }
            begin = end
        }
    }
}

import FireModel

/// Samples of up to 32 neighbouring series: the body of a row of `chunk`.
///
/// Series get their numbers as they are met, so the metrics of a device are neighbours, and as a message carries
/// several of them they share their times: those are stored once.
///
///     zigzag    base: the first time of the body
///     varint    how many series
///     each      varint: place 0–31 among the 32 · 2 + 1 if it has marks
///               varint: how many samples
///               varint: which list of times it has; one more than there are so far: the next list is its own
///     part      lists of times, in the order in which they were first named
///     part      values of each series
///     part      marks of each series that has them
enum ChunkBody {
    /// Series of one row.
    static let width: Int32 = 32

    struct Series: Equatable {
        /// 0–31
        var place: UInt8
        /// Ascending in time, not empty.
        var samples: [Sample]
    }

    static func encode(_ series: [Series]) -> [UInt8] {
        let base = series.lazy.compactMap { $0.samples.first?.at }.min() ?? 0
        var head: [UInt8] = []
        head.append(zigzag: base)
        head.append(varint: series.count)
        var times: [UInt8] = []
        var values: [UInt8] = []
        var marks: [UInt8] = []
        var lists: [Int] = []
        for (index, one) in series.enumerated() {
            let hasMarks = SampleRun.hasMarks(one.samples)
            head.append(varint: Int(one.place) << 1 | (hasMarks ? 1 : 0))
            head.append(varint: one.samples.count)
            // Those it shares its times with were met last.
            if let known = lists.lastIndex(where: { haveSameTimes(series[$0].samples, one.samples) }) {
                head.append(varint: known)
            } else {
                head.append(varint: lists.count)
                lists.append(index)
                SampleRun.encode(times: one.samples, base: base, into: &times)
            }
            SampleRun.encode(values: one.samples, into: &values)
            if hasMarks { SampleRun.encode(marks: one.samples, into: &marks) }
        }
        head.append(counted: times)
        head.append(counted: values)
        head.append(counted: marks)
        return head
    }

    private static func haveSameTimes(_ a: [Sample], _ b: [Sample]) -> Bool {
        guard a.count == b.count, a.first?.at == b.first?.at, a.last?.at == b.last?.at else { return false }
        for index in a.indices where a[index].at != b[index].at { return false }
        return true
    }

    /// - Parameters:
    ///   - wanted: bit n: the series at place n; what is not wanted is only passed over.
    ///   - limit: samples that are believed: run lengths are short and what they stand for is not.
    static func decode(
        _ body: [UInt8], wanted: UInt32 = .max, limit: Int = SampleRun.maximumCount
    ) throws(FormatError) -> [Series] {
        struct Head {
            var place: UInt8
            var hasMarks: Bool
            var count: Int
            var list: Int
        }
        var reader = ByteReader(body)
        let base = try reader.zigzag()
        var heads: [Head] = []
        var counts: [Int] = []
        var last = -1
        var total = 0
        for _ in 0..<(try reader.count(atMost: Int(width))) {
            let first = try reader.count(atMost: Int(width) * 2 - 1)
            guard first >> 1 > last else { throw FormatError("place \(first >> 1) after \(last)") }
            last = first >> 1
            let count = try reader.count(atMost: limit - total)
            let list = try reader.count(atMost: counts.count)
            guard count > 0 else { throw FormatError("place \(last) has no samples") }
            if list == counts.count { counts.append(count) }
            guard counts[list] == count else { throw FormatError("place \(last) has other times than it says") }
            total += count
            heads.append(Head(place: UInt8(first >> 1), hasMarks: first & 1 == 1, count: count, list: list))
        }
        // Many segments have the row of a series without the series itself.
        guard heads.contains(where: { wanted >> UInt32($0.place) & 1 == 1 }) else { return [] }
        var times = try reader.part()
        var values = try reader.part()
        var marks = try reader.part()
        try reader.expectEnd()
        var lists: [[Int64]] = []
        for count in counts { lists.append(try SampleRun.times(&times, count: count, base: base)) }
        var series: [Series] = []
        for head in heads {
            let itsValues = try SampleRun.values(&values, count: head.count)
            let itsTimes = lists[head.list]
            var samples = itsTimes.indices.map { Sample(at: itsTimes[$0], value: itsValues[$0]) }
            if head.hasMarks { try SampleRun.readMarks(&marks, into: &samples) }
            if wanted >> UInt32(head.place) & 1 == 1 { series.append(Series(place: head.place, samples: samples)) }
        }
        return series
    }
}

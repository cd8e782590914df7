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
///               varint: length of its values in bytes, so that others are passed over at once
///     part      lists of times, in the order in which they were first named
///     part      values of each series
///     part      marks of each series that has them
enum ChunkBody {
    /// Series of one row.
    static let width: Int32 = 32

    struct Series: Equatable {
        /// 0–31
        var place: UInt8
        /// Not empty.
        var run: Run
        var samples: [Sample] { run.samples }

        init(place: UInt8, run: Run) {
            self.place = place
            self.run = run
        }

        init(place: UInt8, samples: [Sample]) { self.init(place: place, run: Run(samples)) }
    }

    static func encode(_ series: [Series]) -> [UInt8] {
        let base = series.lazy.compactMap { $0.run.times.first }.min() ?? 0
        var head: [UInt8] = []
        head.append(zigzag: base)
        head.append(varint: series.count)
        var times: [UInt8] = []
        var values: [UInt8] = []
        var marks: [UInt8] = []
        var lists: [[Int64]] = []
        for one in series {
            let run = one.run
            head.append(varint: Int(one.place) << 1 | (run.hasMarks ? 1 : 0))
            head.append(varint: run.count)
            // Those it shares its times with were met last.
            if let known = lists.lastIndex(where: { $0.isSame(as: run.times) || $0 == run.times }) {
                head.append(varint: known)
            } else {
                head.append(varint: lists.count)
                lists.append(run.times)
                Run.encode(times: run.times, base: base, into: &times)
            }
            let start = values.count
            run.values.encode(into: &values)
            head.append(varint: values.count - start)
            if run.hasMarks { run.encodeMarks(into: &marks) }
        }
        head.append(counted: times)
        head.append(counted: values)
        head.append(counted: marks)
        return head
    }

    /// - Parameters:
    ///   - wanted: bit n: the series at place n; the others are only passed over.
    ///   - limit: samples that are believed: run lengths are short and what they stand for is not.
    static func decode(
        _ body: [UInt8], wanted: UInt32 = .max, limit: Int = Run.maximumCount
    ) throws(FormatError) -> [Series] {
        struct Head {
            var place: UInt8
            var hasMarks: Bool
            var count: Int
            var list: Int
            var length: Int
            var isWanted: Bool
        }
        var reader = ByteReader(body)
        let base = try reader.zigzag()
        var heads: [Head] = []
        var lists: [(count: Int, isWanted: Bool, times: [Int64])] = []
        var last = -1
        var total = 0
        for _ in 0..<(try reader.count(atMost: Int(width))) {
            let first = try reader.count(atMost: Int(width) * 2 - 1)
            guard first >> 1 > last else { throw FormatError("place \(first >> 1) after \(last)") }
            last = first >> 1
            let count = try reader.count(atMost: limit - total)
            let list = try reader.count(atMost: lists.count)
            let length = try reader.count(atMost: body.count)
            guard count > 0 else { throw FormatError("place \(last) has no samples") }
            if list == lists.count { lists.append((count, false, [])) }
            guard lists[list].count == count else { throw FormatError("place \(last) has other times than it says") }
            total += count
            let isWanted = wanted >> UInt32(last) & 1 == 1
            if isWanted { lists[list].isWanted = true }
            heads.append(
                Head(
                    place: UInt8(last), hasMarks: first & 1 == 1, count: count, list: list, length: length,
                    isWanted: isWanted))
        }
        var times = try reader.part()
        var values = try reader.part()
        var marks = try reader.part()
        try reader.expectEnd()
        guard let lastList = lists.lastIndex(where: \.isWanted), let lastHead = heads.lastIndex(where: \.isWanted)
        else { return [] }
        for index in 0...lastList {
            if lists[index].isWanted {
                lists[index].times = try Run.times(&times, count: lists[index].count, base: base)
            } else {
                try ZeroRuns.skip(&times, count: lists[index].count)
            }
        }
        var series: [Series] = []
        for head in heads[...lastHead] {
            guard head.isWanted else {
                try values.skip(head.length)
                if head.hasMarks { try Run.skipMarks(&marks, count: head.count) }
                continue
            }
            var its = try values.part(head.length)
            var run = Run(times: lists[head.list].times, values: try Column(&its, count: head.count))
            try its.expectEnd()
            if head.hasMarks { try run.readMarks(&marks) }
            series.append(Series(place: head.place, run: run))
        }
        return series
    }
}

extension [Int64] {
    /// The very same memory: metrics that came together share their times.
    func isSame(as other: [Int64]) -> Bool {
        unsafe count == other.count
            && withUnsafeBufferPointer { one in
                unsafe other.withUnsafeBufferPointer { unsafe one.baseAddress == $0.baseAddress }
            }
    }
}

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
///     values    `Column`
///     marks     absent when no sample has a quality mark or a detail; else runs of (quality, length), then how
///               many have a detail, and of each the distance from the one before and the text
struct Run: Sendable {
    private(set) var times: [Int64] = []
    private(set) var values = Column()
    /// Of each sample; empty when none has a mark.
    private var qualities: [UInt8] = []
    /// By the place of the sample.
    private var details: [Int: String] = [:]

    /// Of all series of one stored body.
    static let maximumCount = 1 << 25

    init() {}

    init(_ samples: some Sequence<Sample>) {
        for sample in samples { append(sample) }
    }

    init(times: [Int64], values: Column) {
        self.times = times
        self.values = values
    }

    var count: Int { times.count }
    var isEmpty: Bool { times.isEmpty }
    var hasMarks: Bool { !qualities.isEmpty || !details.isEmpty }

    subscript(index: Int) -> Sample {
        Sample(
            at: times[index], value: values[index],
            quality: qualities.isEmpty ? [] : Quality(rawValue: qualities[index]),
            detail: details.isEmpty ? nil : details[index])
    }

    func quality(_ index: Int) -> Quality { qualities.isEmpty ? [] : Quality(rawValue: qualities[index]) }
    func detail(_ index: Int) -> String? { details.isEmpty ? nil : details[index] }

    var samples: [Sample] { times.indices.map { self[$0] } }

    /// Those not before `from` and before `to`.
    func samples(from: Int64, to: Int64) -> [Sample] { range(from, to).map { self[$0] } }

    /// Where those not before `from` and before `to` are.
    func range(_ from: Int64, _ to: Int64) -> Range<Int> {
        let start = firstIndex(notBefore: from)
        return start..<max(start, firstIndex(notBefore: to))
    }

    func firstIndex(notBefore time: Int64) -> Int {
        var low = 0
        var high = times.count
        while low < high {
            let middle = (low + high) / 2
            if times[middle] < time { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: - Growing

    /// - Precondition: it is later than all that are here, as is all that is appended.
    mutating func append(_ sample: Sample) {
        append(at: sample.at, quality: sample.quality.rawValue, detail: sample.detail)
        values.append(sample.value)
    }

    /// `word` and `form` as of `Column.append`.
    @inline(__always) mutating func append(
        at time: Int64, _ word: Int64, form: UInt8, quality: UInt8, detail: String?
    ) {
        append(at: time, quality: quality, detail: detail)
        values.append(word, form: form)
    }

    @inline(__always) private mutating func append(at time: Int64, quality: UInt8, detail: String?) {
        if quality != 0 || !qualities.isEmpty { append(quality: quality) }
        if let detail { details[times.count] = detail }
        times.append(time)
    }

    private mutating func append(quality: UInt8) {
        if qualities.isEmpty { qualities.append(contentsOf: repeatElement(0, count: times.count)) }
        qualities.append(quality)
    }

    /// Parts that follow each other in time.
    ///
    /// - Parameter times: of all of them, if they are known already: metrics of a device share them.
    init(joining parts: [Run], times known: [Int64]? = nil) {
        let hasMarks = parts.contains { $0.hasMarks }
        var count = 0
        for part in parts {
            values.append(contentsOf: part.values)
            if known == nil { times.append(contentsOf: part.times) }
            if hasMarks {
                qualities += part.qualities.isEmpty ? Array(repeating: 0, count: part.count) : part.qualities
                for (place, detail) in part.details { details[count + place] = detail }
            }
            count += part.count
        }
        if let known { times = known }
    }

    /// What is before `time` left out.
    func dropping(before time: Int64) -> Run {
        let start = firstIndex(notBefore: time)
        if start == 0 { return self }
        if hasMarks { return Run((start..<count).map { self[$0] }) }
        return Run(times: Array(times[start...]), values: values[start..<count])
    }

    /// Both, in the order of time.
    func merged(with other: Run) -> Run {
        guard let first = other.times.first else { return self }
        guard let last = times.last else { return other }
        if last < first { return Run(joining: [self, other]) }
        return Run(FireStore.merged(samples, other.samples))
    }

    // MARK: - Written and read

    static func encode(times: [Int64], base: Int64, into out: inout [UInt8]) {
        guard let first = times.first else { return }
        var zeros = ZeroRuns.Writer()
        zeros.append(first &- base, to: &out)
        var (previous, step) = (first, Int64(0))
        for time in times.dropFirst() {
            let delta = time &- previous
            zeros.append(delta &- step, to: &out)
            step = delta
            previous = time
        }
        zeros.finish(&out)
    }

    static func times(_ reader: inout ByteReader, count: Int, base: Int64) throws(FormatError) -> [Int64] {
        var times = try ZeroRuns.values(&reader, count: count)
        var (previous, step) = (base, Int64(0))
        for index in times.indices {
            let delta = times[index] &+ step
            if index > 0 { step = delta }
            previous = previous &+ delta
            times[index] = previous
        }
        return times
    }

    func encodeMarks(into out: inout [UInt8]) {
        var start = 0
        while start < count {
            let quality = qualities.isEmpty ? 0 : qualities[start]
            var end = start
            while end < count, qualities.isEmpty || qualities[end] == quality { end += 1 }
            out.append(quality)
            out.append(varint: end - start)
            start = end
        }
        out.append(varint: details.count)
        var previous = 0
        for (place, detail) in details.sorted(by: { $0.key < $1.key }) {
            out.append(varint: place - previous)
            out.append(text: detail)
            previous = place
        }
    }

    mutating func readMarks(_ reader: inout ByteReader) throws(FormatError) {
        qualities.reserveCapacity(count)
        while qualities.count < count {
            let quality = try reader.byte()
            let length = try reader.count(atMost: count - qualities.count)
            guard length > 0 else { throw FormatError("an empty run of marks") }
            qualities.append(contentsOf: repeatElement(quality, count: length))
        }
        var place = 0
        for _ in 0..<(try reader.count()) {
            place += try reader.count(atMost: count - 1 - place)
            details[place] = try reader.text()
        }
    }
}

extension Run {
    static func skipMarks(_ reader: inout ByteReader, count: Int) throws(FormatError) {
        var nobody = Run(times: [Int64](repeating: 0, count: count), values: Column())
        try nobody.readMarks(&reader)
    }
}

extension Run: Equatable {
    /// By what they say, not by the form that their values have.
    static func == (a: Run, b: Run) -> Bool {
        a.times == b.times && a.times.indices.allSatisfy { a[$0] == b[$0] }
    }
}

/// Where in ascending samples the first is that is not before `time`.
func firstIndex(in samples: [Sample], notBefore time: Int64) -> Int {
    var low = 0
    var high = samples.count
    while low < high {
        let middle = (low + high) / 2
        if samples[middle].at < time { low = middle + 1 } else { high = middle }
    }
    return low
}

/// Two ascending lists as one.
func merged(_ a: [Sample], _ b: some Collection<Sample>) -> [Sample] {
    guard let firstOfB = b.first else { return a }
    guard let lastOfA = a.last else { return Array(b) }
    if lastOfA.at < firstOfB.at { return a + b }
    var result: [Sample] = []
    result.reserveCapacity(a.count + b.count)
    var rest = b[...]
    for sample in a {
        while let next = rest.first, next.at < sample.at {
            result.append(next)
            rest.removeFirst()
        }
        result.append(sample)
    }
    return result + rest
}

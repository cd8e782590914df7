import FireModel

/// One input of a decision, as the journal holds it (design 5): what the rules were shown, in order.
public enum JournalInput: Equatable, Sendable {
    /// A reading that was new, or conflicted with what is stored; then it is no part of history.
    /// - isRetry: from the quarantine; see `RuleEngine.apply`.
    case reading(Reading, isConflicting: Bool, isRetry: Bool)
    /// A reading of the past that was imported: part of history, and nothing for the rules.
    case history(Reading)
    /// Where the clocks stand for what follows, in milliseconds: the counting one, and the steady one, which begins
    /// anew with each run of the daemon.
    case clocks(live: Int64, steady: Int64)
    /// A run of the daemon begins.
    case began
    /// Time alone was given to the rules.
    case timePassed(now: Timestamp)
    /// What an operator did, in the form of whoever decides it.
    case act([UInt8])
    /// Rules and catalogue, in full, from here on.
    case rules(String)
}

extension JournalInput {
    /// The reading that the heads have of it.
    var stored: Reading? {
        switch self {
        case .reading(let reading, isConflicting: false, isRetry: _), .history(let reading): reading
        default: nil
        }
    }
}

/// The inputs of one commit as a body for `FrameCodec`.
///
/// Readings lie in columns, in the order in which they came; everything else stands beside them with the number
/// of readings before it.
///
///     varint    how many readings
///     parts     eight columns, each with its length in bytes before it:
///       0       series: zigzag of the difference to the one before + 1, so that the metrics of a message are zeros
///       1       times: zigzag of the difference to the one before
///       2       times of receipt: likewise
///       3       one byte each: bits 0–1 the type (0 decimal, 1 number as it is, 2 boolean, 3 text), 2 the value of
///               a boolean, 3 conflicting, 4 from a backlog, 5 a retry, 6 has a detail, 7 imported
///       4       one byte each: quality, the bits of `Quality`
///       5       values: a decimal is its exponent and a zigzag; a number as it is eight bytes; a text its length
///               and UTF-8
///       6       details: length and UTF-8
///       7       other inputs: varint of the readings before it since the last other input, one byte what it is
///               (1 clocks: zigzag of the difference of each; 2 time passed: zigzag; 3 act, 4 rules: length
///               and bytes; 5 a run begins)
struct JournalBlockWriter {
    /// A reading without texts: to go over thousands of them again and again costs nothing then.
    private struct Entry: BitwiseCopyable {
        var series: Int32
        /// Column 3.
        var kind: UInt8
        var quality: UInt8
        var at: Int64
        var received: Int64
        /// The bits of a number.
        var bits: UInt64
    }

    private var entries: [Entry] = []
    /// Values that are texts, and details, in the order of their readings.
    private var texts: [String] = []
    private var details: [String] = []
    private var others: [UInt8] = []
    private var otherCount = 0
    private var clocks = (live: Int64(0), steady: Int64(0))
    private var readingsBeforeOther = 0

    var count: Int { entries.count }
    var isEmpty: Bool { entries.isEmpty && otherCount == 0 }

    /// One that was imported.
    mutating func append(history reading: Reading) {
        append(reading, isConflicting: false, isRetry: false)
        entries[entries.count - 1].kind |= 128
    }

    mutating func append(_ reading: borrowing Reading, isConflicting: Bool, isRetry: Bool) {
        var kind: UInt8 = (isConflicting ? 8 : 0) | (reading.backlog ? 16 : 0) | (isRetry ? 32 : 0)
        var bits: UInt64 = 0
        switch reading.value {
        case .number(let x): bits = x.bitPattern
        case .boolean(let x): kind |= x ? 6 : 2
        case .text(let x):
            kind |= 3
            texts.append(x)
        }
        if let detail = reading.detail {
            kind |= 64
            details.append(detail)
        }
        entries.append(
            Entry(
                series: reading.series, kind: kind, quality: reading.quality.rawValue, at: reading.at.milliseconds,
                received: reading.receivedAt.milliseconds, bits: bits))
    }

    mutating func append(live: Int64, steady: Int64) {
        guard live != clocks.live || steady != clocks.steady else { return }
        begin(1)
        others.append(zigzag: live &- clocks.live)
        others.append(zigzag: steady &- clocks.steady)
        clocks = (live, steady)
    }

    mutating func appendBeginning() { begin(5) }

    mutating func append(timePassed now: Timestamp) {
        begin(2)
        others.append(zigzag: now.milliseconds)
    }

    mutating func append(act: [UInt8]) {
        begin(3)
        others.append(counted: act)
    }

    mutating func append(rules: String) {
        begin(4)
        others.append(text: rules)
    }

    private mutating func begin(_ kind: UInt8) {
        otherCount += 1
        others.append(varint: count - readingsBeforeOther)
        others.append(kind)
        readingsBeforeOther = count
    }

    /// Forgets everything, but not its memory.
    mutating func clear() {
        entries.removeAll(keepingCapacity: true)
        texts.removeAll(keepingCapacity: true)
        details.removeAll(keepingCapacity: true)
        others.removeAll(keepingCapacity: true)
        otherCount = 0
        readingsBeforeOther = 0
        // Every block says anew where the clocks stand: one that is damaged costs only itself.
        clocks = (0, 0)
    }

    var body: [UInt8] {
        var (kinds, values): ([UInt8], [UInt8]) = ([], [])
        kinds.reserveCapacity(count)
        values.reserveCapacity(count * 4)
        // The metrics of a message follow each other, and each has as many decimals as in the message before.
        var exponents = [UInt8](repeating: 0, count: 64)
        var text = 0
        for entry in entries {
            var kind = entry.kind
            switch kind & 3 {
            case 0:
                let x = Double(bitPattern: entry.bits)
                let place = Int(truncatingIfNeeded: entry.series) & 63
                if let whole = Decimal.whole(x, exponents[place]) {
                    values.append(exponents[place])
                    values.append(zigzag: whole)
                } else if let exponent = Decimal.exponent(of: x), let whole = Decimal.whole(x, exponent) {
                    exponents[place] = exponent
                    values.append(exponent)
                    values.append(zigzag: whole)
                } else {
                    kind |= 1
                    values.append(fixed: entry.bits)
                }
            case 3:
                values.append(text: texts[text])
                text += 1
            default: break
            }
            kinds.append(kind)
        }
        var body: [UInt8] = []
        body.reserveCapacity(kinds.count * 6 + values.count + others.count + 64)
        body.append(varint: count)
        body.append(counted: differences(from: -1, less: 1) { Int64($0.series) })
        body.append(counted: differences(from: 0, less: 0) { $0.at })
        body.append(counted: differences(from: 0, less: 0) { $0.received })
        body.append(counted: kinds)
        body.append(counted: entries.map(\.quality))
        body.append(counted: values)
        var told: [UInt8] = []
        for detail in details { told.append(text: detail) }
        body.append(counted: told)
        body.append(counted: others)
        return body
    }

    @inline(__always) private func differences(
        from start: Int64, less: Int64, _ value: (Entry) -> Int64
    ) -> [UInt8] {
        var column: [UInt8] = []
        column.reserveCapacity(count + 16)
        var previous = start
        for entry in entries {
            let own = value(entry)
            column.append(zigzag: own &- previous &- less)
            previous = own
        }
        return column
    }
}

private struct JournalPrevious {
    var series: Int64 = -1
    var at: Int64 = 0
    var received: Int64 = 0
    var live: Int64 = 0
    var steady: Int64 = 0
}

/// Reads a block input by input.
struct JournalBlockReader {
    let count: Int
    private var series: ByteReader
    private var times: ByteReader
    private var received: ByteReader
    private var kinds: ByteReader
    private var qualities: ByteReader
    private var values: ByteReader
    private var details: ByteReader
    private var others: ByteReader
    private var previous = JournalPrevious()
    private var index = 0
    /// Readings before the next other input; `nil`: there is none.
    private var nextOther: Int?

    init(_ body: [UInt8]) throws(FormatError) {
        var reader = ByteReader(body)
        count = try reader.count()
        series = try reader.part()
        times = try reader.part()
        received = try reader.part()
        kinds = try reader.part()
        qualities = try reader.part()
        values = try reader.part()
        details = try reader.part()
        others = try reader.part()
        try reader.expectEnd()
        try findOther(after: 0)
    }

    private mutating func findOther(after readings: Int) throws(FormatError) {
        nextOther = others.isAtEnd ? nil : readings + (try others.count(atMost: count - readings))
    }

    /// `nil`: that was all.
    mutating func next() throws(FormatError) -> JournalInput? {
        if let place = nextOther, place == index {
            let input = try other()
            try findOther(after: index)
            return input
        }
        guard index < count else { return nil }
        index += 1
        let kind = try kinds.byte()
        previous.series = previous.series &+ 1 &+ (try series.zigzag())
        previous.at = previous.at &+ (try times.zigzag())
        previous.received = previous.received &+ (try received.zigzag())
        guard let place = Int32(exactly: previous.series), place >= 0 else {
            throw FormatError("series \(previous.series) cannot be")
        }
        let quality = Quality(rawValue: try qualities.byte())
        let value = try value(kind)
        let detail = kind & 64 != 0 ? try details.text() : nil
        let reading = Reading(
            series: place, at: Timestamp(milliseconds: previous.at),
            receivedAt: Timestamp(milliseconds: previous.received), value: value, quality: quality,
            backlog: kind & 16 != 0, detail: detail)
        if kind & 128 != 0 { return .history(reading) }
        return .reading(reading, isConflicting: kind & 8 != 0, isRetry: kind & 32 != 0)
    }

    @inline(__always) private mutating func value(_ kind: UInt8) throws(FormatError) -> Value {
        switch kind & 3 {
        case 0:
            let exponent = try values.byte()
            guard exponent <= Decimal.maximumExponent else { throw FormatError("exponent \(exponent) cannot be") }
            return .number(Decimal.value(try values.zigzag(), exponent))
        case 1: return .number(Double(bitPattern: try values.fixed()))
        case 2: return .boolean(kind & 4 != 0)
        default: return .text(try values.text())
        }
    }

    private mutating func other() throws(FormatError) -> JournalInput {
        switch try others.byte() {
        case 1:
            previous.live = previous.live &+ (try others.zigzag())
            previous.steady = previous.steady &+ (try others.zigzag())
            return .clocks(live: previous.live, steady: previous.steady)
        case 2: return .timePassed(now: Timestamp(milliseconds: try others.zigzag()))
        case 3: return .act(try others.counted())
        case 4: return .rules(try others.text())
        case 5: return .began
        case let kind: throw FormatError("an input of kind \(kind) is unknown")
        }
    }
}

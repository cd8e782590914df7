import FireModel

/// What is in no stored chunk yet, compressed in memory, and the newest value of every series.
///
/// Per series a chain of small blocks holds its readings in ascending time; what comes late goes to a list beside
/// it. Chains belong to a generation. When the heads are to be stored the generation is frozen: its chains stay
/// as they are and readable until they are stored, and what comes goes to the next one.
///
/// A chain is a string of bytes, reading after reading:
///
///     varint    bit 0: a prefix follows · bit 1: same value as before · above: difference of differences of the
///               times, zigzag (the first: difference to the generation's base)
///     prefix    form (see `HeadEntry.form`) · quality, + 128 if a detail follows · varint: text of the detail
///     value     absent if it is the same. Behind a prefix absolute: a decimal zigzag, a number eight bytes, a boolean
///               one byte, a text the varint of its place. Else: a decimal zigzag of the difference, a boolean
///               nothing as it can only be the other one, a number and a text as behind a prefix
struct Heads {
    private(set) var entries: [HeadEntry] = []
    private(set) var current = Generation(number: 1)
    private(set) var frozen: Generation?
    /// Entries as they were when their generation was frozen, of series that have been appended to since.
    private var frozenEntries: [Int32: HeadEntry] = [:]
    /// Newest value of series whose newest value is a text.
    private var lastTexts: [Int32: String] = [:]
    /// Detail of series whose newest reading has one.
    private var lastDetails: [Int32: String] = [:]

    /// Readings held.
    var count: Int { current.count + (frozen?.count ?? 0) }
    /// Bytes of memory that a next seal would set free.
    var size: Int { current.size }

    /// First and last time of what is held; `nil`: nothing is.
    var bounds: ClosedRange<Int64>? {
        let least = min(current.least, frozen?.least ?? .max)
        let most = max(current.most, frozen?.most ?? .min)
        return least <= most ? least...most : nil
    }

    // MARK: - In

    /// Takes a reading whose identity is known to be new.
    mutating func append(
        series: Int32, at: Int64, value: Value, quality: Quality, detail: String?
    ) {
        let index = Int(series)
        if index >= entries.count {
            entries.append(contentsOf: repeatElement(HeadEntry(), count: index + 1 - entries.count))
        }
        guard at > entries[index].at else {
            current.appendLate(series, Sample(at: at, value: value, quality: quality, detail: detail))
            return
        }
        if entries[index].generation != current.number {
            if let frozen, entries[index].generation == frozen.number { frozenEntries[series] = entries[index] }
            entries[index].begin(current.number)
        }
        if case .text(let text) = value {
            lastTexts[series] = text
        } else if entries[index].form == HeadEntry.text {
            lastTexts[series] = nil
        }
        if detail != nil || !lastDetails.isEmpty { lastDetails[series] = detail }
        // In its place: a copy that is written bit by bit and read as a whole costs as much as all the rest.
        current.append(&entries[index], at: at, value: value, quality: quality, detail: detail)
    }

    /// A value stored long ago, as the newest one known: at the start.
    mutating func restore(series: Int32, last: Sample) {
        let index = Int(series)
        if index >= entries.count {
            entries.append(contentsOf: repeatElement(HeadEntry(), count: index + 1 - entries.count))
        }
        guard last.at > entries[index].at else { return }
        var entry = HeadEntry()
        entry.at = last.at
        entry.quality = last.quality.rawValue
        switch last.value {
        case .number(let x):
            entry.form = HeadEntry.number
            entry.bits = x.bitPattern
        case .boolean(let x):
            entry.form = HeadEntry.boolean
            entry.bits = x ? 1 : 0
        case .text(let x):
            entry.form = HeadEntry.text
            lastTexts[series] = x
        }
        if let detail = last.detail { lastDetails[series] = detail }
        entries[index] = entry
    }

    mutating func removeAll() { self = Heads() }

    // MARK: - Generations

    mutating func freeze() {
        frozen = current
        frozenEntries = [:]
        current = Generation(number: current.number + 1)
    }

    /// What was frozen is stored now.
    mutating func dropFrozen() {
        frozen = nil
        frozenEntries = [:]
    }

    // MARK: - Out

    /// The newest reading of a series, stored or not.
    func last(_ series: Int32) -> Sample? {
        guard Int(series) < entries.count else { return nil }
        return last(series, entries[Int(series)])
    }

    /// The newest reading of a series at the moment its generation was frozen.
    func lastWhenFrozen(_ series: Int32) -> Sample? {
        guard Int(series) < entries.count, let frozen else { return nil }
        let entry = frozenEntries[series] ?? entries[Int(series)]
        return entry.generation <= frozen.number ? last(series, entry) : nil
    }

    private func last(_ series: Int32, _ entry: HeadEntry) -> Sample? {
        let value: Value
        switch entry.form {
        case HeadEntry.unknown: return nil
        case HeadEntry.boolean: value = .boolean(entry.bits != 0)
        case HeadEntry.text:
            if let frozen, entry.generation == frozen.number {
                value = .text(frozen.texts[Int(entry.bits)])
            } else {
                value = .text(lastTexts[series] ?? "")
            }
        default: value = .number(Double(bitPattern: entry.bits))
        }
        return Sample(
            at: entry.at, value: value, quality: Quality(rawValue: entry.quality), detail: lastDetails[series])
    }

    /// Newest time of a series, `Int64.min` if it has none.
    @inline(__always) func lastTime(_ series: Int32) -> Int64 {
        Int(series) < entries.count ? entries[Int(series)].at : .min
    }

    /// What is held of a series from `from` (inclusive) to `to` (exclusive), ascending.
    func samples(_ series: Int32, from: Int64 = .min, to: Int64 = .max) -> [Sample] {
        guard Int(series) < entries.count else { return [] }
        let late = current.run(series, entries[Int(series)], before: to)
        return frozenRun(series, before: to).merged(with: late).samples(from: from, to: to)
    }

    /// What is frozen of a series. What has come since is later, but for what came late.
    func frozenRun(_ series: Int32, before end: Int64 = .max) -> Run {
        guard let frozen, Int(series) < entries.count else { return Run() }
        return frozen.run(series, frozenEntries[series] ?? entries[Int(series)], before: end)
    }

    /// The value held at exactly this time; `nil`: none.
    func value(_ series: Int32, at time: Int64) -> Value? {
        guard Int(series) < entries.count, time <= entries[Int(series)].at else { return nil }
        if time == entries[Int(series)].at { return last(series, entries[Int(series)])?.value }
        return samples(series, from: time, to: time + 1).first?.value
    }
}

/// What is known of one series in a few words; there are up to millions of them.
struct HeadEntry {
    /// Time of the newest reading, milliseconds.
    var at = Int64.min
    /// Its value: the bits of a number, 0 or 1, or the place of a text in its generation.
    var bits: UInt64 = 0
    /// Whose chain it is; of an older one than is held there is only the newest value.
    var generation: UInt32 = 0
    /// Milliseconds between the last two.
    var step: Int32 = 0
    var first: UInt32 = 0
    var last: UInt32 = 0
    var count: UInt32 = 0
    /// Bytes used of the last block.
    var fill: UInt8 = 0
    /// 0–9: a decimal with so many places; else one of the constants.
    var form = Self.unknown
    var quality: UInt8 = 0

    static let number = Column.number
    static let boolean = Column.boolean
    static let text = Column.text
    static let unknown = Column.empty

    mutating func begin(_ generation: UInt32) {
        self.generation = generation
        step = 0
        first = 0
        last = 0
        count = 0
        fill = 0
    }
}

/// The chains of a time between two seals.
struct Generation {
    let number: UInt32
    /// Of its first reading.
    private(set) var base: Int64 = 0
    private(set) var count = 0
    /// Of all readings.
    private(set) var least = Int64.max
    private(set) var most = Int64.min
    private(set) var texts: [String] = []
    private var textPlaces: [String: UInt32] = [:]
    private var textBytes = 0
    /// Per series, ascending.
    private var late: [Int32: [Sample]] = [:]
    private var lateCount = 0
    private var blocks: [UInt8] = []
    /// Of `blocks`; block 0 is none.
    private var used = 1

    /// Four bytes of a block name the next one; small enough for the many series that say little.
    private static let blockSize = 24
    private static let linkSize = 4
    private static let payload = blockSize - linkSize
    /// Memory of a late reading, about.
    private static let lateSize = 96
    /// Blocks that are made at once.
    private static let growth = 4096
    /// Somewhat more than `StoreSettings.sealSize`. Asked for at once and used bit by bit: as an array grows it moves,
    /// and what is large moves long.
    private static let reserved = 104 << 20
    /// Longest form of a reading: two varints and a number, a form and the marks.
    private static let longest = 40

    init(number: UInt32) { self.number = number }

    var size: Int { used * Self.blockSize + textBytes + lateCount * Self.lateSize }

    private mutating func note(_ at: Int64) {
        count += 1
        if at < least { least = at }
        if at > most { most = at }
    }

    mutating func appendLate(_ series: Int32, _ sample: Sample) {
        note(sample.at)
        lateCount += 1
        var run = late.removeValue(forKey: series) ?? []
        run.insert(sample, at: firstIndex(in: run, notBefore: sample.at))
        late[series] = run
    }

    mutating func append(_ entry: inout HeadEntry, at: Int64, value: Value, quality: Quality, detail: String?) {
        note(at)
        let isFirst = entry.count == 0
        if isFirst {
            if blocks.isEmpty {
                blocks.reserveCapacity(Self.reserved)
                base = at
            }
            entry.first = newBlock()
            entry.last = entry.first
            entry.fill = 0
        }
        let delta = at &- (isFirst ? base : entry.at)
        let time = zigzag(delta &- Int64(entry.step)) << 2
        if !isFirst { entry.step = Int32(clamping: delta) }
        entry.at = at

        var form = entry.form
        var bits: UInt64 = 0
        var whole: Int64 = 0
        switch value {
        case .number(let x):
            bits = x.bitPattern
            if bits == entry.bits, form <= HeadEntry.number, !isFirst, quality.rawValue == entry.quality, detail == nil
            {
                // The usual case, without a division.
            } else if form <= Decimal.maximumExponent, let fits = Decimal.whole(x, form) {
                whole = fits
            } else if let exponent = Decimal.exponent(of: x), let fits = Decimal.whole(x, exponent) {
                form = exponent
                whole = fits
            } else {
                form = HeadEntry.number
            }
        case .boolean(let x):
            bits = x ? 1 : 0
            form = HeadEntry.boolean
        case .text(let x):
            bits = UInt64(place(x))
            form = HeadEntry.text
        }
        let hasPrefix = isFirst || form != entry.form || quality.rawValue != entry.quality || detail != nil
        let detailPlace = detail.map { place($0) }
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.longest) { bytes in
            var scratch = unsafe Scratch(bytes: bytes)
            if hasPrefix {
                scratch.put(varint: time | 1)
                scratch.put(form)
                scratch.put(quality.rawValue | (detailPlace == nil ? 0 : 0x80))
                if let detailPlace { scratch.put(varint: UInt64(detailPlace)) }
                switch form {
                case HeadEntry.number: scratch.put(fixed: bits)
                case HeadEntry.boolean: scratch.put(UInt8(bits))
                case HeadEntry.text: scratch.put(varint: bits)
                default: scratch.put(varint: zigzag(whole))
                }
            } else if bits == entry.bits {
                scratch.put(varint: time | 2)
            } else {
                scratch.put(varint: time)
                switch form {
                case HeadEntry.number: scratch.put(fixed: bits)
                case HeadEntry.boolean: break
                case HeadEntry.text: scratch.put(varint: bits)
                default:
                    let before = Decimal.whole(Double(bitPattern: entry.bits), form) ?? 0
                    scratch.put(varint: zigzag(whole &- before))
                }
            }
            put(scratch, &entry)
        }
        entry.form = form
        entry.bits = bits
        entry.quality = quality.rawValue
        entry.count += 1
    }

    private mutating func place(_ text: String) -> UInt32 {
        if let known = textPlaces[text] { return known }
        let place = UInt32(texts.count)
        texts.append(text)
        textPlaces[text] = place
        textBytes += text.utf8.count + 96
        return place
    }

    // MARK: Blocks

    private mutating func newBlock() -> UInt32 {
        if (used + 1) * Self.blockSize > blocks.count {
            blocks.append(contentsOf: repeatElement(0, count: Self.growth * Self.blockSize))
        }
        defer { used += 1 }
        return UInt32(used)
    }

    /// Appends to the chain, in another block where the last one ends.
    @inline(__always) private mutating func put(_ scratch: borrowing Scratch, _ entry: inout HeadEntry) {
        var index = 0
        while index < scratch.count {
            if entry.fill == Self.payload {
                let next = newBlock()
                let link = Int(entry.last) * Self.blockSize
                for place in 0..<Self.linkSize {
                    blocks[link + place] = UInt8(truncatingIfNeeded: next >> UInt32(place * 8))
                }
                entry.last = next
                entry.fill = 0
            }
            let room = min(Self.payload - Int(entry.fill), scratch.count - index)
            let start = Int(entry.last) * Self.blockSize + Self.linkSize + Int(entry.fill)
            unsafe blocks.withUnsafeMutableBufferPointer { blocks in
                for place in 0..<room { unsafe blocks[start + place] = scratch.bytes[index + place] }
            }
            entry.fill += UInt8(room)
            index += room
        }
    }

    /// One reading as it is put together.
    @safe private struct Scratch: ~Copyable {
        let bytes: UnsafeMutableBufferPointer<UInt8>
        private(set) var count = 0

        init(bytes: UnsafeMutableBufferPointer<UInt8>) { unsafe self.bytes = unsafe bytes }

        @inline(__always) mutating func put(_ byte: UInt8) {
            unsafe bytes[count] = byte
            count += 1
        }

        @inline(__always) mutating func put(varint value: UInt64) {
            var rest = value
            while rest >= 0x80 {
                put(UInt8(truncatingIfNeeded: rest) | 0x80)
                rest >>= 7
            }
            put(UInt8(truncatingIfNeeded: rest))
        }

        mutating func put(fixed value: UInt64) {
            for index in 0..<8 { put(UInt8(truncatingIfNeeded: value >> UInt64(index * 8))) }
        }
    }

    private struct Chain {
        var block: Int
        var offset = 0

        @inline(__always) mutating func byte(_ blocks: [UInt8]) -> UInt8 {
            if offset == Generation.payload {
                let link = block * Generation.blockSize
                var next = 0
                for index in 0..<Generation.linkSize { next |= Int(blocks[link + index]) << (index * 8) }
                block = next
                offset = 0
            }
            defer { offset += 1 }
            return blocks[block * Generation.blockSize + Generation.linkSize + offset]
        }

        @inline(__always) mutating func varint(_ blocks: [UInt8]) -> UInt64 {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while true {
                let next = byte(blocks)
                value |= UInt64(next & 0x7F) << shift
                if next < 0x80 { return value }
                shift += 7
            }
        }

        mutating func fixed(_ blocks: [UInt8]) -> UInt64 {
            (0..<8).reduce(UInt64(0)) { $0 | UInt64(byte(blocks)) << UInt64($1 * 8) }
        }
    }

    // MARK: Out

    /// - Parameters:
    ///   - entry: of the series; nothing but late ones are held if it belongs to another generation.
    ///   - end: what is as late or later is left out.
    func run(_ series: Int32, _ entry: HeadEntry, before end: Int64) -> Run {
        let run = entry.generation == number ? decode(entry, end) : Run()
        guard !late.isEmpty, let own = late[series] else { return run }
        return run.merged(with: Run(own[..<firstIndex(in: own, notBefore: end)]))
    }

    private func decode(_ entry: HeadEntry, _ end: Int64) -> Run {
        var run = Run()
        var chain = Chain(block: Int(entry.first))
        var at = base
        var step: Int64 = 0
        var form = HeadEntry.unknown
        var quality: UInt8 = 0
        var word: Int64 = 0
        for index in 0..<entry.count {
            let time = chain.varint(blocks)
            let delta = unzigzag(time >> 2) &+ step
            at = at &+ delta
            if index > 0 { step = Int64(Int32(clamping: delta)) }
            var detail: String?
            if time & 1 == 1 {
                form = chain.byte(blocks)
                let marks = chain.byte(blocks)
                quality = marks & 0x7F
                if marks & 0x80 != 0 { detail = texts[Int(chain.varint(blocks))] }
                switch form {
                case HeadEntry.number: word = Int64(bitPattern: chain.fixed(blocks))
                case HeadEntry.boolean: word = Int64(chain.byte(blocks))
                case HeadEntry.text: word = Int64(chain.varint(blocks))
                default: word = unzigzag(chain.varint(blocks))
                }
            } else if time & 2 == 0 {
                switch form {
                case HeadEntry.number: word = Int64(bitPattern: chain.fixed(blocks))
                case HeadEntry.boolean: word ^= 1
                case HeadEntry.text: word = Int64(chain.varint(blocks))
                default: word = word &+ unzigzag(chain.varint(blocks))
                }
            }
            if at >= end { break }
            if form == HeadEntry.text {
                run.append(
                    Sample(
                        at: at, value: .text(texts[Int(word)]), quality: Quality(rawValue: quality), detail: detail))
            } else {
                run.append(at: at, word, form: form, quality: quality, detail: detail)
            }
        }
        return run
    }
}

import FireModel

/// A row of a segment, ready to be written.
public struct ImportedRow: Sendable {
    var segment: Int64
    var level: Int64
    var bucket: Int32
    /// What is in `chunk`; kept for the rare case that something of it has come live meanwhile.
    var series: [ImportedSeries]
    /// Empty: nothing but `newest`.
    var chunk: [UInt8] = []
    /// Empty: none.
    var rollup: [UInt8] = []
    var newest: [(place: UInt8, sample: Sample)]
}

/// Where an import writes: segments that grow while it goes on.
///
/// A bucket of a batch goes into the first growing segment that has no row of it yet. What comes series by series, as an
/// export does, therefore fills few segments, each with one stretch of time of everything, as they were where it comes
/// from. What comes in time fills a segment with each batch; small ones are merged like those of a seal.
///
/// Used by one thread at a time.
public final class ImportTarget {
    private struct Growing {
        var id: Int64
        var level: Int64
        /// A bit for each bucket that has a row.
        var buckets: [UInt64] = []

        func has(_ bucket: Int32) -> Bool {
            let word = Int(bucket) / 64
            return word < buckets.count && buckets[word] >> UInt64(bucket % 64) & 1 == 1
        }

        mutating func add(_ bucket: Int32) {
            let word = Int(bucket) / 64
            if word >= buckets.count { buckets += repeatElement(0, count: word + 1 - buckets.count) }
            buckets[word] |= 1 << UInt64(bucket % 64)
        }
    }

    private var growing: [Growing] = []
    private let quick: FrameCodec
    private let thorough: FrameCodec

    /// Growing at once, without and with roll-ups.
    private static let most = [4, 64]

    public init() throws(StoreError) {
        quick = try FrameCodec(level: 3)
        thorough = try FrameCodec(level: 6)
    }

    /// Segments that grow, for the writer to leave alone.
    public var segments: [Int64] { growing.map(\.id) }

    /// Whether a segment has to be opened for a batch.
    public func wants(_ batch: ImportBatch, level: Int64) -> Bool {
        let its = growing.filter { $0.level == level }
        return !batch.buckets.allSatisfy { bucket in its.contains { !$0.has(bucket.number) } }
    }

    /// One was opened.
    public func add(_ id: Int64, level: Int64) {
        growing.append(Growing(id: id, level: level))
        let its = growing.filter { $0.level == level }
        if its.count > Self.most[Int(level)], let oldest = its.first { growing.removeAll { $0.id == oldest.id } }
    }

    /// Puts the buckets of a judged batch into segments, and makes rows of them.
    ///
    /// - Throws: `StoreError`.
    public func rows(_ batch: ImportBatch, level: Int64) throws(StoreError) -> [ImportedRow] {
        var rows: [ImportedRow] = []
        for bucket in batch.buckets {
            guard let place = growing.firstIndex(where: { $0.level == level && !$0.has(bucket.number) }) else {
                throw .unexpected("no segment for bucket \(bucket.number)")
            }
            var row = ImportedRow(
                segment: growing[place].id, level: level, bucket: bucket.number, series: bucket.series,
                newest: bucket.newest)
            if !bucket.series.isEmpty {
                growing[place].add(bucket.number)
                try row.encode(with: level > 0 ? thorough : quick)
            }
            rows.append(row)
        }
        return rows
    }
}

extension ImportedRow {
    mutating func encode(with codec: FrameCodec) throws(StoreError) {
        let key = Segment.row(segment, bucket)
        let stored = series.map(\.stored)
        chunk = series.isEmpty ? [] : try codec.seal(ChunkBody.encode(stored), key: key)
        guard level > 0, let body = RollupBody.encode(stored, sparse: false) else { return rollup = [] }
        rollup = try codec.seal(body, key: key)
    }

    /// Leaves out what came live since it was judged.
    ///
    /// - Returns: Whether its bytes have to be made anew.
    mutating func leaveOut(_ seen: [Int32: [(at: Int64, value: Value)]], _ counts: inout ImportCounts) -> Bool {
        guard !seen.isEmpty else { return false }
        var isChanged = false
        func judge(_ sample: Sample, _ live: [(at: Int64, value: Value)]) -> Bool {
            guard let known = live.first(where: { $0.at == sample.at }) else { return false }
            if known.value == sample.value { counts.duplicate += 1 } else { counts.conflicting += 1 }
            return true
        }
        for index in series.indices {
            guard let live = seen[bucket * ChunkBody.width + Int32(series[index].place)] else { continue }
            let before = series[index].samples.count
            for one in live {
                let place = firstIndex(in: series[index].samples, notBefore: one.at)
                guard place < series[index].samples.count, judge(series[index].samples[place], [one]) else { continue }
                series[index].samples.remove(at: place)
            }
            if series[index].samples.count < before { isChanged = true }
        }
        series.removeAll { $0.samples.isEmpty }
        newest.removeAll { one in
            seen[bucket * ChunkBody.width + Int32(one.place)].map { judge(one.sample, $0) } ?? false
        }
        return isChanged
    }
}

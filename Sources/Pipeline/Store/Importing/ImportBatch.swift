import FireModel
import GRDB

/// A reading of the past, on its way into the store.
public struct ImportedReading: Sendable, Equatable {
    public var series: Int32
    /// Milliseconds since 1970.
    public var at: Int64
    public var value: Value
    public var quality: Quality
    public init(series: Int32, at: Int64, value: Value, quality: Quality = []) {
        self.series = series
        self.at = at
        self.value = value
        self.quality = quality
    }
}

/// What became of some readings of an import.
public struct ImportCounts: Sendable, Equatable {
    public var stored = 0
    public var duplicate = 0
    public var conflicting = 0
    public init() {}

    public static func += (a: inout ImportCounts, b: ImportCounts) {
        a.stored += b.stored
        a.duplicate += b.duplicate
        a.conflicting += b.conflicting
    }
}

/// A bounded part of an import, in the order of the store: bucket by bucket, series by series, in time.
///
/// A bulk of old readings must not go the way of those that come late by themselves: there each is looked up and put
/// into its place alone, and lies in memory until the next seal. A batch is judged as a whole, and becomes rows of
/// segments. All of that is done beside the worker, which only writes rows that are ready.
public struct ImportBatch: Sendable {
    struct Bucket: Sendable {
        var number: Int32
        /// Not empty, by their place.
        var series: [ImportedSeries]
        /// Later than anything known of their series: those go through the journal and the heads, which have to know
        /// the newest reading of each series.
        var newest: [(place: UInt8, sample: Sample)] = []
    }

    private(set) var buckets: [Bucket] = []
    /// Times of its readings; `nil`: it has none.
    public private(set) var span: ClosedRange<Int64>?
    /// Of its own readings, those that are there twice; and behind `judged`, those that are stored.
    public private(set) var counts = ImportCounts()

    /// - Parameter readings: in the order in which they came; of two with one identity the first counts.
    public init(_ readings: [ImportedReading]) {
        // Stable, and linear for what is in order: an export is.
        let ordered = readings.sorted { ($0.series, $0.at) < ($1.series, $1.at) }
        var least = Int64.max
        var most = Int64.min
        var index = 0
        while index < ordered.count {
            let series = ordered[index].series
            var samples: [Sample] = []
            while index < ordered.count, ordered[index].series == series {
                let reading = ordered[index]
                index += 1
                if let last = samples.last, last.at == reading.at {
                    if last.value == reading.value { counts.duplicate += 1 } else { counts.conflicting += 1 }
                    continue
                }
                samples.append(Sample(at: reading.at, value: reading.value, quality: reading.quality))
            }
            least = min(least, samples.first?.at ?? .max)
            most = max(most, samples.last?.at ?? .min)
            let number = Segment.bucket(series)
            if buckets.last?.number != number { buckets.append(Bucket(number: number, series: [])) }
            let place = UInt8(truncatingIfNeeded: series % ChunkBody.width)
            buckets[buckets.count - 1].series.append(ImportedSeries(place: place, samples: samples))
        }
        span = least <= most ? least...most : nil
    }

    var readings: Int { buckets.reduce(0) { $0 + $1.series.reduce(0) { $0 + $1.samples.count } } }

    /// With roll-ups where there is enough of each series, or where they will be all that is kept.
    ///
    /// - Parameter cutoff: what is older leaves within the hour.
    public func level(cutoff: Int64) -> Int64 {
        let series = buckets.reduce(0) { $0 + $1.series.count }
        return (span?.upperBound ?? .max) < cutoff ? 1 : Segment.level(readings: readings, series: series)
    }

    /// Leaves out what `reader` has stored, and sets aside what is newest.
    ///
    /// - Throws: `StoreError`.
    public func judged(by reader: StoreReader) throws(StoreError) -> ImportBatch {
        var judged = self
        var next = 0
        while next < buckets.count {
            let first = next
            // Told twice if a seal comes between: it begins anew each time.
            let (part, counts) = try reader.history { db, history in try judge(from: first, db, history) }
            for (offset, bucket) in part.enumerated() { judged.buckets[first + offset] = bucket }
            judged.counts += counts
            next += part.count
        }
        judged.buckets.removeAll { $0.series.isEmpty && $0.newest.isEmpty }
        return judged
    }

    /// A snapshot is held for so long at most, and a bucket.
    private static let patience = Duration.milliseconds(50)

    private func judge(from first: Int, _ db: Database, _ history: History) throws -> ([Bucket], ImportCounts) {
        guard let span else { return ([], ImportCounts()) }
        let deadline = ContinuousClock.now + Self.patience
        let segments = try History.segments(db, span.lowerBound, span.upperBound + 1)
        var judged: [Bucket] = []
        var counts = ImportCounts()
        repeat {
            judged.append(try judge(buckets[first + judged.count], segments, db, history, &counts))
        } while first + judged.count < buckets.count && ContinuousClock.now < deadline
        return (judged, counts)
    }

    private func judge(
        _ bucket: Bucket, _ segments: [Segment], _ db: Database, _ history: History, _ counts: inout ImportCounts
    ) throws -> Bucket {
        var bucket = bucket
        let numbers = bucket.series.map { bucket.number * ChunkBody.width + Int32($0.place) }
        let spans = bucket.series.map { ($0.samples.first?.at ?? .max, $0.samples.last?.at ?? .min) }
        let recent = try history.recent { heads in
            numbers.indices.map {
                (
                    last: heads.lastTime(numbers[$0]),
                    samples: heads.samples(numbers[$0], from: spans[$0].0, to: spans[$0].1 + 1)
                )
            }
        }
        for (index, its) in recent.enumerated() { bucket.series[index].leaveOut(its.samples, &counts) }
        let least = spans.map(\.0).min() ?? .max
        let most = spans.map(\.1).max() ?? .min
        let wanted = bucket.series.reduce(UInt32(0)) { $0 | 1 << UInt32($1.place) }
        for segment in segments where segment.overlaps(least, most + 1) {
            for stored in try history.chunk(db, Segment.row(segment.id, bucket.number), wanted) {
                guard let index = bucket.series.firstIndex(where: { $0.place == stored.place }) else { continue }
                bucket.series[index].leaveOut(stored.samples, &counts)
            }
        }
        for index in bucket.series.indices {
            guard let newest = bucket.series[index].samples.last, newest.at > recent[index].last else { continue }
            bucket.newest.append((bucket.series[index].place, newest))
            bucket.series[index].samples.removeLast()
        }
        bucket.series.removeAll { $0.samples.isEmpty }
        return bucket
    }

    /// What `judged` would store.
    public var fresh: Int { readings + buckets.reduce(0) { $0 + $1.newest.count } }
}

/// Of one series, sample by sample: each is judged by itself.
struct ImportedSeries: Sendable {
    var place: UInt8
    /// Ascending in time.
    var samples: [Sample]

    var stored: ChunkBody.Series { ChunkBody.Series(place: place, samples: samples) }

    /// Leaves out samples whose time is taken.
    mutating func leaveOut(_ known: [Sample], _ counts: inout ImportCounts) {
        guard let first = samples.first, let last = samples.last else { return }
        var next = firstIndex(in: known, notBefore: first.at)
        guard next < known.count, known[next].at <= last.at else { return }
        samples.removeAll { sample in
            while next < known.count, known[next].at < sample.at { next += 1 }
            guard next < known.count, known[next].at == sample.at else { return false }
            if known[next].value == sample.value { counts.duplicate += 1 } else { counts.conflicting += 1 }
            return true
        }
    }
}

import FireModel
import GRDB

/// Walks over the readings of many series in the order of time, batch by batch: what rules are run over again.
///
/// A batch is a stretch of time, as long as so many readings take as are wanted; between two of them nothing is held.
/// Chunks are stored per series, so a stretch opens each that it touches once more: with a million readings a batch
/// that is a few times for each chunk, and costs less than keeping them open.
public struct HistoryScan: Sendable {
    /// What is told of a series.
    public struct Series: Sendable, Equatable {
        public var device: String
        public var kind: String
        public var area: String
        public var component: String?
        public var metric: String
        /// Of an event: that it ended.
        public var isInactive: Bool
    }

    /// Those that are read, in the order in which they were first heard of.
    public let series: [Series]
    /// Up to here everything has been given.
    public private(set) var reached: Timestamp
    public private(set) var isDone = false

    private let reader: StoreReader
    private let to: Int64
    /// Readings a batch should have; twice as many it never has, unless they are of one millisecond.
    private let target: Int
    private var width: Int64
    /// Per 32 neighbours the wanted ones, and their places in `series`.
    private let buckets: [Bucket]

    private struct Bucket: Sendable {
        var number: Int32
        var mask: UInt32 = 0
        var places = [Int32](repeating: -1, count: Int(ChunkBody.width))
    }

    private static let firstWidth: Int64 = 600_000
    /// Where there is next to nothing; far below what a sort's key holds.
    private static let mostWidth: Int64 = 20 * 86_400_000

    /// - Parameter wanted: by kind and metric.
    init(
        _ reader: StoreReader, _ range: TimeRange, _ filter: SeriesFilter, target: Int,
        wanted: (_ kind: String, _ metric: String) -> Bool
    ) throws(StoreError) {
        self.reader = reader
        self.target = max(target, 1)
        let bounds = try reader.bounds(range)
        reached = Timestamp(milliseconds: bounds?.lowerBound ?? 0)
        to = bounds?.upperBound ?? 0
        width = Self.firstWidth
        isDone = bounds == nil || reached.milliseconds >= to
        var series: [Series] = []
        var buckets: [Int32: Bucket] = [:]
        let directory = try reader.directory(filter)
        var scan = SeriesDirectory.Scan(filter)
        while !scan.isDone {
            let entries = directory.select(&scan, atMost: 8192)
            let names = directory.read { directory in entries.map { directory.names($0) } }
            for (entry, its) in zip(entries, names) where wanted(its.kind, its.metric) {
                for index in entry.indices {
                    let number = Segment.bucket(index)
                    let place = Int(index % ChunkBody.width)
                    buckets[number, default: Bucket(number: number)].mask |= 1 << UInt32(place)
                    buckets[number]?.places[place] = Int32(series.count)
                    series.append(
                        Series(
                            device: its.device, kind: its.kind, area: its.area, component: its.component,
                            metric: its.metric, isInactive: index == entry.inactive))
                }
            }
        }
        self.series = series
        self.buckets = buckets.values.sorted { $0.number < $1.number }
        if series.isEmpty { isDone = true }
    }

    /// - Returns: what comes next, perhaps nothing; `nil`: that was all.
    public mutating func next() throws(StoreError) -> HistoryBatch? {
        guard !isDone else { return nil }
        let start = reached.milliseconds
        let end = start + min(width, to - start)
        let (buckets, target) = (buckets, target)
        var (batch, cut) = try reader.history { db, history in
            try Self.gather(db, history, buckets, start, end, target)
        }
        batch.sort(from: start)
        // Towards the target, but no farther than fourfold at once: nights are quiet and storms are not.
        let widest = min((cut - start) * 4, Self.mostWidth)
        let count = Int64(batch.items.count)
        width = count == 0 ? widest : min(max((cut - start) * Int64(target) / count, 1), widest)
        reached = Timestamp(milliseconds: cut)
        isDone = cut >= to
        return batch
    }

    /// What there is from `start` on, before `end` or an earlier moment if that is too much.
    private static func gather(
        _ db: Database, _ history: History, _ buckets: [Bucket], _ start: Int64, _ end: Int64, _ target: Int
    ) throws -> (HistoryBatch, end: Int64) {
        var batch = HistoryBatch()
        var end = end
        func bound() {
            while batch.items.count > 2 * target, end - start > 1 {
                end = start + (end - start) / 2
                batch.cut(at: end)
            }
        }
        // Chunks and heads belong to one snapshot, in whichever order they are looked at.
        for bucket in buckets {
            for sample in try recent(history, bucket, start, end) { batch.append(sample.sample, series: sample.series) }
            bound()
        }
        for segment in try History.segments(db, start, end) {
            for bucket in buckets where segment.overlaps(start, end) {
                for one in try history.chunk(db, Segment.row(segment.id, bucket.number), bucket.mask) {
                    batch.append(one.run, one.run.range(start, end), series: bucket.places[Int(one.place)])
                }
                bound()
            }
        }
        return (batch, end)
    }

    private static func recent(
        _ history: History, _ bucket: Bucket, _ start: Int64, _ end: Int64
    ) throws -> [(series: Int32, sample: Sample)] {
        try history.recent { heads in
            guard let bounds = heads.bounds, bounds.lowerBound < end, bounds.upperBound >= start else { return [] }
            var found: [(series: Int32, sample: Sample)] = []
            for (place, series) in bucket.places.enumerated() where series >= 0 {
                let index = bucket.number * ChunkBody.width + Int32(place)
                for sample in heads.samples(index, from: start, to: end) { found.append((series, sample)) }
            }
            return found
        }
    }
}

extension StoreReader {
    /// The stored readings of those series that a filter and `wanted` let through, in the order of time.
    ///
    /// - Parameters:
    ///   - target: readings of a batch; 24 bytes each, and as many again while it is sorted.
    ///   - wanted: by kind and metric.
    public func scan(
        _ range: TimeRange, _ filter: SeriesFilter = SeriesFilter(), target: Int = 1_000_000,
        wanted: (_ kind: String, _ metric: String) -> Bool = { _, _ in true }
    ) throws(StoreError) -> HistoryScan {
        try HistoryScan(self, range, filter, target: target, wanted: wanted)
    }
}

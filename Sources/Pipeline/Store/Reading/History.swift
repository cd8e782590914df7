import FireModel
import Foundation
import GRDB

/// Readings of some series in time, out of chunks and heads, within one snapshot.
///
/// A seal moves readings from the heads to chunks, and both must be seen on the same side of it. The snapshot says up
/// to which row of the journal it has chunks, the heads say from which on they have the rest; only if that is the
/// same row are they looked at together.
struct History {
    let heads: HeadStore
    /// Row of the journal up to which this snapshot has chunks.
    let sealed: Int64
    /// The heads know the newest value of every series, not only of those in the journal.
    let headsKnowAll: Bool
    let codec: FrameCodec
    let damaged: (String) -> Void

    /// The heads have gone on since the snapshot was taken: it is to be taken anew.
    struct SnapshotIsStale: Error {}

    /// Between the commit of a seal and the moment the heads know of it lie microseconds.
    private static let patience = 10_000

    /// Looks at the heads as they belong to this snapshot.
    func recent<Result: Sendable>(_ body: (Heads) -> Result) throws -> Result {
        for _ in 0..<Self.patience {
            let result = heads.withLock { state -> Result? in
                state.sealedUpTo == sealed ? body(state.heads) : nil
            }
            if let result { return result }
            if heads.withLock({ $0.sealedUpTo > sealed }) { throw SnapshotIsStale() }
            sched_yield()
        }
        throw SnapshotIsStale()
    }

    /// One stretch of time, and what the wanted series have in it, each ascending.
    struct Window {
        var samples: [[Sample]]
        /// From here on there is more; `nil`: that was all.
        var next: Int64?
    }

    /// What `series` have from `from` on, before `to`; up to where the first stored segment ends, so that what is in
    /// memory at once stays small.
    ///
    /// - Parameter exceptLevel: segments of this level are somebody else's.
    func window(
        _ db: Database, _ series: [Int32], from: Int64, to: Int64, exceptLevel: Int64? = nil
    ) throws -> Window {
        let recent = try recent { heads in series.map { heads.samples($0, from: from, to: to) } }
        let segments = try Self.segments(db, from, to).filter { $0.level != exceptLevel }
        // The stretch ends where a segment ends: what lies behind is for the next call.
        let end = segments.map { $0.most == .max ? .max : $0.most + 1 }.min().map { min($0, to) } ?? to
        var samples = recent.map { Array($0[..<firstIndex(in: $0, notBefore: end)]) }
        for segment in segments where segment.overlaps(from, end) {
            try add(db, segment, series, from, end, to: &samples)
        }
        return Window(samples: samples, next: end < to ? end : nil)
    }

    /// Whole ones that have something in this time, the earliest first.
    static func segments(_ db: Database, _ from: Int64, _ to: Int64, rolled: Bool = false) throws -> [Segment] {
        try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT \(Segment.columns) FROM segment WHERE (state = 'whole' OR (state = 'rolled' AND ?))
                      AND readings > 0 AND least < ? AND most >= ? ORDER BY least
                    """), arguments: [rolled, to, from]
        ).map {
            Segment(
                id: $0[0], state: Segment.State(rawValue: $0[1]) ?? .whole, level: $0[2], journal: $0[3], least: $0[4],
                most: $0[5], readings: $0[6])
        }
    }

    /// Adds what a segment has of these series, bucket by bucket.
    private func add(
        _ db: Database, _ segment: Segment, _ series: [Int32], _ from: Int64, _ to: Int64, to samples: inout [[Sample]]
    ) throws {
        for (bucket, wanted) in Self.buckets(series) {
            let mask = wanted.reduce(UInt32(0)) { $0 | 1 << UInt32(series[$1] % ChunkBody.width) }
            for one in try chunk(db, Segment.row(segment.id, bucket), mask) {
                let start = firstIndex(in: one.samples, notBefore: from)
                let end = firstIndex(in: one.samples, notBefore: to)
                guard start < end else { continue }
                let itsSeries = bucket * ChunkBody.width + Int32(one.place)
                for index in wanted where series[index] == itsSeries {
                    samples[index] = merged(samples[index], one.samples[start..<end])
                }
            }
        }
    }

    /// Places in `series`, by bucket.
    static func buckets(_ series: [Int32]) -> [(bucket: Int32, places: [Int])] {
        var places: [Int32: [Int]] = [:]
        for (index, one) in series.enumerated() { places[Segment.bucket(one), default: []].append(index) }
        return places.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    func chunk(_ db: Database, _ row: Int64, _ wanted: UInt32) throws -> [ChunkBody.Series] {
        guard let body = try Self.body(db, "chunk", row) else { return [] }
        do throws(FormatError) {
            return try ChunkBody.decode(try codec.open(body, key: row), wanted: wanted)
        } catch {
            damaged("chunk \(row): \(error)")
            return []
        }
    }

    func rollup(_ db: Database, _ row: Int64, _ wanted: UInt32) throws -> [RollupBody.Series] {
        guard let body = try Self.body(db, "rollup", row) else { return [] }
        do throws(FormatError) {
            return try RollupBody.decode(try codec.open(body, key: row), wanted: wanted)
        } catch {
            damaged("roll-up \(row): \(error)")
            return []
        }
    }

    static func body(_ db: Database, _ table: String, _ row: Int64, key: String = "id") throws -> [UInt8]? {
        let statement = try db.cachedStatement(sql: "SELECT body FROM \(table) WHERE \(key) = ?")
        return try Data.fetchOne(statement, arguments: [row]).map { [UInt8]($0) }
    }

    // MARK: - Newest values

    /// The newest reading of each of these series.
    func newest(_ db: Database, _ series: [Int32]) throws -> [Sample?] {
        var newest = try recent { heads in series.map { heads.last($0) } }
        if headsKnowAll { return newest }
        for (bucket, places) in Self.buckets(series) {
            guard let body = try Self.body(db, "last", Int64(bucket), key: "bucket") else { continue }
            do throws(FormatError) {
                for one in try LastBody.decode(try codec.open(body, key: Int64(bucket))) {
                    let itsSeries = bucket * ChunkBody.width + Int32(one.place)
                    for place in places where series[place] == itsSeries {
                        if let known = newest[place], known.at >= one.sample.at { continue }
                        newest[place] = one.sample
                    }
                }
            } catch {
                damaged("last values of bucket \(bucket): \(error)")
            }
        }
        return newest
    }
}

import FireModel
import GRDB

/// Fills a table of steps from what is stored, 32 neighbouring series after the other. Each is read within one
/// snapshot, so that a seal or a merge between two of them changes nothing; each stored row is opened once.
///
/// Where a step is made of whole hours, roll-ups answer for the hours that lie wholly in the span; they add up to
/// exactly what the readings would. Everything else is counted reading by reading.
struct StepScan<Slot: StepSlot & Sendable>: Sendable {
    private(set) var table: StepTable<Slot>
    /// Ascending by series.
    private let members: [(series: Int32, group: Int32)]
    private var position = 0

    /// - Parameter groups: series of each.
    init(_ span: StepSpan, groups: [[Int32]]) {
        table = StepTable(span, groups: groups.count)
        var members: [(series: Int32, group: Int32)] = []
        for (group, series) in groups.enumerated() {
            for one in series { members.append((one, Int32(group))) }
        }
        self.members = members.sorted { $0.series < $1.series }
    }

    var isDone: Bool { position >= members.count || table.span.count == 0 }

    /// Goes on for about `budget`, within one snapshot.
    mutating func advance(_ reader: StoreReader, for budget: Duration) throws(StoreError) {
        guard !isDone else { return }
        let before = self
        self = try reader.history { db, history in
            var scan = before
            let deadline = ContinuousClock.now + budget
            let source = try Source(db, history, scan.table.span)
            repeat { try scan.addNext(source) } while !scan.isDone && ContinuousClock.now < deadline
            return scan
        }
    }

    /// One snapshot, and where in it something may lie.
    private struct Source {
        let db: Database
        let history: History
        let segments: [Segment]
        let headsMatter: Bool
        /// Answered by roll-ups where there are some; empty: nothing is.
        let hours: Range<Int64>

        init(_ db: Database, _ history: History, _ span: StepSpan) throws {
            self.db = db
            self.history = history
            let hour = RollupBody.hour
            let first = span.length % hour == 0 ? ceiled(span.from, hour) : span.to
            hours = first..<max(first, floored(span.to, hour))
            segments = try History.segments(db, span.from, span.to, rolled: !hours.isEmpty)
            headsMatter = try history.recent { heads in
                heads.bounds.map { $0.lowerBound < span.to && $0.upperBound >= span.from } ?? false
            }
        }
    }

    private mutating func addNext(_ source: Source) throws {
        let bucket = Segment.bucket(members[position].series)
        var end = position
        var wanted: UInt32 = 0
        while end < members.count, Segment.bucket(members[end].series) == bucket {
            wanted |= 1 << UInt32(members[end].series % ChunkBody.width)
            end += 1
        }
        let (from, to) = (table.span.from, table.span.to)
        if source.headsMatter {
            for member in members[position..<end] {
                // One series at a time: whoever admits waits for the same lock.
                let samples = try source.history.recent { $0.samples(member.series, from: from, to: to) }
                table.add(samples, group: Int(member.group), series: member.series)
            }
        }
        for segment in source.segments {
            let row = Segment.row(segment.id, bucket)
            let its = position..<end
            guard segment.level > 0, segment.overlaps(source.hours.lowerBound, source.hours.upperBound),
                !source.hours.isEmpty
            else {
                if segment.state == .whole { try addChunk(source, row, wanted, its, [from..<to]) }
                continue
            }
            var missing = wanted
            for (place, hours) in try source.history.rollup(source.db, row, wanted) {
                missing &= ~(1 << UInt32(place))
                guard let member = member(its, bucket, place) else { continue }
                table.add(
                    hours, from: source.hours.lowerBound, to: source.hours.upperBound, group: Int(member.group),
                    series: member.series)
            }
            let edges = [from..<source.hours.lowerBound, source.hours.upperBound..<to].filter {
                segment.overlaps($0.lowerBound, $0.upperBound)
            }
            guard segment.state == .whole else { continue }
            if !edges.isEmpty { try addChunk(source, row, wanted, its, edges) }
            // Roll-ups that are damaged are missed as sparse ones are, and the readings know better.
            if missing != 0 { try addChunk(source, row, missing, its, [source.hours]) }
        }
        position = end
    }

    private mutating func addChunk(
        _ source: Source, _ row: Int64, _ wanted: UInt32, _ its: Range<Int>, _ ranges: [Range<Int64>]
    ) throws {
        let bucket = Segment.bucket(members[its.lowerBound].series)
        for one in try source.history.chunk(source.db, row, wanted) {
            guard let member = member(its, bucket, one.place) else { continue }
            for range in ranges {
                table.add(
                    one.run, from: range.lowerBound, to: range.upperBound, group: Int(member.group),
                    series: member.series)
            }
        }
    }

    private func member(_ its: Range<Int>, _ bucket: Int32, _ place: UInt8) -> (series: Int32, group: Int32)? {
        let series = bucket * ChunkBody.width + Int32(place)
        return members[its].first { $0.series == series }
    }
}

/// The smallest multiple of `step` that is not below `x`.
private func ceiled(_ x: Int64, _ step: Int64) -> Int64 {
    let below = floored(x, step)
    return below == x ? x : below + step
}

import FireModel

/// Makes one large segment of several small ones, slice by slice: more of a series lies together then and takes less
/// room, and what has many readings an hour gets its roll-ups.
final class Merger {
    private struct Job {
        var inputs: [Segment]
        var output: Segment
        var next: Int32 = 0
        var buckets: Int32
    }

    private let segments: SegmentTable
    private let chunks: ChunkTable
    private let highestSeries: Statement
    private var job: Job?

    /// Small segments that make a large one.
    static let fanIn = 16

    init(
        _ connection: Connection, segments: SegmentTable, damaged: @escaping (String) -> Void
    ) throws(StoreError) {
        self.segments = segments
        chunks = try ChunkTable(connection, level: 6, damaged: damaged)
        highestSeries = try Statement(connection, "SELECT max(id) FROM series")
    }

    var isUnderWay: Bool { job != nil }

    private var candidates: [Segment] {
        let small = segments.segments.filter {
            $0.state == .whole && $0.level == 0 && !segments.growing.contains($0.id)
        }
        return small.count >= Self.fanIn ? Array(small.prefix(Self.fanIn)) : []
    }

    var isDue: Bool { job == nil && !candidates.isEmpty }

    /// Segments that take part must not be removed meanwhile.
    func takesPart(_ id: Int64) -> Bool { job?.inputs.contains { $0.id == id } == true }

    func begin() throws(StoreError) {
        let inputs = candidates
        guard let journal = inputs.map(\.journal).max() else { return }
        defer { highestSeries.reset() }
        let highest = try highestSeries.step() ? highestSeries.int(0) : 0
        let output = try segments.open(level: 1, journal: journal)
        job = Job(inputs: inputs, output: output, buckets: Int32(clamping: highest / Int64(ChunkBody.width) + 1))
    }

    func abandon() { job = nil }

    /// - Parameter cutoff: older readings are past their time and left behind.
    func slice(until deadline: ContinuousClock.Instant, cutoff: Int64) throws(StoreError) -> Sealer.Progress {
        guard var job else { return .finished }
        defer { self.job = job }
        repeat {
            guard job.next < job.buckets else {
                job.output.state = .whole
                try segments.save(job.output)
                for input in job.inputs { try segments.forget(input.id) }
                return .finished
            }
            try merge(job.next, &job, cutoff)
            job.next += 1
        } while ContinuousClock.now < deadline
        return .more
    }

    /// The transaction of the last slice is committed.
    /// - Returns: Those whose rows are nobody's now.
    func finished() -> [Segment] {
        guard let job else { return [] }
        segments.committed(removed: Set(job.inputs.map(\.id)), saved: job.output)
        self.job = nil
        return job.inputs
    }

    private func merge(_ bucket: Int32, _ job: inout Job, _ cutoff: Int64) throws(StoreError) {
        var parts = [[Run]](repeating: [], count: Int(ChunkBody.width))
        for input in job.inputs {
            for one in try chunks.read(Segment.row(input.id, bucket)) { parts[Int(one.place)].append(one.run) }
        }
        var series: [ChunkBody.Series] = []
        var before: (parts: [Run], whole: Run)?
        for place in parts.indices where !parts[place].isEmpty {
            let whole = Self.joined(parts[place], like: before)
            before = (parts[place], whole)
            let kept = whole.dropping(before: cutoff)
            if !kept.isEmpty { series.append(ChunkBody.Series(place: UInt8(place), run: kept)) }
        }
        guard !series.isEmpty else { return }
        try chunks.append(series, bucket: bucket, to: &job.output)
    }

    /// - Parameter other: what another series came to. Metrics that came together have the same times in every part,
    ///   and then share those of the whole too.
    private static func joined(_ parts: [Run], like other: (parts: [Run], whole: Run)?) -> Run {
        guard parts.count > 1 else { return parts[0] }
        guard zip(parts, parts.dropFirst()).allSatisfy({ $0.times[$0.count - 1] < $1.times[0] }) else {
            return parts.dropFirst().reduce(parts[0]) { $0.merged(with: $1) }
        }
        guard let other, other.parts.count == parts.count,
            zip(other.parts, parts).allSatisfy({ $0.times.isSame(as: $1.times) })
        else { return Run(joining: parts) }
        return Run(joining: parts, times: other.whole.times)
    }
}

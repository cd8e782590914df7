import FireModel
import GRDB

/// The raw points of some series as one, oldest first: of one moment in the order of the series, so an event's
/// beginning before its end.
struct PointScan: Sendable {
    private let series: [Int32]
    private var from: Int64
    private let to: Int64
    private(set) var points: [Point] = []
    private(set) var isDone = false

    init(_ series: [Int32], _ range: TimeRange) {
        self.series = series.sorted()
        from = range.from?.milliseconds ?? .min
        to = range.to?.milliseconds ?? .max
        isDone = from >= to
    }

    /// Goes on until there are `limit`, or for about `budget`, within one snapshot. Each stored row is opened once,
    /// and of what it has no more is kept than may be wanted.
    mutating func advance(_ reader: StoreReader, limit: Int, for budget: Duration) throws(StoreError) {
        guard !isDone, points.count < limit else { return isDone = true }
        let (series, from, to, room) = (series, from, to, limit - points.count)
        let found = try reader.history { db, history in
            try Stretch.read(db, history, series, from, to, room, ContinuousClock.now + budget)
        }
        points += found.points.prefix(room).map { Point(at: Timestamp($0.at), value: $0.value) }
        if let next = found.next, points.count < limit { self.from = next } else { isDone = true }
    }

    /// What one snapshot gives.
    private struct Stretch {
        struct Tagged {
            var at: Int64
            var series: Int32
            var value: Value
            func precedes(_ other: Tagged) -> Bool { (at, series) < (other.at, other.series) }
        }
        var points: [Tagged] = []
        /// What lies behind is not looked at; it sinks as there are enough before.
        var end: Int64
        let room: Int
        var next: Int64?

        static func read(
            _ db: Database, _ history: History, _ series: [Int32], _ from: Int64, _ to: Int64, _ room: Int,
            _ deadline: ContinuousClock.Instant
        ) throws -> Stretch {
            var stretch = Stretch(end: to, room: room)
            for one in series {
                stretch.add(
                    try history.recent { $0.samples(one, from: from, to: to) }.map {
                        Tagged(at: $0.at, series: one, value: $0.value)
                    })
            }
            let buckets = History.buckets(series)
            for segment in try History.segments(db, from, to) {
                guard segment.least < stretch.end else { break }
                // Those that follow begin no earlier: what lies before this one is complete.
                if segment.least > from, ContinuousClock.now >= deadline {
                    stretch.end = segment.least
                    stretch.next = segment.least
                    stretch.points.removeAll { $0.at >= segment.least }
                    break
                }
                for (bucket, places) in buckets {
                    let wanted = places.reduce(UInt32(0)) { $0 | 1 << UInt32(series[$1] % ChunkBody.width) }
                    for one in try history.chunk(db, Segment.row(segment.id, bucket), wanted) {
                        let (its, run) = (bucket * ChunkBody.width + Int32(one.place), one.run)
                        stretch.add(
                            run.range(from, stretch.end).map {
                                Tagged(at: run.times[$0], series: its, value: run.values[$0])
                            })
                    }
                }
            }
            return stretch
        }

        mutating func add(_ more: [Tagged]) {
            guard let first = more.first else { return }
            if points.last?.precedes(first) != false {
                points += more
            } else {
                var all: [Tagged] = []
                all.reserveCapacity(points.count + more.count)
                var rest = more[...]
                for point in points {
                    while let next = rest.first, next.precedes(point) {
                        all.append(next)
                        rest.removeFirst()
                    }
                    all.append(point)
                }
                points = all + rest
            }
            guard points.count > room else { return }
            points.removeSubrange(room...)
            // Of another series there may be one at the same moment that precedes.
            if let last = points.last { end = min(end, last.at + 1) }
        }
    }
}

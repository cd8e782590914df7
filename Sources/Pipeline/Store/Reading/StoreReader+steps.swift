import FireModel
import GRDB

/// What each step of time of each group of series comes to.
struct StepTable {
    fileprivate(set) var groups: [[Int64: Rollup]]

    func steps(_ group: Int, _ function: ReadingQuery.Function, limit: Int) -> [Point] {
        Array(
            groups[group].sorted { $0.key < $1.key }.lazy.compactMap { start, rollup in
                rollup.value(function).map { Point(at: Timestamp(start), value: $0) }
            }.prefix(limit))
    }
}

extension StoreReader {
    /// Steps begin at multiples of their length since 1970; empty ones are left out.
    ///
    /// Where a step is made of whole hours, roll-ups answer for the hours that lie wholly in the range; they add up to
    /// exactly what the readings would. Everything else is counted reading by reading.
    func steps(_ groups: [[Int32]], _ range: TimeRange, _ step: Int64) throws(StoreError) -> StepTable {
        var table = StepTable(groups: groups.map { _ in [:] })
        let series = groups.flatMap { $0 }
        let groupOf = groups.indices.flatMap { group in groups[group].map { _ in group } }
        let from = range.from?.milliseconds ?? .min
        let to = range.to?.milliseconds ?? .max
        guard step % RollupBody.hour == 0 else {
            try addReadings(series, groupOf, step, from, to, to: &table)
            return table
        }
        let firstHour = from == .min ? from : ceiled(from, RollupBody.hour)
        let lastHour = to == .max ? to : floored(to, RollupBody.hour)
        guard firstHour < lastHour else {
            try addReadings(series, groupOf, step, from, to, to: &table)
            return table
        }
        try addReadings(series, groupOf, step, from, firstHour, to: &table)
        try addHours(series, groupOf, step, firstHour, lastHour, to: &table)
        try addReadings(series, groupOf, step, lastHour, to, to: &table)
        return table
    }

    private func addReadings(
        _ series: [Int32], _ groupOf: [Int], _ step: Int64, _ from: Int64, _ to: Int64, to table: inout StepTable
    ) throws(StoreError) {
        guard from < to else { return }
        var scan = WindowScan(
            TimeRange(from: from == .min ? nil : Timestamp(from), to: to == .max ? nil : Timestamp(to)))
        while let window = try scan.next(self, series) {
            for (index, samples) in window.enumerated() { table.add(samples, step, group: groupOf[index]) }
        }
    }

    /// Roll-ups of segments that have them, readings of the rest and of the heads, all within one snapshot.
    private func addHours(
        _ series: [Int32], _ groupOf: [Int], _ step: Int64, _ from: Int64, _ to: Int64, to table: inout StepTable
    ) throws(StoreError) {
        let before = table
        table = try history { db, history in
            var table = before
            let rolled = try History.segments(db, from, to, rolled: true).filter { $0.level > 0 }
            for segment in rolled {
                for (bucket, wanted) in History.buckets(series) {
                    let mask = wanted.reduce(UInt32(0)) { $0 | 1 << UInt32(series[$1] % ChunkBody.width) }
                    for one in try history.rollup(db, Segment.row(segment.id, bucket), mask) {
                        let itsSeries = bucket * ChunkBody.width + Int32(one.place)
                        for index in wanted where series[index] == itsSeries {
                            table.add(one.hours, step, from, to, group: groupOf[index])
                        }
                    }
                }
            }
            var next: Int64? = from
            while let start = next {
                let window = try history.window(db, series, from: start, to: to, exceptLevel: 1)
                for (index, samples) in window.samples.enumerated() {
                    table.add(samples, step, group: groupOf[index])
                }
                next = window.next
            }
            return table
        }
    }
}

extension StepTable {
    fileprivate mutating func add(_ samples: [Sample], _ step: Int64, group: Int) {
        var start = Int64.min
        var rollup = Rollup()
        for sample in samples {
            let own = floored(sample.at, step)
            if own != start {
                merge(rollup, start, group)
                start = own
                rollup = Rollup()
            }
            rollup.add(sample)
        }
        merge(rollup, start, group)
    }

    fileprivate mutating func add(_ hours: [RollupBody.Hour], _ step: Int64, _ from: Int64, _ to: Int64, group: Int) {
        for hour in hours {
            let start = hour.number * RollupBody.hour
            guard start >= from, start < to else { continue }
            merge(hour.rollup, floored(start, step), group)
        }
    }

    private mutating func merge(_ rollup: Rollup, _ start: Int64, _ group: Int) {
        guard rollup.count > 0 else { return }
        groups[group][start, default: Rollup()].add(rollup)
    }
}

/// The smallest multiple of `step` that is not below `x`.
private func ceiled(_ x: Int64, _ step: Int64) -> Int64 {
    let below = floored(x, step)
    return below == x ? x : below + step
}

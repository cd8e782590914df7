import FireModel
import GRDB

extension StoreReader {
    /// Work within one snapshot.
    static let stretch = Duration.milliseconds(50)

    /// Where in time something is stored, within a range; `nil`: nowhere. Of the range it is only cut by whole hours,
    /// which roll-ups answer whether or not the first and the last are full.
    func bounds(_ range: TimeRange) throws(StoreError) -> Range<Int64>? {
        let stored = try history { db, history -> Range<Int64>? in
            let row = try Row.fetchOne(
                db.cachedStatement(
                    sql: "SELECT min(least), max(most) FROM segment WHERE state <> 'open' AND readings > 0"))
            let heads = try history.recent(\.bounds)
            let least = [row?[0] as Int64?, heads?.lowerBound].compactMap { $0 }.min()
            let most = [row?[1] as Int64?, heads?.upperBound].compactMap { $0 }.max()
            guard let least, let most else { return nil }
            return floored(least, RollupBody.hour)..<floored(most, RollupBody.hour) + RollupBody.hour
        }
        guard let stored else { return nil }
        let from = max(stored.lowerBound, range.from?.milliseconds ?? .min)
        let to = min(stored.upperBound, range.to?.milliseconds ?? .max)
        return from < to ? from..<to : nil
    }

    /// Steps of one group that are counted at once.
    private static let stepsAtOnce = 65_536

    /// The steps of some series as one, oldest first, at most `limit`; empty ones are left out.
    func steps(
        _ series: [Int32], _ range: TimeRange, _ step: Int64, _ function: ReadingQuery.Function, limit: Int
    ) throws(StoreError) -> [Point] {
        guard let bounds = try bounds(range) else { return [] }
        switch function {
        case .first, .last: return try steps(Ends.self, series, bounds, step, function, limit)
        case .avg, .min, .max, .sum, .count: return try steps(Tally.self, series, bounds, step, function, limit)
        }
    }

    private func steps<Slot: StepSlot & Sendable>(
        _: Slot.Type, _ series: [Int32], _ bounds: Range<Int64>, _ step: Int64, _ function: ReadingQuery.Function,
        _ limit: Int
    ) throws(StoreError) -> [Point] {
        var points: [Point] = []
        var from = bounds.lowerBound
        while from < bounds.upperBound, points.count < limit {
            let span = StepSpan(from: from, to: bounds.upperBound, length: step).prefix(Self.stepsAtOnce)
            var scan = StepScan<Slot>(span, groups: [series])
            while !scan.isDone { try scan.advance(self, for: Self.stretch) }
            points += scan.table.points(0, function, limit: limit - points.count)
            from = span.to
        }
        return points
    }
}

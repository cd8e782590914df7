import FireModel
import Foundation
import GRDB

extension StoreReader {
    /// What was kept of a judged alarm; `nil`: nothing.
    public func context(of alarm: String) throws(StoreError) -> [VerdictContext.Series]? {
        let body = try read { db in
            try String.fetchOne(db, sql: "SELECT body FROM verdict_context WHERE alarm = ?", arguments: [alarm])
        }
        guard let body else { return nil }
        do {
            return try JSONDecoder().decode([VerdictContext.Series].self, from: Data(body.utf8))
        } catch {
            throw .corrupt("the context of an alarm cannot be read: \(error)")
        }
    }

    /// What is stored around the raise of an alarm, of its device and component.
    public func surroundings(of alarm: Alarm) throws(StoreError) -> VerdictContext {
        let range = TimeRange(
            from: alarm.raisedAt + -VerdictContext.before.wholeMilliseconds,
            to: alarm.raisedAt + VerdictContext.after.wholeMilliseconds + 1)
        var context = VerdictContext(alarm: alarm.id, series: [])
        for its in try series(device: alarm.device.id) where its.component == alarm.component {
            var query = ReadingQuery(device: alarm.device.id, component: its.component, metric: its.metric)
            query.range = range
            query.limit = .max
            guard let points = try readings(query), !points.isEmpty else { continue }
            context.series.append(
                VerdictContext.Series(
                    component: its.component, metric: its.metric, points: Self.nearest(points, to: alarm.raisedAt)))
        }
        return context
    }

    /// Of too many points, those nearest to a moment.
    private static func nearest(_ points: [Point], to time: Timestamp) -> [Point] {
        var kept = points[...]
        while kept.count > VerdictContext.mostPoints, let first = kept.first, let last = kept.last {
            if time - first.at > last.at - time { kept.removeFirst() } else { kept.removeLast() }
        }
        return Array(kept)
    }
}

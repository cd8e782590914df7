import FireModel
import Foundation

/// A rule's schedule by the clock of its zone.
struct ScheduleClock: Sendable {
    let schedule: RuleSchedule
    /// Milliseconds; one further away than this is looked for again.
    static let furthestTurn: Int64 = 8 * 86_400_000 + 60_000
    private let zone: TimeZone

    /// - Parameter schedule: one of a zone that is not known counts as UTC; the configuration refuses it before.
    init(_ schedule: RuleSchedule) {
        self.schedule = schedule
        zone = TimeZone(identifier: schedule.zone) ?? .gmt
    }

    func isActive(at time: Timestamp) -> Bool {
        guard !schedule.active.isEmpty else { return true }
        let (day, minute) = local(time)
        return schedule.active.contains { $0.contains(day: day, minute: minute) }
    }

    func severity(at time: Timestamp) -> AlarmSeverity? {
        guard !schedule.severities.isEmpty else { return nil }
        let (day, minute) = local(time)
        return schedule.severities.first { $0.period.contains(day: day, minute: minute) }?.severity
    }

    /// The first whole minute after `time` at which it is switched on or off, within the next eight days; else the end
    /// of these days, to look again.
    func nextTurn(after time: Timestamp) -> Timestamp {
        let now = isActive(at: time)
        var at = Timestamp(milliseconds: (time.milliseconds / 60_000 + 1) * 60_000)
        let end = time + 8 * 86_400_000
        // Periods begin and end at whole minutes that they name; only those need a look.
        let edges = Set(schedule.active.flatMap { [$0.from % 1440, $0.to % 1440, 0] })
        while at < end {
            let minute = local(at).minute
            // A change of the clock is at a full hour, and may leap over an edge.
            if minute % 60 == 0 || edges.contains(minute), isActive(at: at) != now { return at }
            at = at + 60_000
        }
        return end
    }

    private func local(_ time: Timestamp) -> (day: Int, minute: Int) {
        let seconds = Int((Double(time.milliseconds) / 1000).rounded(.down))
        let there = seconds + zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds)))
        let day = Int((Double(there) / 86_400).rounded(.down))
        return (day, (there - day * 86_400) / 60)
    }
}

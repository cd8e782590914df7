import FireModel
import FireSettings

/// What a reload would do to the rules, for people.
struct RuleDifferenceText {
    var difference: RuleDifference
    /// Active alarms of each rule; `nil`: the database cannot be read.
    var active: [String: Int]?

    var text: String {
        var lines = ["rules since the last accepted configuration: \(difference.summary)"]
        for id in difference.added { lines.append("new        \(id)") }
        for id in difference.removed {
            lines.append("gone       \(id): \(alarms(of: id)) until an operator ends them")
        }
        for change in difference.changed {
            lines.append("changed    \(change.id): \(consequence(of: change))")
            for key in change.keys {
                lines.append("             \(key.name): \(key.old ?? "not said") → \(key.new ?? "not said")")
            }
        }
        if !difference.unchanged.isEmpty {
            lines.append("unchanged  \(difference.unchanged.count): timers, windows and alarms go on")
        }
        if difference.isEmpty { lines.append("a reload changes no rule") }
        if active == nil, !difference.removed.isEmpty || !difference.changed.isEmpty {
            lines.append("how many alarms are active is not known: the database cannot be read")
        }
        return lines.map { printable($0) + "\n" }.joined()
    }

    private func alarms(of id: String) -> String {
        guard let active else { return "its active alarms stand" }
        switch active[id] ?? 0 {
        case 0: return "no alarm of it is active; any that is raised before the reload stands"
        case 1: return "1 active alarm stands"
        case let count: return "\(count) active alarms stand"
        }
    }

    private func consequence(of change: RuleDifference.Change) -> String {
        let count = active.map { its in
            let count = its[change.id] ?? 0
            return count == 0 ? "no active alarm" : "\(count) active alarm\(count == 1 ? "" : "s")"
        }
        let alarms =
            change.keepsAlarms
            ? "\(count ?? "active alarms") kept"
            : "\(count ?? "active alarms") left standing, as it looks at other metrics"
        return alarms + (change.beginsAnew ? ", windows begin anew" : ", timers go on")
    }
}

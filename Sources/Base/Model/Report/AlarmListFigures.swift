/// The list of alarms as those see it who have to answer to it, each figure beside what is acceptable
/// (ISA-18.2, EEMUA 191).
public struct AlarmListFigures: Sendable, Equatable {
    public struct Figure: Sendable, Equatable {
        /// A word of the API.
        public var name: String
        public var value: Double
        /// What is acceptable, for people.
        public var acceptable: String
        public var isAcceptable: Bool
    }

    public struct Frequent: Sendable, Equatable {
        public var rule: String
        public var device: String
        public var component: String?
        public var count: Int
    }

    public var alarms: Int
    public var figures: [Figure] = []
    /// The ten most frequent, the first the most.
    public var top: [Frequent] = []

    static let interval: Int64 = 600_000
    static let floodBegins = 10
    static let floodEnds = 5
    static let topCount = 10

    /// - Parameter rows: ascending by when they were received.
    init(_ rows: [AlarmRow], from: Timestamp, to: Timestamp, operators: Int) {
        alarms = rows.count
        let span = max(to - from, 1)
        let perHour = Double(rows.count) * 3_600_000 / Double(span) / Double(operators)
        add("alarms_per_hour_and_operator", perHour, "about 6, at most 12", perHour <= 12)
        add("alarms_per_10_minutes_and_operator", perHour / 6, "about 1, at most 2", perHour <= 12)

        let counts = Self.counts(rows, from, span)
        let intervals = Double(max(1, (span + Self.interval - 1) / Self.interval))
        let busy = Double(counts.values.count { $0 > Self.floodBegins }) / intervals
        add("share_of_10_minutes_with_more_than_10", busy, "less than 0.01", busy < 0.01)
        let floods = Self.floods(counts)
        add("floods", Double(floods.count), "0", floods.count == 0)
        let inFlood = Double(floods.intervals) / intervals
        add("share_of_time_in_flood", inFlood, "less than 0.01", inFlood < 0.01)

        top = Self.top(rows)
        let share = Self.share(top.reduce(0) { $0 + $1.count }, rows.count)
        add("share_of_top_10", share, "less than 0.05", share < 0.05)
        let stale = rows.count { ($0.clearedAt ?? to) - $0.raisedAt > RuleFigures.staleAbove }
        let stalePerDay = Double(stale) * 86_400_000 / Double(max(span, 86_400_000))
        add("stale_per_day", stalePerDay, "less than 5", stalePerDay < 5)
        addShares(rows)
    }

    private mutating func addShares(_ rows: [AlarmRow]) {
        func share(_ severities: AlarmSeverity...) -> Double {
            Self.share(rows.count { severities.contains($0.severity) }, rows.count)
        }
        let highest = share(.critical)
        add("share_critical", highest, "less than 0.01", highest < 0.01)
        let high = share(.critical, .major)
        add("share_high", high, "about 0.05 (critical and major)", high <= 0.1)
        let medium = share(.minor)
        add("share_medium", medium, "about 0.15 (minor)", medium <= 0.25)
        let low = share(.warning, .info)
        add("share_low", low, "about 0.8 (warning and info)", low >= 0.7 || rows.isEmpty)
    }

    private mutating func add(_ name: String, _ value: Double, _ acceptable: String, _ isAcceptable: Bool) {
        figures.append(Figure(name: name, value: value, acceptable: acceptable, isAcceptable: isAcceptable))
    }

    private static func share(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }

    /// Alarms of each stretch of ten minutes from `from` on; those with none are left out.
    private static func counts(_ rows: [AlarmRow], _ from: Timestamp, _ span: Int64) -> [Int64: Int] {
        var counts: [Int64: Int] = [:]
        for row in rows where row.receivedAt - from >= 0 && row.receivedAt - from < span {
            counts[(row.receivedAt - from) / interval, default: 0] += 1
        }
        return counts
    }

    /// A flood begins with a stretch of more than ten alarms, and is over with the next of fewer than five.
    static func floods(_ counts: [Int64: Int]) -> (count: Int, intervals: Int64) {
        var found: (count: Int, intervals: Int64) = (0, 0)
        var last: Int64?
        for (interval, count) in counts.sorted(by: { $0.key < $1.key }) {
            let goesOn = last.map { $0 + 1 == interval } ?? false
            if goesOn, count >= floodEnds {
                found.intervals += 1
                last = interval
            } else if count > floodBegins {
                found.count += 1
                found.intervals += 1
                last = interval
            } else {
                last = nil
            }
        }
        return found
    }

    private static func top(_ rows: [AlarmRow]) -> [Frequent] {
        var counts: [AlarmRow.Key: Int] = [:]
        for row in rows { counts[row.key, default: 0] += 1 }
        return counts.map { key, count in
            Frequent(rule: key.rule, device: key.device, component: key.component, count: count)
        }.sorted {
            ($1.count, $0.rule, $0.device, $0.component ?? "") < ($0.count, $1.rule, $1.device, $1.component ?? "")
        }.prefix(topCount).map(\.self)
    }
}

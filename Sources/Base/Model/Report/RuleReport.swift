/// How rules did: what people judged of their alarms, and how the list of alarms measures up to what one operator can
/// take (ISA-18.2, IEC 62682, EEMUA 191).
public struct RuleReport: Sendable, Equatable {
    public enum Grouping: String, Sendable, CaseIterable { case rule, device }

    public var from: Timestamp
    public var to: Timestamp
    public var operators: Int
    public var groups: [RuleFigures]
    public var list: AlarmListFigures
    /// What is to be known before anything is concluded from it, for people.
    public var warnings: [String]

    /// Months differ from week to week; the standards want as much before a figure is believed.
    public static let leastDays: Int64 = 30

    /// - Parameters:
    ///   - rows: alarms received within the time.
    ///   - from: absent: that of the first of them.
    ///   - operators: who share the alarms.
    public init(
        _ rows: [AlarmRow], from: Timestamp?, to: Timestamp, by grouping: Grouping = .rule, operators: Int = 1
    ) {
        let rows = rows.sorted { ($0.receivedAt, $0.raisedAt) < ($1.receivedAt, $1.raisedAt) }
        self.from = min(from ?? rows.first?.receivedAt ?? to, to)
        self.to = to
        self.operators = max(operators, 1)
        groups = Self.groups(rows, grouping, now: to)
        list = AlarmListFigures(rows, from: self.from, to: to, operators: self.operators)
        warnings = []
        if to - self.from < Self.leastDays * 86_400_000 {
            warnings.append(
                "the time is shorter than \(Self.leastDays) days: too little for these figures to be believed")
        }
    }

    private static func groups(_ rows: [AlarmRow], _ grouping: Grouping, now: Timestamp) -> [RuleFigures] {
        struct Group: Hashable {
            var rule: String
            var device: String?
        }
        let members = Dictionary(grouping: rows) {
            Group(rule: $0.rule, device: grouping == .device ? $0.device : nil)
        }
        return members.map { RuleFigures($0.key.rule, device: $0.key.device, $0.value, now: now) }.sorted {
            ($1.raised, $0.rule, $0.device ?? "") < ($0.raised, $1.rule, $1.device ?? "")
        }
    }
}

/// One rule, or one rule on one device.
public struct RuleFigures: Sendable, Equatable {
    public var rule: String
    public var device: String?
    public var raised = 0
    /// `true_fire` and `true_alarm`.
    public var judgedTrue = 0
    public var judgedFalse = 0
    /// `test`, `drill`, and what was raised during a drill.
    public var tests = 0
    /// No verdict, or one that leaves it open.
    public var unjudged = 0
    /// Of those judged true or false, how many were true; `nil`: none was judged.
    public var precision: Double?
    /// From when it was received to when somebody acknowledged it; `nil`: nobody ever did.
    public var acknowledgedMedian: Duration?
    public var acknowledgedP90: Duration?
    /// Keys raised three times within a minute, or more than five times within five.
    public var chattering = 0
    /// Over within ten seconds.
    public var fleeting = 0
    /// Active for more than a day.
    public var stale = 0

    static let fleetingBelow: Int64 = 10_000
    static let staleAbove: Int64 = 86_400_000

    /// - Parameter now: up to when an alarm counts that is still active.
    init(_ rule: String, device: String?, _ rows: [AlarmRow], now: Timestamp) {
        self.rule = rule
        self.device = device
        raised = rows.count
        var waits: [Int64] = []
        for row in rows {
            count(row)
            if let at = row.acknowledgedAt { waits.append(max(0, at - row.receivedAt)) }
            if let end = row.clearedAt, end - row.raisedAt < Self.fleetingBelow { fleeting += 1 }
            if (row.clearedAt ?? now) - row.raisedAt > Self.staleAbove { stale += 1 }
        }
        if judgedTrue + judgedFalse > 0 { precision = Double(judgedTrue) / Double(judgedTrue + judgedFalse) }
        waits.sort()
        acknowledgedMedian = Self.quantile(waits, 0.5)
        acknowledgedP90 = Self.quantile(waits, 0.9)
        chattering = Dictionary(grouping: rows, by: \.key).values.count { Self.isChattering($0.map(\.raisedAt)) }
    }

    private mutating func count(_ row: AlarmRow) {
        if row.isDrill || row.verdict == .test || row.verdict == .drill {
            tests += 1
        } else if let isTrue = row.verdict?.isTrue {
            if isTrue { judgedTrue += 1 } else { judgedFalse += 1 }
        } else {
            unjudged += 1
        }
    }

    /// The smallest value that so large a share does not exceed.
    static func quantile(_ sorted: [Int64], _ share: Double) -> Duration? {
        guard !sorted.isEmpty else { return nil }
        let place = Int((share * Double(sorted.count)).rounded(.up)) - 1
        return .milliseconds(sorted[min(max(place, 0), sorted.count - 1)])
    }

    static func isChattering(_ raises: [Timestamp]) -> Bool {
        let times = raises.sorted()
        return has(3, of: times, within: 60_000) || has(6, of: times, within: 300_000)
    }

    private static func has(_ count: Int, of times: [Timestamp], within span: Int64) -> Bool {
        guard times.count >= count else { return false }
        return (count - 1..<times.count).contains { times[$0] - times[$0 - count + 1] <= span }
    }
}

import FireModel

/// An alarm that rules would have raised; or one that they have, to be held against those.
public struct BacktestAlarm: Sendable, Equatable {
    public var rule: String
    public var category: AlarmCategory
    public var severity: AlarmSeverity
    public var device: String
    public var component: String?
    public var metric: String?
    public var value: Value?
    public var unit: String?
    public var raisedAt: Timestamp
    /// `nil`: it is still active at the end.
    public var clearedAt: Timestamp?

    public init(_ alarm: Alarm) {
        rule = alarm.rule
        category = alarm.category
        severity = alarm.severity
        device = alarm.device.id
        component = alarm.component
        metric = alarm.metric
        value = alarm.value
        unit = alarm.unit
        raisedAt = alarm.raisedAt
        clearedAt = alarm.clearedAt
    }
}

/// What some rules would have raised.
public struct BacktestOutcome: Sendable {
    /// In the order in which they were raised.
    public var alarms: [BacktestAlarm] = []
    public var from: Timestamp
    public var to: Timestamp

    public init(from: Timestamp, to: Timestamp) {
        self.from = from
        self.to = to
    }

    /// One rule in figures.
    public struct Figures: Sendable, Equatable {
        public var rule: String
        public var alarms = 0
        public var devices = 0
        public var first: Timestamp?
        public var last: Timestamp?
        /// Of all its alarms together, up to the end.
        public var active = Duration.zero
        public var stillActive = 0
    }

    /// Of each rule that is named, also of one that raised nothing, and then of what is built in, if it raised.
    public func figures(of rules: [String]) -> [Figures] {
        let byRule = Dictionary(grouping: alarms, by: \.rule)
        var names: [String] = []
        for rule in rules + byRule.keys.sorted() where !names.contains(rule) { names.append(rule) }
        return names.map { rule in
            var figures = Figures(rule: rule)
            let its = byRule[rule] ?? []
            figures.alarms = its.count
            figures.devices = Set(its.map(\.device)).count
            figures.first = its.map(\.raisedAt).min()
            figures.last = its.map(\.raisedAt).max()
            figures.stillActive = its.count { $0.clearedAt == nil }
            figures.active = .milliseconds(its.reduce(0) { $0 + max(0, ($1.clearedAt ?? to) - $1.raisedAt) })
            return figures
        }
    }
}

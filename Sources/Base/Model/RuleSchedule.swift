/// When a rule is in force, and how severe it is then, by the clock of a time zone.
public struct RuleSchedule: Sendable, Equatable, Codable {
    /// In one of them it is in force; empty: always. An alarm that is active when they end goes on until its condition
    /// ends; one whose condition holds when they begin is raised then.
    public var active: [Period]
    /// What it is raised with in such a period; the first that matches counts.
    public var severities: [ScheduledSeverity]
    /// IANA name, such as `Asia/Shanghai`.
    public var zone: String

    public init(active: [Period] = [], severities: [ScheduledSeverity] = [], zone: String) {
        self.active = active
        self.severities = severities
        self.zone = zone
    }
}

public struct ScheduledSeverity: Sendable, Equatable, Codable {
    public var period: Period
    public var severity: AlarmSeverity

    public init(period: Period, severity: AlarmSeverity) {
        self.period = period
        self.severity = severity
    }
}

/// Hours of some days: `{ hours: 22:00-06:00, weekdays: [mon, tue], holidays: [spring-festival] }`.
public struct Period: Sendable, Equatable, Codable {
    /// Minutes since midnight, 0 to 1440, the end not included. An end before the beginning is on the next day; the
    /// day is that of the beginning. Equal: the whole day.
    public var from: Int
    public var to: Int
    /// ISO 8601, 1 is Monday; empty: all.
    public var weekdays: [Int]
    /// Only on these days; empty: on all.
    public var holidays: [Days]
    /// Not on these days.
    public var exceptHolidays: [Days]

    public init(
        from: Int = 0, to: Int = 1440, weekdays: [Int] = [], holidays: [Days] = [], exceptHolidays: [Days] = []
    ) {
        self.from = from
        self.to = to
        self.weekdays = weekdays
        self.holidays = holidays
        self.exceptHolidays = exceptHolidays
    }

    /// Days since 1970-01-01 of the zone's calendar, both included.
    public struct Days: Sendable, Equatable, Codable {
        public var first: Int
        public var last: Int

        public init(first: Int, last: Int) {
            self.first = first
            self.last = last
        }

        public func contains(_ day: Int) -> Bool { first <= day && day <= last }
    }

    /// - Parameters:
    ///   - day: since 1970-01-01.
    ///   - minute: of that day.
    public func contains(day: Int, minute: Int) -> Bool {
        if from < to { return isOn(day) && from <= minute && minute < to }
        if from == to { return isOn(day) }
        return (minute >= from && isOn(day)) || (minute < to && isOn(day - 1))
    }

    private func isOn(_ day: Int) -> Bool {
        // 1970-01-01 was a Thursday.
        let weekday = ((day % 7 + 7) % 7 + 3) % 7 + 1
        return (weekdays.isEmpty || weekdays.contains(weekday))
            && (holidays.isEmpty || holidays.contains { $0.contains(day) })
            && !exceptHolidays.contains { $0.contains(day) }
    }
}

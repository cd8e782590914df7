import FireModel

/// Reads `schedule: { active: [ { hours: 22:00-06:00, weekdays: [mon], holidays: […] } ], severity: [ … ] }`.
struct ScheduleReader {
    let names: RuleNames
    /// IANA name.
    let timeZone: String

    private static let weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

    func schedule(_ field: Field) -> RuleSchedule? {
        field.mapping { section -> RuleSchedule? in
            let active = (section["active"]?.elements(expected: "a list of periods") ?? []).map { field in
                field.mapping { period($0, beside: []) }
            }
            let severities = (section["severity"]?.elements(expected: "a list of periods") ?? []).map { field in
                field.mapping { section -> ScheduledSeverity? in
                    let severity = section.required("set", Form<AlarmSeverity>.word)
                    guard let period = period(section, beside: ["set"]), let severity else { return nil }
                    return ScheduledSeverity(period: period, severity: severity)
                }
            }
            if active.isEmpty, severities.isEmpty {
                field.complain(found: "a schedule without a period", expected: "active: […], severity: […], or both")
                return nil
            }
            guard let active = all(active), let severities = all(severities) else { return nil }
            return RuleSchedule(active: active, severities: severities, zone: timeZone)
        }
    }

    private func period(_ section: Section, beside others: [String]) -> Period? {
        var period = Period()
        var isSound = true
        let keys = ["hours", "weekdays", "holidays", "except_holidays"]
        if let field = section["hours"] {
            if let (from, to) = field.read(.hours) { (period.from, period.to) = (from, to) } else { isSound = false }
        }
        if let field = section["weekdays"] {
            let form = Form("one of " + Self.weekdays.joined(separator: ", ")) { Self.weekdays.firstIndex(of: $0) }
            if let days = field.list(form) { period.weekdays = days.map { $0 + 1 } } else { isSound = false }
        }
        if let field = section["holidays"] {
            if let days = names.holidays(named: field) { period.holidays = days } else { isSound = false }
        }
        if let field = section["except_holidays"] {
            if let days = names.holidays(named: field) { period.exceptHolidays = days } else { isSound = false }
        }
        guard isSound else { return nil }
        if keys.allSatisfy({ section[$0] == nil }) {
            section.field.complain(
                found: "a period that is always", expected: "one or more of " + keys.joined(separator: ", "))
            return nil
        }
        let isNever =
            !period.holidays.isEmpty
            && period.holidays.allSatisfy { days in
                (days.first...days.last).allSatisfy { day in period.exceptHolidays.contains { $0.contains(day) } }
            }
        if isNever {
            section.field.complain(found: "holidays that are all excepted", expected: "a period that can come")
            return nil
        }
        return period
    }
}

extension Form where T == (Int, Int) {
    /// Minutes since midnight.
    static var hours: Form {
        Form("hours such as 08:00-18:00 or 22:00-06:00") { text in
            let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { minute(String($0)) }
            guard ends.count == 2, let from = ends[0], let to = ends[1], from < 1440 else { return nil }
            return (from, to)
        }
    }
}

private func minute(_ text: String) -> Int? {
    guard let match = text.wholeMatch(of: /(\d{2}):(\d{2})/), let hour = Int(match.1), let minute = Int(match.2),
        minute < 60, hour * 60 + minute <= 1440
    else { return nil }
    return hour * 60 + minute
}

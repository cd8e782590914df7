import FireModel

// Rules in the words of a rules file, to show what has changed of one.
extension RuleDefinition {
    /// Its keys with their values; what is not said is not in it.
    var words: [(key: String, value: String)] {
        var words: [(String, String)] = [
            ("kinds", list(kinds)), ("category", category.rawValue), ("severity", severity.rawValue),
            ("title", "{ zh: \(title.zh), en: \(title.en) }"), ("when", when.words),
        ]
        words += selector.words
        if let clear { words.append(("clear", clear.words)) }
        if let repeats { words.append(("repeats", "\(repeats.count) of \(repeats.of)")) }
        if holdFor != .zero { words.append(("for", holdFor.firesense)) }
        if clearFor != .zero { words.append(("clear_for", clearFor.firesense)) }
        if latch, category != .fire { words.append(("latch", "true")) }
        if let schedule { words.append(("schedule", schedule.words)) }
        if !overrides.isEmpty { words.append(("overrides", list(overrides.map(\.words)))) }
        if !inhibits.isEmpty { words.append(("inhibits", list(inhibits.map(\.words)))) }
        if !escalation.isEmpty { words.append(("escalate", list(escalation.map(\.words)))) }
        if let replaces { words.append(("replaces", replaces)) }
        return words
    }
}

private func list(_ elements: [String]) -> String { "[" + elements.joined(separator: ", ") + "]" }

private func mapping(_ words: [(String, String)]) -> String {
    "{ " + words.map { "\($0.0): \($0.1)" }.joined(separator: ", ") + " }"
}

extension DeviceSelector {
    fileprivate var words: [(String, String)] {
        [("areas", areas), ("devices", devices), ("groups", groups.map(\.words))].filter { !$0.1.isEmpty }.map {
            ($0.0, list($0.1))
        }
    }
}

extension DeviceGroup {
    /// With what it stands for: that may change while the name stays.
    fileprivate var words: String {
        "\(name) "
            + mapping([("areas", areas), ("devices", devices)].filter { !$0.1.isEmpty }.map { ($0.0, list($0.1)) })
    }
}

extension Condition {
    var words: String {
        switch self {
        case .term(let term): mapping(term.words)
        case .all(let parts): "{ all: \(list(parts.map(\.words))) }"
        case .any(let parts): "{ any: \(list(parts.map(\.words))) }"
        case .not(let part): "{ not: \(part.words) }"
        case .coincidence(let it):
            mapping([
                ("devices", "\(it.devices)"), ("in", it.place.words), ("within", it.within.firesense),
                ("of", it.of.words),
            ])
        case .silent(.duration(let duration)): "{ silent: \(duration.firesense) }"
        case .silent(.intervals(let number)): "{ silent: \(shortest(number))x }"
        }
    }
}

extension Condition.Coincidence.Place {
    fileprivate var words: String {
        switch self {
        case .area: "area"
        case .site: "site"
        case .groups(let groups): list(groups.map(\.words))
        }
    }
}

extension Condition.Term {
    fileprivate var words: [(String, String)] {
        var words: [(String, String)]
        switch subject {
        case .metrics(let names): words = names.count == 1 ? [("metric", names[0])] : [("metrics", list(names))]
        case .events(let names): return [("event", names.count == 1 ? names[0] : list(names))]
        }
        if let name = measure.name {
            let key = if case .deviation = measure { "learned" } else { "over" }
            words += [("fn", name), (key, measure.window.firesense)]
        }
        return words + [test.words]
    }
}

extension Condition.Test {
    fileprivate var words: (String, String) {
        switch self {
        case .above(let x): ("above", shortest(x))
        case .below(let x): ("below", shortest(x))
        case .atLeast(let x): ("at_least", shortest(x))
        case .atMost(let x): ("at_most", shortest(x))
        case .between(let range): ("between", list([shortest(range.lowerBound), shortest(range.upperBound)]))
        case .outside(let range): ("outside", list([shortest(range.lowerBound), shortest(range.upperBound)]))
        case .equals(let value): ("equals", value.description)
        case .oneOf(let values): ("one_of", list(values.map(\.description)))
        case .changed: ("changed", "true")
        case .reported: ("reported", "true")
        }
    }
}

extension RuleSchedule {
    fileprivate var words: String {
        var words: [(String, String)] = []
        if !active.isEmpty { words.append(("active", list(active.map { mapping($0.words) }))) }
        if !severities.isEmpty {
            words.append(
                ("severity", list(severities.map { mapping($0.period.words + [("set", $0.severity.rawValue)]) })))
        }
        return mapping(words + [("time_zone", zone)])
    }
}

extension Period {
    fileprivate var words: [(String, String)] {
        var words: [(String, String)] = []
        if (from, to) != (0, 1440) { words.append(("hours", "\(clock(from))-\(clock(to))")) }
        if !weekdays.isEmpty { words.append(("weekdays", list(weekdays.map(weekday)))) }
        if !holidays.isEmpty { words.append(("holidays", list(holidays.map(\.words)))) }
        if !exceptHolidays.isEmpty { words.append(("except_holidays", list(exceptHolidays.map(\.words)))) }
        return words
    }

    private func clock(_ minute: Int) -> String { "\(two(minute / 60)):\(two(minute % 60))" }
    private func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    private func weekday(_ number: Int) -> String {
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        return names.indices.contains(number - 1) ? names[number - 1] : "\(number)"
    }
}

extension Period.Days {
    fileprivate var words: String {
        func date(_ day: Int) -> String {
            String(Timestamp(milliseconds: Int64(day) * 86_400_000).rfc3339.prefix(10))
        }
        return first == last ? date(first) : "\(date(first))..\(date(last))"
    }
}

extension RuleOverride {
    fileprivate var words: String {
        var words = selector.words
        if !isEnabled { words.append(("enabled", "false")) }
        if let severity { words.append(("severity", severity.rawValue)) }
        if let when { words.append(("when", when.words)) }
        if let clear { words.append(("clear", clear.words)) }
        if let holdFor { words.append(("for", holdFor.firesense)) }
        if let clearFor { words.append(("clear_for", clearFor.firesense)) }
        return mapping(words)
    }
}

extension Inhibition {
    fileprivate var words: String {
        var words: [(String, String)] = []
        if !rules.isEmpty { words.append(("rules", list(rules))) }
        if !categories.isEmpty { words.append(("categories", list(categories.map(\.rawValue)))) }
        return mapping(words + [("scope", scope.rawValue)])
    }
}

extension EscalationStep {
    fileprivate var words: String {
        var words = [("after", after.firesense)]
        if let severity { words.append(("severity", severity.rawValue)) }
        if !webhooks.isEmpty { words.append(("webhooks", list(webhooks))) }
        if let every { words.append(("every", every.firesense)) }
        return mapping(words)
    }
}

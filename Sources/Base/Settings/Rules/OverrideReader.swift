import FireModel

/// Reads `overrides: [ { areas: […], enabled: false } ]`: for whom a rule is another.
struct OverrideReader {
    let conditions: ConditionReader
    let selectors: SelectorReader
    /// Of the rule.
    let selector: DeviceSelector
    let when: Condition?
    let category: AlarmCategory?

    private static let changes = ["enabled", "severity", "when", "clear", "for", "clear_for"]
    /// A fire does not wait, and is not switched off.
    private static let notOfFire = ["enabled", "clear", "for", "clear_for"]

    func overrides(_ list: Field) -> [RuleOverride] {
        var earlier: [(its: RuleOverride, place: String)] = []
        for field in list.elements(expected: "a list of overrides") ?? [] {
            guard let its = field.mapping(override) else { continue }
            if its.selector.excludes(selector) {
                field.complain(
                    found: "areas or devices where the rule is not in force",
                    expected: "some of those of the rule", remedy: "it can never match")
            } else if let other = earlier.first(where: { $0.its.selector.covers(its.selector) }) {
                field.complain(
                    found: "an override that can never match",
                    expected: "it before \(other.place), which takes all its devices",
                    remedy: "the first that matches counts")
            }
            earlier.append((its, field.path))
        }
        return earlier.map(\.its)
    }

    private func override(_ section: Section) -> RuleOverride? {
        var its = RuleOverride(selector: selectors.selector(section))
        section.read("enabled", .boolean, into: &its.isEnabled)
        its.severity = section["severity"]?.read(.word)
        its.holdFor = section["for"]?.read(.duration(from: .zero))
        its.clearFor = section["clear_for"]?.read(.duration(from: .zero))
        if let when {
            its.when = section["when"].flatMap { readWhen($0, beside: when) }
            let base = its.when ?? when
            its.clear = section["clear"].flatMap { conditions.clear($0, of: base) }
            if base.isOnEvent, its.holdFor != nil {
                section["for"]?.complain(found: "it in a rule on an event", expected: "none", remedy: eventsDoNotLast)
            }
        } else {
            section.know(["when", "clear"])
        }
        if Self.changes.allSatisfy({ section[$0] == nil }) {
            section.field.complain(
                found: "an override that changes nothing",
                expected: "one or more of " + Self.changes.joined(separator: ", "))
            return nil
        }
        if category == .fire {
            for key in Self.notOfFire {
                guard let field = section[key], key != "enabled" || !its.isEnabled else { continue }
                field.complain(
                    found: "it in a rule of category fire", expected: "none", remedy: "a fire is never held up")
            }
        }
        return its
    }

    /// Other limits, not another thing to look at: the alarms of a rule are told apart by its metrics.
    private func readWhen(_ field: Field, beside when: Condition) -> Condition? {
        guard let condition = conditions.condition(field, beside: when) else { return nil }
        guard condition.hasForm(of: when) else {
            field.complain(
                found: "a condition of another form than 'when'", expected: "the same form with other limits",
                remedy: "write a rule of its own")
            return nil
        }
        return condition
    }
}

/// Why events take no `for`.
let eventsDoNotLast = "an event is a moment; use 'repeats' for several"

extension Condition {
    /// It looks at an event alone.
    var isOnEvent: Bool {
        if case .events? = term?.subject { true } else { false }
    }

    fileprivate func hasForm(of other: Condition) -> Bool {
        switch (self, other) {
        case (.term(let a), .term(let b)): a.subject == b.subject
        case (.coincidence, .coincidence), (.silent, .silent): true
        case (.term, _), (_, .term), (.coincidence, _), (_, .coincidence), (.silent, _), (_, .silent): false
        case (.all, _), (.any, _), (.not, _): subjects == other.subjects
        }
    }
}

import FireModel

/// Reads one rule of a rules file (contract 6) and holds it against the catalogue.
struct RuleReader {
    let catalogue: Catalogue
    let names: RuleNames
    /// Names of the webhooks; `nil`: not known here.
    let endpoints: [String]?
    /// IANA name.
    let timeZone: String

    func rule(_ section: Section) -> RuleDefinition? {
        let id = section.required("id", .identifier)
        let kinds = readKinds(section)
        let selectors = SelectorReader(names: names)
        let selector = selectors.selector(section)
        let category = section.required("category", Form<AlarmCategory>.word)
        let severity = section.required("severity", Form<AlarmSeverity>.word)
        let title = readTitle(section, required: true)
        var holdFor = Duration.zero
        var clearFor = Duration.zero
        var latch = category == .fire
        section.read("for", .duration(from: .zero), into: &holdFor)
        section.read("clear_for", .duration(from: .zero), into: &clearFor)
        section.read("latch", .boolean, into: &latch)
        let replaces = section["replaces"]?.read(.identifier)

        let conditions = ConditionReader(catalogue: catalogue, kinds: kinds, names: names)
        let whenField = section.required("when", expected: "when: { metric: …, below: … } or { event: … }")
        let when = whenField.flatMap { conditions.when($0) }
        let clearField = section["clear"]
        let clear = when.flatMap { when in clearField.flatMap { conditions.clear($0, of: when) } }
        let repeats = section["repeats"]?.read(.repeats)
        let schedule = section["schedule"].flatMap {
            ScheduleReader(names: names, timeZone: timeZone).schedule($0)
        }
        let consequences = ConsequenceReader(endpoints: endpoints, id: id)
        let inhibits = section["inhibits"].map { consequences.inhibitions($0) } ?? []
        let escalation = section["escalate"].map { consequences.escalation($0, from: severity) } ?? []
        let overrides =
            section["overrides"].map { field in
                OverrideReader(
                    conditions: conditions, selectors: selectors, selector: selector, when: when, category: category
                ).overrides(field)
            } ?? []

        if category == .fire {
            refuseWhatDelaysFire(section, latch: latch)
        } else if latch {
            for key in ["clear", "clear_for"] {
                section[key]?.complain(
                    found: "it in a latched rule", expected: "none",
                    remedy: "a latched alarm ends by a reset or a verdict")
            }
        }
        if let when { refuseWhatDoesNotFit(when, section) }
        guard let id, let category, let severity, let title, let when, clearField == nil || clear != nil else {
            return nil
        }
        return RuleDefinition(
            id: id, kinds: kinds.map(\.name), selector: selector, category: category, severity: severity, title: title,
            when: when, clear: clear, repeats: repeats, holdFor: holdFor, clearFor: clearFor, latch: latch,
            schedule: schedule, overrides: overrides, inhibits: inhibits, escalation: escalation, replaces: replaces)
    }

    private func readKinds(_ section: Section) -> [DeviceKind] {
        let known = catalogue.kinds.map(\.name)
        return (section["kinds"]?.elements(expected: "a list of kinds") ?? []).compactMap { field in
            guard let name = field.read(.identifier) else { return nil }
            if let kind = catalogue[name] { return kind }
            field.complain(
                expected: "one of " + known.joined(separator: ", "),
                remedy: nearest(to: name, among: known).map { "did you mean '\($0)'?" }
                    ?? "describe the kind in device-kinds.yaml")
            return nil
        }
    }

    /// What lasts, is sampled, or ends in its own way.
    private func refuseWhatDoesNotFit(_ when: Condition, _ section: Section) {
        if when.isOnEvent {
            section["for"]?.complain(found: "it in a rule on an event", expected: "none", remedy: eventsDoNotLast)
        }
        switch when {
        case .coincidence:
            section["repeats"]?.complain(found: "it beside 'devices'", expected: "none")
        case .silent:
            section["repeats"]?.complain(
                found: "it beside 'silent'", expected: "none", remedy: "where nothing comes there are no samples")
        default: break
        }
    }

    /// Contract 6: fire rules take no `for`, schedule, silence or inhibition, and end by a reset or a verdict.
    private func refuseWhatDelaysFire(_ section: Section, latch: Bool) {
        for key in ["for", "schedule", "silence", "inhibit", "inhibits", "repeats"] {
            section[key]?.complain(
                found: "it in a rule of category fire", expected: "none", remedy: "a fire does not wait")
        }
        for key in ["clear", "clear_for"] {
            section[key]?.complain(
                found: "it in a rule of category fire", expected: "none", remedy: "a fire ends by a reset or a verdict")
        }
        if !latch {
            section["latch"]?.complain(expected: "true in a rule of category fire")
        }
    }
}

extension ConditionReader {
    /// What ends the alarms of a condition, and cannot hold together with it.
    func clear(_ field: Field, of when: Condition) -> Condition? {
        switch when {
        case .coincidence, .silent:
            field.complain(
                found: "it beside '\(when.word)'", expected: "none",
                remedy: "the alarm ends when the condition does")
            return nil
        default: break
        }
        guard let clear = condition(field, beside: when) else { return nil }
        if when.canHoldTogether(with: clear) {
            field.complain(
                found: "a condition that can hold together with 'when'",
                expected: "one that excludes it, with a margin against chattering")
        }
        return clear
    }
}

extension Condition {
    fileprivate var word: String {
        if case .silent = self { "silent" } else { "devices" }
    }
}

extension Form where T == Repeats {
    /// `3 of 5`
    static var repeats: Form {
        Form("N of M such as 3 of 5, N at most M, M from 2 to 64") { text in
            guard let match = text.wholeMatch(of: /(\d+) of (\d+)/), let count = Int(match.1), let of = Int(match.2),
                (2...64).contains(of), (1...of).contains(count)
            else { return nil }
            return Repeats(count: count, of: of)
        }
    }
}

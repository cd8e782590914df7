import FireModel

/// Reads one rule of a rules file (contract 6) and holds it against the catalogue.
struct RuleReader {
    let catalogue: Catalogue

    func rule(_ section: Section) -> RuleDefinition? {
        let id = section.required("id", .identifier)
        let kinds = readKinds(section)
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

        let conditions = ConditionReader(catalogue: catalogue, kinds: kinds)
        let whenField = section.required("when", expected: "when: { metric: …, below: … } or { event: … }")
        let when = whenField?.mapping { conditions.condition($0, of: nil) }
        let clearField = section["clear"]
        let clear = when.flatMap { when in clearField?.mapping { conditions.condition($0, of: when.term?.subject) } }
        if let when, let clear, let clearField, when.canHoldTogether(with: clear) {
            clearField.complain(
                found: "a condition that can hold together with 'when'",
                expected: "one that excludes it, with a margin against chattering")
        }

        if category == .fire {
            refuseWhatDelaysFire(section, latch: latch)
        } else if latch {
            for key in ["clear", "clear_for"] {
                section[key]?.complain(
                    found: "it in a latched rule", expected: "none",
                    remedy: "a latched alarm ends by a reset or a verdict")
            }
        }
        guard let id, let category, let severity, let title, let when, clearField == nil || clear != nil else {
            return nil
        }
        return RuleDefinition(
            id: id, kinds: kinds.map(\.name), category: category, severity: severity, title: title, when: when,
            clear: clear, holdFor: holdFor, clearFor: clearFor, latch: latch, replaces: replaces)
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

    /// Contract 6: fire rules take no `for`, schedule, silence or inhibition, and end by a reset or a verdict.
    private func refuseWhatDelaysFire(_ section: Section, latch: Bool) {
        for key in ["for", "schedule", "silence", "inhibit"] {
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

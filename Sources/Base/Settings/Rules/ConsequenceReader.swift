import FireModel

/// Reads what follows from an alarm: whom it holds back, and who is told when nobody acknowledges it.
struct ConsequenceReader {
    /// Names of the webhooks; `nil`: not known here.
    let endpoints: [String]?
    /// The rule that is read.
    let id: String?

    /// `inhibits: [ { rules: […], categories: […], scope: device } ]`. That the rules are there is known when all
    /// files are read.
    func inhibitions(_ list: Field) -> [Inhibition] {
        (list.elements(expected: "a list of what it holds back") ?? []).compactMap { field in
            field.mapping { section -> Inhibition? in
                var it = Inhibition()
                section.list("rules", .identifier, into: &it.rules)
                section.list("categories", .word, into: &it.categories)
                section.read("scope", .word, into: &it.scope)
                if it.rules.isEmpty, it.categories.isEmpty {
                    field.complain(
                        found: "neither rules nor categories", expected: "rules: […], categories: […], or both")
                }
                for category in it.categories where category == .fire || category == .system {
                    section["categories"]?.complain(
                        found: "'\(category.rawValue)'", expected: "other categories",
                        remedy: "\(category.rawValue) is never held back")
                }
                if let id, it.rules.contains(id) {
                    section["rules"]?.complain(
                        found: "'\(id)', the rule itself", expected: "other rules",
                        remedy: "a rule that held back its own alarms would never be heard")
                }
                return it
            }
        }
    }

    /// `escalate: [ { after: 5m, severity: critical, webhooks: [duty-room], every: 10m } ]`
    func escalation(_ list: Field, from severity: AlarmSeverity?) -> [EscalationStep] {
        var last: EscalationStep?
        var severity = severity
        return (list.elements(expected: "a list of steps") ?? []).compactMap { field in
            let step = field.mapping { self.step($0, from: severity, behind: last) }
            last = step ?? last
            severity = step?.severity ?? severity
            return step
        }
    }

    private func step(_ section: Section, from before: AlarmSeverity?, behind last: EscalationStep?) -> EscalationStep?
    {
        let after = section.required("after", .duration(.seconds(1)...(.seconds(30 * 86_400))))
        var step = EscalationStep(after: after ?? .zero)
        step.severity = section["severity"]?.read(.word)
        step.every = section["every"]?.read(.duration(.seconds(30)...(.seconds(86_400))))
        for field in section["webhooks"]?.elements(expected: "a list of webhooks") ?? [] {
            let name =
                endpoints.map { field.name(of: "a webhook", among: $0, remedy: "add it to 'webhooks'") }
                ?? field.read(.identifier)
            if let name { step.webhooks.append(name) }
        }
        guard let after else { return nil }
        if let last, after <= last.after {
            section["after"]?.complain(
                expected: "more than \(last.after.firesense), after which the step before comes")
        }
        if let severity = step.severity, let before, !severity.isAbove(before) {
            section["severity"]?.complain(
                expected: "one that is more severe than \(before.rawValue), as it is before this step")
        }
        if ["severity", "webhooks", "every"].allSatisfy({ section[$0] == nil }) {
            section.field.complain(
                found: "a step that does nothing", expected: "one or more of severity, webhooks, every")
        }
        return step
    }
}

extension AlarmSeverity {
    fileprivate func isAbove(_ other: AlarmSeverity) -> Bool {
        let order = Self.allCases
        guard let mine = order.firstIndex(of: self), let its = order.firstIndex(of: other) else { return false }
        return mine < its
    }
}

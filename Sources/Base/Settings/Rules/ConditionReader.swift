import FireModel

/// Reads what a rule looks at: a term such as `{ metric: pressure, below: 0.10 }`, several of them, a coincidence, or
/// silence.
struct ConditionReader {
    let catalogue: Catalogue
    /// Those the rule names; empty: all.
    let kinds: [DeviceKind]
    let names: RuleNames

    static let maximumDepth = 4
    static let maximumTerms = 16
    static let longestWindow = Duration.seconds(86_400)
    /// The word by which each form is known; what has none of them is a term.
    private static let forms = ["all", "any", "not", "devices", "silent"]

    private var terms: TermReader { TermReader(catalogue: catalogue, kinds: kinds) }

    /// The condition of a rule.
    func when(_ field: Field) -> Condition? {
        field.mapping { section -> Condition? in
            guard let condition = whole(section, like: nil), isReachable(condition, field) else { return nil }
            if condition.isAlwaysFulfilled {
                field.complain(found: "a condition that every value fulfils", expected: "one that tells values apart")
                return nil
            }
            return condition
        }
    }

    /// A condition beside the `when` of a rule, over the same metrics or events: its `clear`, or the `when` of an override.
    func condition(_ field: Field, beside when: Condition) -> Condition? {
        field.mapping { section -> Condition? in
            guard let condition = whole(section, like: when) else { return nil }
            if when.term == nil || condition.term == nil, !condition.subjects.isSubset(of: when.subjects) {
                field.complain(
                    found: "other metrics than in 'when'", expected: when.subjects.sorted().joined(separator: ", "))
                return nil
            }
            return condition
        }
    }

    /// - Parameter model: the condition whose subject a term may leave out.
    private func whole(_ section: Section, like model: Condition?) -> Condition? {
        guard let form = form(of: section) else { return nil }
        switch form {
        case "devices": return coincidence(section)
        case "silent": return silence(section)
        default: return part(section, form, depth: 0, like: model?.term)
        }
    }

    /// - Returns: `term` for what has none of the words of a form; `nil`: two of them, which is a problem.
    private func form(of section: Section) -> String? {
        let given = Self.forms.filter { section[$0] != nil }
        guard given.count > 1 else { return given.first ?? "term" }
        section.field.complain(
            found: given.joined(separator: " and "), expected: "one of " + Self.forms.joined(separator: ", "),
            remedy: "put one into the other")
        section.ignoreUnknownKeys()
        return nil
    }

    // MARK: Trees

    private func part(_ section: Section, _ form: String, depth: Int, like model: Condition.Term?) -> Condition? {
        if form == "term" { return terms.term(section, like: model, isAlone: depth == 0).map { .term($0) } }
        guard let field = section[form] else { return nil }
        guard form != "devices", form != "silent" else {
            section.field.complain(
                found: "'\(form)' within another condition", expected: "it as the whole of 'when'")
            section.ignoreUnknownKeys()
            return nil
        }
        guard depth < Self.maximumDepth else {
            field.complain(found: "all, any and not within each other", expected: "at most \(Self.maximumDepth) deep")
            return nil
        }
        let condition: Condition?
        if form == "not" {
            condition = inner(field, depth: depth).map { .not($0) }
        } else {
            guard let fields = field.elements(expected: "a list of conditions") else { return nil }
            guard fields.count > 1 else {
                field.complain(
                    found: fields.isEmpty ? "no condition" : "one condition", expected: "two or more conditions",
                    remedy: fields.isEmpty ? nil : "leave out '\(form)'")
                return nil
            }
            condition = all(fields.map { inner($0, depth: depth) }).map { form == "all" ? .all($0) : .any($0) }
        }
        guard let condition else { return nil }
        if depth == 0, condition.terms.count > Self.maximumTerms {
            field.complain(found: "\(condition.terms.count) terms", expected: "at most \(Self.maximumTerms)")
            return nil
        }
        if !condition.canBeFulfilled {
            field.complain(
                found: "conditions that exclude each other", expected: "'\(form)' that some value fulfils",
                remedy: "this rule would never raise an alarm")
            return nil
        }
        return condition
    }

    private func inner(_ field: Field, depth: Int) -> Condition? {
        field.mapping { section -> Condition? in
            form(of: section).flatMap { part(section, $0, depth: depth + 1, like: nil) }
        }
    }

    // MARK: Several devices, none at all

    private func coincidence(_ section: Section) -> Condition? {
        let devices = section.required("devices", .whole(2...1000))
        let within = section.required("within", .duration(.seconds(1)...Self.longestWindow))
        let place = section.required("in", expected: "in: area, site or the name of a group").flatMap(place)
        let field = section.required("of", expected: "of: the condition that holds on each of them")
        let condition = field?.mapping { inner -> Condition? in
            form(of: inner).flatMap { part(inner, $0, depth: 0, like: nil) }
        }
        guard let devices, let within, let place, let condition else { return nil }
        if let field, condition.isAlwaysFulfilled {
            field.complain(found: "a condition that every value fulfils", expected: "one that tells values apart")
            return nil
        }
        if case .groups(let groups) = place, !groups.isEmpty, groups.allSatisfy({ $0.areas.isEmpty }) {
            let most = groups.map { Set($0.devices).count }.max() ?? 0
            if most < devices {
                section["devices"]?.complain(expected: "at most \(most), as no group of them has more devices")
                return nil
            }
        }
        return .coincidence(.init(devices: devices, place: place, within: within, of: condition))
    }

    private func place(_ field: Field) -> Condition.Coincidence.Place? {
        if case .sequence = field.node {
            guard let groups = names.groups(named: field) else { return nil }
            if groups.isEmpty { field.complain(found: "an empty list", expected: "names of groups") }
            return groups.isEmpty ? nil : .groups(groups)
        }
        if let word = field.node.scalar?.string, let place = Condition.Coincidence.Place(word: word) { return place }
        return names.group(named: field).map { .groups([$0]) }
    }

    private func silence(_ section: Section) -> Condition? {
        let form = Form<Condition.Silence>("a duration from 1m to 90d such as 25h, or intervals from 1x to 1000x") {
            text in
            if text.hasSuffix("x") {
                return Form<Double>.number.parse(String(text.dropLast())).flatMap {
                    (1...1000).contains($0) ? .intervals($0) : nil
                }
            }
            return Form<Duration>.duration(.seconds(60)...(.seconds(90 * 86_400))).parse(text).map { .duration($0) }
        }
        return section["silent"]?.read(form).map { .silent($0) }
    }

    // MARK: Whom it can reach

    /// Each kind that the rule names has what the condition looks at, or the rule would be silent there for ever.
    private func isReachable(_ condition: Condition, _ field: Field) -> Bool {
        for kind in kinds where !condition.isReachable(for: kind) {
            let names = condition.subjects.filter { !$0.hasPrefix(EventName.metricPrefix) && kind[metric: $0] == nil }
            (field.at("metric") ?? field.at("metrics") ?? field).complain(
                found: names.sorted().map { "'\($0)'" }.joined(separator: ", "),
                expected: "a metric that \(kind.name) has, too")
            return false
        }
        guard kinds.isEmpty, !catalogue.kinds.contains(where: condition.isReachable) else { return true }
        field.complain(
            found: "metrics of different kinds", expected: "metrics that one kind of device has together",
            remedy: "name the kinds of the rule")
        return false
    }
}

extension Condition {
    /// All of it, however deep.
    var terms: [Term] {
        switch self {
        case .term(let term): [term]
        case .all(let parts), .any(let parts): parts.flatMap(\.terms)
        case .not(let part): part.terms
        case .coincidence(let it): it.of.terms
        case .silent: []
        }
    }

    /// Names of metrics, and of events with their prefix.
    var subjects: Set<String> {
        Set(
            terms.flatMap { term in
                switch term.subject {
                case .metrics(let names): names
                case .events(let names): names.map { EventName.metricPrefix + $0 }
                }
            })
    }

    /// What was never reported is not fulfilled, and neither is its opposite.
    func isReachable(for kind: DeviceKind) -> Bool {
        switch self {
        case .term(let term):
            if case .metrics(let names) = term.subject {
                names.contains { kind[metric: $0] != nil || $0 == EventName.online }
            } else {
                true
            }
        case .all(let parts): parts.allSatisfy { $0.isReachable(for: kind) }
        case .any(let parts): parts.contains { $0.isReachable(for: kind) }
        case .not(let part): part.isReachable(for: kind)
        case .coincidence(let it): it.of.isReachable(for: kind)
        case .silent: true
        }
    }
}

extension EventName {
    /// The metric under which a device's status is stored (contract 2).
    static let online = "online"
}

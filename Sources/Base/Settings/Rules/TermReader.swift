import FireModel

/// Reads one term: `{ metric: pressure, below: 0.10 }`, `{ metric: temperature, fn: rise, over: 60s, above: 10 }`,
/// `{ event: fault }`.
struct TermReader {
    let catalogue: Catalogue
    /// Those the rule names; empty: all.
    let kinds: [DeviceKind]

    private static let testKeys = [
        "above", "below", "at_least", "at_most", "between", "outside", "equals", "one_of", "changed",
    ]
    private static let functions =
        ["rise", "fall"] + Condition.Statistic.allCases.map(\.rawValue) + ["flaps", "deviation"]
    private static let words = ["metric", "metrics", "event", "fn", "over", "learned"] + testKeys
    /// What a function comes to is a number.
    private static let numberTests = ["above", "below", "at_least", "at_most", "between", "outside"]

    /// - Parameters:
    ///   - model: the term whose subject may be left out here, and by what it is to be told.
    ///   - isAlone: not within all, any or not, where a term is about one metric or event.
    func term(_ section: Section, like model: Condition.Term?, isAlone: Bool) -> Condition.Term? {
        let given = readSubject(section)
        guard given.isSound, let subject = given.subject ?? model?.subject else {
            if given.isSound {
                section.field.complain(
                    found: "no metric and no event", expected: "metric: NAME, metrics: [NAME, …] or event: NAME")
            }
            section.know(Self.words)
            return nil
        }
        if let model, !isSame(subject, as: model.subject, section) {
            section.know(Self.words)
            return nil
        }
        switch subject {
        case .events(let names):
            return isSingle(names, section, isAlone) ? Condition.Term(subject: subject, test: .reported) : nil
        case .metrics(let names):
            guard isSingle(names, section, isAlone) else {
                section.know(Self.words)
                return nil
            }
            let inherited = given.subject == nil ? model?.measure : nil
            guard let measure = readMeasure(section, else: inherited ?? .value), areKnown(names, section) else {
                section.know(Self.words)
                return nil
            }
            let searched = kinds.isEmpty ? catalogue.kinds : kinds
            let definitions = searched.flatMap { kind in names.compactMap { kind[metric: $0] }.map { (kind.name, $0) } }
            let fitting = TermFit(measure: measure, definitions: definitions)
            guard let (test, field) = readTest(section, measure, fitting), fitting.fits(test, field) else { return nil }
            let term = Condition.Term(subject: subject, measure: measure, test: test)
            if !Condition.term(term).canBeFulfilled {
                field.complain(expected: "a limit that \(measure.name ?? "a value") can reach")
                return nil
            }
            return term
        }
    }

    // MARK: Subject

    private func readSubject(_ section: Section) -> (subject: Condition.Subject?, isSound: Bool) {
        let fields = ["metric", "metrics", "event"].compactMap { key in section[key].map { (key, $0) } }
        guard let (key, field) = fields.first else { return (nil, true) }
        guard fields.count == 1 else {
            section.field.complain(
                found: fields.map(\.0).joined(separator: " and "), expected: "one of metric, metrics, event")
            return (nil, false)
        }
        guard let names = field.oneOrMore(.identifier) else { return (nil, false) }
        guard key == "event" else { return (.metrics(names), true) }
        let known = EventName.allCases.map(\.rawValue)
        for name in names where !known.contains(name) {
            field.complain(
                found: "'\(name)'", expected: "one of " + known.joined(separator: ", "),
                remedy: nearest(to: name, among: known).map { "did you mean '\($0)'?" })
            return (nil, false)
        }
        return (.events(names), true)
    }

    private func isSingle(_ names: [String], _ section: Section, _ isAlone: Bool) -> Bool {
        guard !isAlone, names.count > 1 else { return true }
        section.field.complain(
            found: names.joined(separator: ", "), expected: "one metric or event in each condition of all, any and not",
            remedy: "write one condition for each")
        return false
    }

    /// What ends an alarm must be told by what began it.
    private func isSame(_ here: Condition.Subject, as subject: Condition.Subject, _ section: Section) -> Bool {
        switch (here, subject) {
        case (.metrics(let a), .metrics(let b)) where a == b: return true
        case (.events, .events): return true
        case (_, .metrics(let names)):
            section.field.complain(
                found: "another subject than in 'when'",
                expected: "\(names.joined(separator: ", ")), or no subject at all")
        case (_, .events):
            section.field.complain(found: "a metric", expected: "an event, as in 'when'")
        }
        return false
    }

    /// A metric must be known to one of the kinds.
    private func areKnown(_ names: [String], _ section: Section) -> Bool {
        guard let field = section["metric"] ?? section["metrics"] else { return true }
        let searched = kinds.isEmpty ? catalogue.kinds : kinds
        let known = Set(searched.flatMap { $0.metrics.map(\.name) }).union([EventName.online])
        for name in names where !known.contains(name) {
            field.complain(
                found: "'\(name)'",
                expected: "a metric of "
                    + (kinds.isEmpty ? "a kind of the catalogue" : kinds.map(\.name).joined(separator: ", ")),
                remedy: nearest(to: name, among: known.sorted()).map { "did you mean '\($0)'?" }
                    ?? "describe it in device-kinds.yaml")
            return false
        }
        return true
    }

    // MARK: Measure

    private func readMeasure(_ section: Section, else absent: Condition.Measure) -> Condition.Measure? {
        guard let field = section["fn"] else {
            for key in ["over", "learned"] {
                section[key]?.complain(
                    found: "it without fn", expected: "fn: one of " + Self.functions.joined(separator: ", "))
            }
            return section["over"] == nil && section["learned"] == nil ? absent : nil
        }
        let form = Form("one of " + Self.functions.joined(separator: ", ")) { Self.functions.contains($0) ? $0 : nil }
        guard let name = field.read(form) else { return nil }
        let (key, other) = name == "deviation" ? ("learned", "over") : ("over", "learned")
        section[other]?.complain(found: "it beside fn: \(name)", expected: key)
        let longest = name == "deviation" ? Duration.seconds(90 * 86_400) : ConditionReader.longestWindow
        let shortest = Duration.seconds(name == "deviation" ? 86_400 : 1)
        guard let window = section.required(key, .duration(shortest...longest)) else { return nil }
        return Condition.Measure(name: name, over: window)
    }

    // MARK: Test

    private func readTest(
        _ section: Section, _ measure: Condition.Measure, _ fitting: TermFit
    ) -> (Condition.Test, Field)? {
        let allowed = measure == .value ? Self.testKeys : Self.numberTests
        let fields = Self.testKeys.compactMap { key in section[key].map { (key, $0) } }
        guard fields.count == 1, let (key, field) = fields.first, allowed.contains(key) else {
            section.field.complain(
                found: fields.isEmpty ? "no test" : fields.map(\.0).joined(separator: " and "),
                expected: "one of " + allowed.joined(separator: ", "))
            return nil
        }
        let test: Condition.Test? =
            switch key {
            case "above": fitting.limit(field).map { .above($0) }
            case "below": fitting.limit(field).map { .below($0) }
            case "at_least": fitting.limit(field).map { .atLeast($0) }
            case "at_most": fitting.limit(field).map { .atMost($0) }
            case "between": fitting.range(field).map { .between($0) }
            case "outside": fitting.range(field).map { .outside($0) }
            case "equals": field.value().map { .equals($0) }
            case "changed": field.read(Form("true") { $0 == "true" ? Condition.Test.changed : nil })
            default: readOneOf(field)
            }
        return test.map { ($0, field) }
    }

    private func readOneOf(_ field: Field) -> Condition.Test? {
        guard let elements = field.elements(expected: "a list of values") else { return nil }
        guard !elements.isEmpty else {
            field.complain(found: "an empty list", expected: "a list of values")
            return nil
        }
        return all(elements.map { $0.value() }).map { .oneOf($0) }
    }
}

extension Field {
    /// A value as in YAML: `true`, `0.10`, and everything in quotes a text.
    package func value() -> Value? {
        guard let text = read(.text("a number, true, false or a text")) else { return nil }
        guard isPlain else { return .text(text) }
        if let bool = Form<Bool>.boolean.parse(text) { return .boolean(bool) }
        return Form<Double>.number.parse(text).map { .number($0) } ?? .text(text)
    }
}

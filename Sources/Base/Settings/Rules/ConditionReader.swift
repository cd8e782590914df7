import FireModel

/// Reads `{ metric: pressure, below: 0.10 }` or `{ event: fault }`.
struct ConditionReader {
    let catalogue: Catalogue
    /// Those the rule names; empty: all.
    let kinds: [DeviceKind]

    private static let testKeys = ["above", "below", "at_least", "at_most", "between", "outside", "equals", "one_of"]

    /// `of`: for `clear`, what `when` looks at, which needs no repetition.
    func condition(_ section: Section, of subject: Condition.Subject?) -> Condition? {
        let given = readSubject(section)
        guard given.isSound, let here = given.subject ?? subject else {
            if given.isSound {
                section.field.complain(
                    found: "no metric and no event", expected: "metric: NAME, metrics: [NAME, …] or event: NAME")
            }
            knowAllTests(section)
            return nil
        }
        if let subject, !isClear(here, of: subject, section) {
            knowAllTests(section)
            return nil
        }
        switch here {
        case .events: return Condition(subject: here, test: .reported)
        case .metrics(let names):
            guard let (test, field) = readTest(section), areKnown(names, section), fits(test, names, field) else {
                return nil
            }
            return Condition(subject: here, test: test)
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

    /// What ends an alarm must be told by what began it.
    private func isClear(_ here: Condition.Subject, of subject: Condition.Subject, _ section: Section) -> Bool {
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

    /// A metric must be known to one of the kinds, and a kind must know one of the metrics.
    private func areKnown(_ names: [String], _ section: Section) -> Bool {
        guard let field = section["metric"] ?? section["metrics"] else { return true }
        let searched = kinds.isEmpty ? catalogue.kinds : kinds
        let known = Set(searched.flatMap { $0.metrics.map(\.name) })
        for name in names where !known.contains(name) {
            field.complain(
                found: "'\(name)'",
                expected: "a metric of "
                    + (kinds.isEmpty ? "a kind of the catalogue" : kinds.map(\.name).joined(separator: ", ")),
                remedy: nearest(to: name, among: known.sorted()).map { "did you mean '\($0)'?" }
                    ?? "describe it in device-kinds.yaml")
            return false
        }
        for kind in kinds where !names.contains(where: { kind[metric: $0] != nil }) {
            field.complain(
                found: names.map { "'\($0)'" }.joined(separator: ", "), expected: "a metric that \(kind.name) has, too")
            return false
        }
        return true
    }

    // MARK: Test

    private func readTest(_ section: Section) -> (Condition.Test, Field)? {
        let fields = Self.testKeys.compactMap { key in section[key].map { (key, $0) } }
        guard fields.count == 1, let (key, field) = fields.first else {
            section.field.complain(
                found: fields.isEmpty ? "no test" : fields.map(\.0).joined(separator: " and "),
                expected: "one of " + Self.testKeys.joined(separator: ", "))
            return nil
        }
        let test: Condition.Test? =
            switch key {
            case "above": field.read(.number).map { .above($0) }
            case "below": field.read(.number).map { .below($0) }
            case "at_least": field.read(.number).map { .atLeast($0) }
            case "at_most": field.read(.number).map { .atMost($0) }
            case "between": field.range().map { .between($0) }
            case "outside": field.range().map { .outside($0) }
            case "equals": field.value().map { .equals($0) }
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
        let values = elements.map { $0.value() }
        return values.contains { $0 == nil } ? nil : .oneOf(values.compactMap(\.self))
    }

    /// The keys of tests are known ones even where something else is wrong.
    private func knowAllTests(_ section: Section) { for key in Self.testKeys { _ = section[key] } }

    /// The metric has such values, and within its plausible range: a limit beyond it is a limit in another unit.
    private func fits(_ test: Condition.Test, _ names: [String], _ field: Field) -> Bool {
        let searched = kinds.isEmpty ? catalogue.kinds : kinds
        for kind in searched {
            for metric in names.compactMap({ kind[metric: $0] }) {
                guard test.types == [metric.type] else {
                    let words = test.types.map(\.rawValue).sorted().joined(separator: " and ")
                    field.complain(
                        found: "a test of \(words)",
                        expected: "one of \(metric.type.rawValue), as \(metric.name) of \(kind.name) is")
                    return false
                }
                guard let range = metric.plausible else { continue }
                for limit in test.numbers where !range.contains(limit) {
                    let unit = metric.unit.map { " \($0)" } ?? ""
                    field.complain(
                        found: shortest(limit),
                        expected:
                            "\(shortest(range.lowerBound)) to \(shortest(range.upperBound))\(unit), the plausible range of \(metric.name) of \(kind.name)"
                    )
                    return false
                }
            }
        }
        return true
    }
}

extension Field {
    /// A value as in YAML: `true`, `0.10`, and everything in quotes a text.
    func value() -> Value? {
        guard let text = read(.text("a number, true, false or a text")) else { return nil }
        guard isPlain else { return .text(text) }
        if let bool = Form<Bool>.boolean.parse(text) { return .boolean(bool) }
        return Form<Double>.number.parse(text).map { .number($0) } ?? .text(text)
    }
}

import FireModel
import FireSettings

/// Reads `alarm_rule_test` and `notification_test`.
struct ExpectationReader {
    let rules: [String]
    let devices: [String]
    let start: Timestamp

    private static let ofAlarms = AlarmKey.allCases.filter { $0 != .type && $0 != .at && $0 != .rule }

    func alarms(_ section: Section) -> RuleTest.Step? {
        let at = section.required("eval_time", .offset)
        let rule = section.required("rule", expected: "the id of a rule")?.name(of: "a rule", among: rules)
        let expected = expected(section, "exp_alarms", Self.ofAlarms)
        guard let at, let rule, let expected else { return nil }
        return step(section, at, .alarms(rule: rule), expected)
    }

    func notifications(_ section: Section) -> RuleTest.Step? {
        let at = section.required("eval_time", .offset)
        var from: Int64 = 0
        section.read("from", .offset, into: &from)
        let rule = section["rule"].map { $0.name(of: "a rule", among: rules) }
        let expected = expected(section, "exp_notifications", AlarmKey.allCases)
        guard let at, let expected else { return nil }
        if from > at {
            section["from"]?.complain(expected: "a time that is not behind eval_time")
            return nil
        }
        if let rule, rule == nil { return nil }
        return step(section, at, .notifications(from: from, rule: rule ?? nil), expected)
    }

    private func step(
        _ section: Section, _ at: Int64, _ subject: RuleTest.Expectation.Subject, _ expected: [RuleTest.Expected]
    ) -> RuleTest.Step {
        RuleTest.Step(
            at: at,
            deed: .expect(RuleTest.Expectation(subject: subject, expected: expected, path: section.field.path)),
            line: section.field.line)
    }

    private func expected(_ section: Section, _ key: String, _ keys: [AlarmKey]) -> [RuleTest.Expected]? {
        guard
            let list = section.required(key, expected: "\(key): a list, [] for none")?
                .elements(expected: "a list, [] for none")
        else { return nil }
        return list.compactMap { field in
            field.mapping { section -> RuleTest.Expected? in
                var values: [AlarmKey: String?] = [:]
                for key in keys {
                    guard let field = section[key.rawValue] else { continue }
                    if let value = value(of: key, field) { values.updateValue(value, forKey: key) }
                }
                return RuleTest.Expected(values: values, line: field.line)
            }
        }
    }

    /// - Returns: `nil`: it is wrong; `.some(nil)`: that there is none.
    private func value(of key: AlarmKey, _ field: Field) -> String?? {
        if field.isNull { return .some(nil) }
        switch key {
        case .rule: return field.name(of: "a rule", among: rules).map { .some($0) }
        case .device: return field.read(.identifier).map { .some($0) }
        case _ where key.isTime:
            let form = Form(Form<Int64>.offset.expected + ", or RFC 3339") { text in
                Form<Int64>.offset.parse(text).map { start + $0 } ?? Timestamp(rfc3339: text)
            }
            return field.read(form).map { .some("\($0.milliseconds)") }
        default:
            if let words = key.words {
                let form = Form("one of " + words.joined(separator: ", ")) { words.contains($0) ? $0 : nil }
                return field.read(form).map { .some($0) }
            }
            return field.value().map { .some($0.description) }
        }
    }
}

import FireModel
import FireSettings

/// Reads what happens to the gateway in a test, and what an operator does: `{ at: 5m, restart: true }`,
/// `{ at: 6m, acknowledge: RULE, device: h-1, by: duty }`.
struct RuleTestActReader {
    let rules: [String]
    let devices: [String]

    private static let words = ["restart", "disconnect", "acknowledge", "verdict", "reset", "silence"]

    func act(_ section: Section) -> RuleTest.Step? {
        let at = section.required("at", .offset)
        let given = Self.words.filter { section[$0] != nil }
        guard given.count == 1, let word = given.first, let field = section[word] else {
            section.field.complain(
                found: given.isEmpty ? "no act" : given.joined(separator: " and "),
                expected: "one of " + Self.words.joined(separator: ", "))
            return nil
        }
        guard let act = act(word, field, section), let at else { return nil }
        return RuleTest.Step(at: at, deed: .act(act), line: section.field.line)
    }

    private func act(_ word: String, _ field: Field, _ section: Section) -> RuleTest.Act? {
        switch word {
        case "restart": return field.read(Form("true") { $0 == "true" ? RuleTest.Act.restart : nil })
        case "disconnect":
            return field.read(.duration(.seconds(1)...(.seconds(30 * 86_400)))).map { .disconnect($0) }
        case "silence": return silence(field).map { .silence($0) }
        case "acknowledge": return operate(.acknowledge, rule: field, section)
        case "reset":
            var force = false
            section.read("force", .boolean, into: &force)
            return operate(.reset(force: force), rule: field, section)
        default:
            var force = false
            section.read("force", .boolean, into: &force)
            let cause = section["cause"]?.read(.text())
            let verdict = field.read(Form<Verdict>.word)
            let rule = section.required("rule", expected: "the id of a rule")
            guard let verdict, let rule else { return nil }
            return operate(.verdict(verdict, cause: cause, force: force), rule: rule, section)
        }
    }

    private func operate(_ deed: OperatorAct.Deed, rule field: Field, _ section: Section) -> RuleTest.Act? {
        var by = "test"
        section.read("by", .text(upTo: 64, emptyAllowed: false), into: &by)
        let note = section["note"]?.read(.text())
        let component = section["component"]?.read(.identifier)
        let metric = section["metric"]?.read(.identifier)
        let rule = field.name(of: "a rule", among: rules)
        let device = section.required("device", expected: "a device of the test")?.name(
            of: "a device of the test", among: devices)
        guard let rule, let device else { return nil }
        return .operate(
            OperatorAct(deed: deed, by: by, note: note),
            on: RuleTest.AlarmReference(rule: rule, device: device, component: component, metric: metric))
    }

    private func silence(_ field: Field) -> RuleTest.Silence? {
        field.mapping { section -> RuleTest.Silence? in
            var it = RuleTest.Silence(length: .zero)
            section.list("devices", .identifier, into: &it.devices)
            section.list("areas", .area, into: &it.areas)
            section.list("kinds", .identifier, into: &it.kinds)
            section.list("rules", .identifier, into: &it.rules)
            guard let length = section.required("for", .duration(.seconds(1)...(.seconds(30 * 86_400)))) else {
                return nil
            }
            if it.devices.isEmpty, it.areas.isEmpty, it.kinds.isEmpty, it.rules.isEmpty {
                field.complain(
                    found: "a silence of everything", expected: "one or more of devices, areas, kinds, rules")
            }
            it.length = length
            return it
        }
    }
}

import FireModel
import Testing

@testable import FireSettings

struct RuleDifferenceTests {
    private func rules(_ text: String) -> [RuleDefinition] {
        var set = RuleSet(shipped: [], defaults: false, catalogue: Defaults.catalogue)
        #expect(set.add(SourceFile(path: "a.yaml", name: "a.yaml", text: text)) == [])
        return set.rules
    }

    private func rule(_ id: String, _ rest: String) -> String {
        "  - { id: \(id), kinds: [hydrant], category: water, severity: major, title: { zh: 甲, en: A }, \(rest) }\n"
    }

    @Test func everyRuleIsOfOneSort() {
        let old = rules(
            "rules:\n" + rule("a", "when: { metric: pressure, below: 0.1 }, for: 2m")
                + rule("b", "when: { silent: 25h }")
                + rule("c", "when: { metric: flow, above: 3 }") + rule("d", "when: { metric: tilt, equals: true }"))
        let new = rules(
            "rules:\n" + rule("a", "when: { metric: pressure, below: 0.1 }, for: 5m, repeats: 2 of 3")
                + rule("b", "when: { silent: 25h }") + rule("c", "when: { metric: battery, below: 3 }")
                + rule("e", "when: { metric: tilt, equals: true }"))
        let difference = RuleDifference(from: old, to: new)
        #expect(difference.added == ["e"] && difference.removed == ["d"] && difference.unchanged == ["b"])
        #expect(difference.summary == "1 new, 1 gone, 2 changed, 1 unchanged")
        #expect(
            difference.changed.first
                == RuleDifference.Change(
                    id: "a",
                    keys: [.init(name: "for", old: "2m", new: "5m"), .init(name: "repeats", old: nil, new: "2 of 3")],
                    keepsAlarms: true, beginsAnew: true))
        #expect(difference.changed.last?.keepsAlarms == false && difference.changed.last?.beginsAnew == false)
        #expect(RuleDifference(from: old, to: old).isEmpty)
    }

    /// Nothing that can be different is left unsaid.
    @Test func everyChangeIsShown() {
        for rule in Defaults.rules(for: Defaults.catalogue).rules {
            var other = rule
            other.selector.devices = ["h-1"]
            other.overrides = [RuleOverride(selector: .everywhere, holdFor: .seconds(5))]
            other.escalation = [EscalationStep(after: .seconds(60), every: .seconds(60))]
            let keys = RuleDifference(from: [rule], to: [other]).changed.flatMap(\.keys).map(\.name)
            #expect(keys == ["devices", "overrides", "escalate"])
        }
    }
}

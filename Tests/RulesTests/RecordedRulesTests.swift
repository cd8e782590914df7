import FireModel
import FireSettings
import Testing

@testable import FireRules

struct RecordedRulesTests {
    private func roundTrip(_ rules: [RuleDefinition], _ catalogue: Catalogue = Catalogue(kinds: [])) throws {
        let recorded = RecordedRules(catalogue: catalogue, rules: rules)
        let text = try recorded.json()
        #expect(try RecordedRules(json: text) == recorded)
        #expect(try RecordedRules(json: text).json() == text)
    }

    private func rule(_ test: Condition.Test, events: Bool = false) -> RuleDefinition {
        RuleDefinition(
            id: "x", kinds: ["panel"], category: .gas, severity: .info, title: Title(zh: "\"引\"/\n", en: ""),
            when: Condition(subject: events ? .events(["fault"]) : .metrics(["a", "b"]), test: test), latch: true,
            replaces: "y")
    }

    @Test func everythingShippedComesBack() throws {
        try roundTrip(Defaults.rules(for: Defaults.catalogue).rules, Defaults.catalogue)
        try roundTrip(BuiltInRules.all + [BuiltInRules.unknown, BuiltInRules.implausible])
    }

    @Test func everyConditionComesBackToTheBit() throws {
        let numbers = [0.1, -0.0, 1, 1e300, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1 / 3]
        for x in numbers {
            try roundTrip([rule(.above(x)), rule(.below(x)), rule(.atLeast(x)), rule(.atMost(x))])
            try roundTrip([rule(.between(min(x, 0)...max(x, 1))), rule(.outside(min(x, 0)...max(x, 1)))])
            try roundTrip([rule(.equals(.number(x)))])
            // Zeros of either sign are equal but as values.
            guard
                case .above(let y) = try RecordedRules(
                    json: RecordedRules(catalogue: Catalogue(kinds: []), rules: [rule(.above(x))]).json()
                ).rules[0].when.term?.test
            else { throw RecordedRulesError(reason: "another test") }
            #expect(x.bitPattern == y.bitPattern)
        }
        let values: [Value] = [.boolean(true), .boolean(false), .text("true"), .text("1"), .number(1), .text("é\u{0}")]
        for value in values { try roundTrip([rule(.equals(value))]) }
        try roundTrip([rule(.oneOf(values)), rule(.oneOf([])), rule(.reported, events: true), rule(.reported)])
    }

    @Test func durationsComeBackToTheLastDigit() throws {
        for duration in [
            .zero, .milliseconds(1), .seconds(90), .seconds(86_400 * 90), .longest, .nanoseconds(7),
            Duration(secondsComponent: 1 << 33, attosecondsComponent: 999_999_999_999_999_999),
        ] as [Duration] {
            var its = rule(.reported)
            its.holdFor = duration
            its.clearFor = duration
            its.clear = Condition(subject: .metrics(["a"]), test: .above(1))
            try roundTrip([its])
        }
    }

    @Test func sameRulesAreTheSameText() throws {
        let recorded = RecordedRules(
            catalogue: Defaults.catalogue, rules: Defaults.rules(for: Defaults.catalogue).rules)
        #expect(try recorded.json() == recorded.json())
    }

    @Test(arguments: [
        "", "{}", "[]", #"{"catalogue":{"kinds":[]},"rules":[{}]}"#,
        #"{"catalogue":{"kinds":[]},"rules":[{"id":"x","kinds":[],"category":"gas","severity":"info","#
            + #""title":{"zh":"","en":""},"when":{"metrics":["a"]},"for":[0,0],"clear_for":[0,0],"latch":false}]}"#,
        #"{"catalogue":{"kinds":[]},"rules":[{"id":"x","kinds":[],"category":"gas","severity":"info","#
            + #""title":{"zh":"","en":""},"when":{"metrics":["a"],"above":1},"for":[9223372036854775807,0],"#
            + #""clear_for":[0,0],"latch":false}]}"#,
        #"{"catalogue":{"kinds":[]},"rules":[{"id":"x","kinds":[],"category":"gas","severity":"info","#
            + #""title":{"zh":"","en":""},"when":{"metrics":["a"],"between":[2,1]},"for":[0,0],"#
            + #""clear_for":[0,0],"latch":false}]}"#,
    ])
    func whatIsNoneIsRefused(_ json: String) {
        #expect(throws: RecordedRulesError.self) { _ = try RecordedRules(json: json) }
    }

    @Test func limitThatNoFileCanSayIsRefused() {
        let recorded = RecordedRules(catalogue: Catalogue(kinds: []), rules: [rule(.above(.infinity))])
        #expect(throws: RecordedRulesError.self) { _ = try recorded.json() }
    }
}

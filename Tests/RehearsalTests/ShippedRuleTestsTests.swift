import FireModel
import FireSettings
import Testing

@testable import FireRehearsal

/// The tests that the shipped rules come with.
struct ShippedRuleTestsTests {
    /// What the engine does not evaluate yet.
    static let awaited: Set<String> = [
        "hydrant-pressure-drop is told by the fall and not by the value",
        "hydrant-water-use takes both the drop and the discharge", "water-main-burst takes three hydrants of one area",
        "hydrant-offline after a day and an hour", "electrical-offline after three reports",
        "charger-temperature-rise takes more than 10 degrees a minute",
        "charger-float takes little power while it charges", "charger-offline after three heartbeats",
        "panel-mains-fault holds back what components say of it, until it ends", "panel-late and panel-offline",
        "smoke-offline after two daily reports and an hour",
    ]

    static let files = Defaults.ruleTests.map(\.name)

    @Test(arguments: files) func testsPass(_ name: String) throws {
        let file = try RuleTestFile(try #require(Defaults.ruleTests.first { $0.name == name }))
        #expect(!file.tests.isEmpty)
        for test in file.tests {
            var report = RuleTestReport()
            report.run(file) { $0 == test.name }
            if Self.awaited.contains(test.name) {
                withKnownIssue { #expect(report.failed.isEmpty, "\(test.name)") }
            } else {
                #expect(report.failed.isEmpty, "\(report.text { time, _ in time.rfc3339 })")
            }
        }
    }

    @Test func everyRuleIsExpectedToRaise() throws {
        var raised: Set<String> = []
        for source in Defaults.ruleTests {
            for test in try RuleTestFile(source).tests {
                for case .expect(let its) in test.steps.map(\.deed) where !its.expected.isEmpty {
                    if case .alarms(let rule) = its.subject { raised.insert(rule) }
                }
            }
        }
        let rules = Set(Defaults.rules(for: Defaults.catalogue).rules.map(\.id))
        #expect(rules.subtracting(raised).isEmpty)
    }
}

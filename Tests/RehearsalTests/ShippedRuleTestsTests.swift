import FireModel
import FireSettings
import Testing

@testable import FireRehearsal

/// The tests that the shipped rules come with.
struct ShippedRuleTestsTests {
    static let files = Defaults.ruleTests.map(\.name)

    @Test(arguments: files) func testsPass(_ name: String) throws {
        let file = try RuleTestFile(try #require(Defaults.ruleTests.first { $0.name == name }))
        #expect(!file.tests.isEmpty)
        for test in file.tests {
            var report = RuleTestReport()
            report.run(file) { $0 == test.name }
            #expect(report.failed.isEmpty, "\(report.text { time, _ in time.rfc3339 })")
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

import FireModel
import FireSettings
import Testing

@testable import FireRehearsal

struct RuleTestTests {
    private func file(_ text: String) throws -> RuleTestFile {
        try RuleTestFile(SourceFile(path: "/tmp/t.yaml", name: "t.yaml", text: text))
    }

    private func report(_ text: String) throws -> RuleTestReport {
        var report = RuleTestReport()
        report.run(try file(text)) { _ in true }
        return report
    }

    private func low(_ checks: String, acts: String = "[]", values: String = "0.3 0.09x9") -> String {
        """
        tests:
          - name: low <pressure>
            input_series:
              - { series: 'pressure{device="h-1",kind="hydrant"}', values: '\(values)' }
            acts: \(acts)
            alarm_rule_test:
              - \(checks)
        """
    }

    @Test func differencesStandSideBySide() throws {
        let report = try report(
            low(
                "{ eval_time: 4m, rule: hydrant-pressure-low, exp_alarms: [{ device: h-1, severity: minor, raised_at: 2m }] }"
            ))
        let text = report.text { time, _ in time.rfc3339 }
        #expect(
            text == """
                FAIL t.yaml:2: low <pressure>
                  t.yaml:7: tests[0].alarm_rule_test[0], alarms of hydrant-pressure-low at 4m (2026-01-05T00:04:00.000Z)
                    hydrant-pressure-low h-1 pressure
                                 expected  got
                      severity   minor     major
                      raised_at  2m        3m
                0 of 1 tests passed, 1 file

                """)
        #expect(report.junit.contains("name=\"low &lt;pressure&gt;\"") && report.junit.contains("failures=\"1\""))
    }

    @Test func whatIsMissingOrTooMuchIsTold() throws {
        let missing = try report(low("{ eval_time: 2m, rule: hydrant-pressure-low, exp_alarms: [{ device: h-1 }] }"))
        #expect(missing.failed.first?.failures.first?.differences == [.missing("device: h-1")])
        let unexpected = try report(low("{ eval_time: 4m, rule: hydrant-pressure-low, exp_alarms: [] }"))
        guard case .unexpected? = unexpected.failed.first?.failures.first?.differences.first else {
            Issue.record("an alarm nobody expects passes")
            return
        }
    }

    @Test func timeDoesNotCountWhileNothingIsHeard() throws {
        let quiet = low(
            "{ eval_time: 7m30s, rule: hydrant-pressure-low, exp_alarms: [] }",
            acts: "[{ at: 1m30s, disconnect: 7m }]", values: "0.3 0.09 _x8")
        #expect(try report(quiet).failed.isEmpty)
        let heard = low("{ eval_time: 7m30s, rule: hydrant-pressure-low, exp_alarms: [] }", values: "0.3 0.09 _x8")
        #expect(try report(heard).failed.count == 1)
    }

    @Test func operatorsActs() throws {
        let acknowledged = low(
            "{ eval_time: 5m, rule: hydrant-pressure-low, exp_alarms: [{ device: h-1, acknowledged: true, acknowledged_by: duty }] }",
            acts: "[{ at: 4m, acknowledge: hydrant-pressure-low, device: h-1, by: duty }]")
        #expect(try report(acknowledged).failed.isEmpty)
        let tooSoon = low(
            "{ eval_time: 5m, rule: hydrant-pressure-low, exp_alarms: [{ device: h-1 }] }",
            acts: "[{ at: 1m, acknowledge: hydrant-pressure-low, device: h-1 }]")
        #expect(
            try report(tooSoon).failed.first?.failures.first?.differences
                == [.remark("no alarm of hydrant-pressure-low on h-1")])
    }

    @Test func mistakesHaveTheirPlace() {
        let text = """
            tests:
              - name: a
                input_series:
                  - { series: 'presure{device="h-1",kind="hydrant"}', values: '0.3' }
                  - { series: 'pressure{device="h-1",kind="hydrant"}', values: '0.3y' }
                alarm_rule_test:
                  - { eval_time: 2, rule: hydrant-presure-low, exp_alarms: [{ severty: major }] }
            """
        do throws(RuleTestProblems) {
            _ = try RuleTestFile(SourceFile(path: "/tmp/t.yaml", name: "t.yaml", text: text))
            Issue.record("it is read")
        } catch {
            let lines = error.problems.map { "\($0.line ?? 0) \($0.path)" }.sorted()
            #expect(
                lines == [
                    "4 tests[0].input_series[0].series", "5 tests[0].input_series[1].values",
                    "7 tests[0].alarm_rule_test[0].eval_time", "7 tests[0].alarm_rule_test[0].exp_alarms[0].severty",
                    "7 tests[0].alarm_rule_test[0].rule",
                ])
            #expect(error.problems.contains { $0.remedy == "did you mean 'pressure'?" })
        }
    }

    @Test(
        arguments: [
            ("0.3x2", [0.3, 0.3, 0.3]), ("0.1+0.01x3", [0.1, 0.11, 0.12, 0.13]), ("1-1x2 _ 5", [1, 0, -1, nil, 5]),
            ("_x2 -1", [nil, nil, -1]), ("1e-1", [0.1]),
        ] as [(String, [Double?])])
    func valuesArePromtools(_ text: String, _ expected: [Double?]) {
        #expect(SeriesNotation.values.parse(text) == expected.map { $0.map { .number($0) } })
    }

    @Test(arguments: ["", "0.1+0.01", "stale", "0.3 x4", "\"open"]) func noValues(_ text: String) {
        #expect(SeriesNotation.values.parse(text) == nil)
    }
}

import FireModel
import FireRehearsal
import Foundation
import Testing

/// `firesense rules backtest` and `report`: the real binary over a database made by an import.
@Suite(.serialized) struct BacktestCommandTests {
    private let start: Int64 = 1_790_000_000_000

    private func rules(_ limit: Double, id: String = "pressure-test") -> String {
        """
        rules:
          - id: \(id)
            kinds: [hydrant]
            category: water
            severity: major
            title: { zh: 压力低, en: Low pressure }
            when: { metric: pressure, below: \(limit) }
            for: 2m
            clear_for: 1m

        """
    }

    /// Two hydrants a minute apart for six hours. Of h-1 the pressure is low from minute 100 to 119 and from 200 to
    /// 209, of h-2 a little from minute 150 to 159; and of h-1 before what is asked for, from minute 10 to 19.
    private var csv: String {
        var lines = ["ts,area,kind,device,component,metric,value"]
        for minute in 0..<360 {
            let first = (10..<20).contains(minute) || (100..<120).contains(minute) || (200..<210).contains(minute)
            let second = (150..<160).contains(minute)
            let at = start + Int64(minute) * 60_000
            lines.append("\(at),320102,hydrant,h-1,,pressure,\(first ? 0.05 : 0.3)")
            lines.append("\(at),320102,hydrant,h-2,,pressure,\(second ? 0.09 : 0.3)")
            lines.append("\(at),320102,hydrant,h-2,,temperature,\(minute % 30)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    @Test func rulesRunOverWhatWasImported() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port)
        try await box.start()
        let file = try box.scratch.write("history.csv", csv)
        let told = try await box.command("import", file)
        #expect(told.contains("1080 stored"), "\(told)")
        let new = try box.scratch.write("new.yaml", rules(0.1))
        let old = try box.scratch.write("old.yaml", rules(0.08))
        let from = "\(start + 60 * 60_000)"
        let to = "\(start + 360 * 60_000)"

        // Beside the daemon, and without it.
        let beside = try await box.command(
            "rules", "backtest", "--rules", new, "--from", from, "--to", to, "--list", "--format", "csv")
        try await box.stop()
        let lines = try await box.command(
            "rules", "backtest", "--rules", new, "--from", from, "--to", to, "--list", "--format", "csv")
        #expect(lines == beside)
        // Raised when it has held for two minutes, cleared when it has been over for one.
        func line(_ device: String, _ began: Int64, _ ended: Int64, _ value: String) -> String {
            "\(start + (began + 2) * 60_000),\(start + (ended + 1) * 60_000),pressure-test,water,major,\(device),,"
                + "pressure,\(value),MPa"
        }
        let raised: [String] = lines.split(separator: "\n").dropFirst().map { String($0) }
        let expected: [String] = [
            line("h-1", 100, 120, "0.05"), line("h-2", 150, 160, "0.09"), line("h-1", 200, 210, "0.05"),
        ]
        #expect(raised == expected)

        let text = try await box.command(
            "rules", "backtest", "--rules", new, "--from", from, "--to", to, "--diff", old, "--format", "json")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        let figures = try #require((json["rules"] as? [[String: Any]])?.first)
        #expect(figures["alarms"] as? Int == 3 && figures["devices"] as? Int == 2)
        // 19, 9 and 9 minutes.
        #expect(figures["active_ms"] as? Int == 37 * 60_000)
        let diff = try #require(json["diff"] as? [String: Any])
        let added = diff["only_new"] as? [[String: Any]] ?? []
        #expect(added.count == 1)
        #expect(added.first?["device"] as? String == "h-2")
        #expect((diff["only_old"] as? [[String: Any]])?.isEmpty == true)
        #expect(diff["both"] as? Int == 2)

        // With the range from the beginning the first one counts, too; a device that is asked for alone.
        let all = try await box.command(
            "rules", "backtest", "--rules", new, "--from", "\(start)", "--to", to, "--device", "h-1", "--format", "csv")
        #expect(all.contains("pressure-test,3,1,"), "\(all)")

        let report = try await box.command("rules", "report", "--from", "-1d", "--format", "json")
        #expect(report.contains("\"warnings\":[\"the time is shorter than 30 days"), "\(report)")
    }

    @Test func rulesWithMistakesAreNotRun() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port)
        try await box.start()
        try await box.stop()
        let wrong = try box.scratch.write("wrong.yaml", rules(0.1).replacing("below", with: "beneath"))
        _ = try await box.command("rules", "backtest", "--rules", wrong, "--from", "-1d", expecting: 78)
        _ = try await box.command(
            "rules", "backtest", "--rules", box.scratch.path("none.yaml"), "--from", "-1d", expecting: 1)
    }
}

@Suite struct BacktestDifferenceTests {
    private let start = Timestamp(milliseconds: 1_790_000_000_000)

    private func alarm(
        _ from: Int64, _ to: Int64?, device: String = "d", rule: String = "r", verdict: Verdict? = nil
    ) -> Alarm {
        var alarm = Alarm(
            id: "\(rule)-\(device)-\(from)", gateway: "g", rule: rule, category: .water, severity: .major,
            latched: false, device: AlarmDevice(id: device, kind: "hydrant", area: "a"), component: nil, metric: "m",
            title: Title(zh: "", en: ""), raisedAt: start + from, receivedAt: start + from)
        alarm.clearedAt = to.map { start + $0 }
        alarm.verdict = verdict
        return alarm
    }

    private func outcome(_ alarms: [Alarm]) -> BacktestOutcome {
        var outcome = BacktestOutcome(from: start, to: start + 10_000)
        outcome.alarms = alarms.map { BacktestAlarm($0) }
        return outcome
    }

    @Test func alarmsAreTheSameWhereTheirTimesOverlap() {
        let new = outcome([alarm(100, 200), alarm(300, 400), alarm(500, nil), alarm(100, 200, device: "e")])
        let old = outcome([alarm(150, 160), alarm(401, 450), alarm(9000, 9001)])
        let difference = BacktestDifference(new: new, old: old)
        let kept: [Int64] = difference.kept.map { $0.raisedAt - start }
        #expect(kept == [100, 500] as [Int64])
        let added: [String] = difference.added.map { "\($0.device) \($0.raisedAt - start)" }
        #expect(added == ["d 300", "e 100"] as [String])
        let removed: [Int64] = difference.removed.map { $0.raisedAt - start }
        #expect(removed == [401] as [Int64])
    }

    @Test func aRuleThatReplacesAnotherCountsAsThat() {
        let rule = RuleDefinition(
            id: "mine", kinds: [], category: .water, severity: .major, title: Title(zh: "", en: ""),
            when: Condition(subject: .metrics(["m"]), test: .above(1)), replaces: "r")
        let new = outcome([alarm(100, 200, rule: "mine")])
        let old = outcome([alarm(100, 200)])
        #expect(BacktestDifference(new: new, old: old, newRules: [rule]).kept.count == 1)
        #expect(BacktestDifference(new: new, old: old).kept.isEmpty)
    }

    @Test func verdictsAreJoined() {
        let stored = [
            alarm(100, 200, verdict: .trueFire), alarm(300, 400, verdict: .trueAlarm),
            alarm(500, 600, verdict: .falseAlarm), alarm(700, 800, verdict: .falseAlarm),
            alarm(900, 950, verdict: .falseAlarm), alarm(960, 970, verdict: .test), alarm(980, 990),
            alarm(20_000, 30_000, verdict: .falseAlarm),
        ]
        let judged = JudgedAlarms(stored, by: outcome([alarm(110, 190), alarm(520, 530)]))
        let counts: [Int] = [judged.trueRaised, judged.trueLost, judged.falseRaised, judged.falseAvoided]
        #expect(counts == [1, 1, 1, 2] as [Int])
    }

    @Test func onlyWhatRulesWatchIsRead() {
        func rule(_ kinds: [String], _ when: Condition) -> RuleDefinition {
            RuleDefinition(
                id: "r", kinds: kinds, category: .water, severity: .major, title: Title(zh: "", en: ""), when: when)
        }
        let term = { (metric: String) in Condition(subject: .metrics([metric]), test: .above(1)) }
        let interest = Interest([
            rule(["hydrant"], .all([term("pressure"), .not(term("flow"))])),
            rule(["smoke"], .silent(.intervals(3))),
        ])
        #expect(interest.includes(kind: "hydrant", metric: "pressure"))
        #expect(interest.includes(kind: "hydrant", metric: "flow"))
        #expect(!interest.includes(kind: "hydrant", metric: "temperature"))
        #expect(!interest.includes(kind: "charger", metric: "pressure"))
        #expect(interest.includes(kind: "smoke", metric: "battery"))
        // Fires and events always.
        #expect(interest.includes(kind: "charger", metric: "smoke"))
        #expect(interest.includes(kind: "panel", metric: "event.fault"))
    }
}

import FireModel
import FireStore

/// What would make a rule better, by what people judged of its alarms and the history of these. Never applied by
/// itself, never about fire, and never one that would have lost a true alarm.
public struct LimitSuggestion: Sendable, Equatable {
    public enum Outcome: Sendable, Equatable {
        /// Fewer verdicts than anything can be concluded from.
        case tooFew(Int)
        /// Of all that was tried, nothing avoids a false alarm without losing a true one.
        case none
        case change(Change)
    }

    public struct Change: Sendable, Equatable {
        public var limit: Double
        public var formerLimit: Double
        public var holdFor: Duration
        public var formerHoldFor: Duration
        public var falseAvoided: Int
        public var falseAlarms: Int
        public var trueAlarms: Int
        public var rule: RuleDefinition
    }

    public var rule: String
    public var unit: String?
    public var from: Timestamp
    public var to: Timestamp
    /// Judged alarms that are not in stored history any more, which nothing can be tried with.
    public var forgotten: Int
    public var outcome: Outcome

    public static let leastVerdicts = 5

    /// - Parameter judged: stored alarms with a verdict, of any rule.
    /// - Returns: one for each rule over a number that has been judged.
    public static func all(
        _ judged: [Alarm], rules: [RuleDefinition], catalogue: Catalogue, gateway: String, reader: StoreReader
    ) throws -> [LimitSuggestion] {
        try rules.compactMap { rule in
            let its = judged.filter { $0.rule == rule.id && $0.verdict?.isTrue != nil }
            guard let candidates = LimitCandidates(rule), let first = its.map(\.raisedAt).min(),
                let last = its.map({ $0.clearedAt ?? $0.raisedAt }).max()
            else { return nil }
            // A little more than they took: a raise on its edge would be one of the time before.
            let (from, to) = (first + -3_600_000, last + 3_600_000)
            var suggestion = LimitSuggestion(
                rule: rule.id, unit: its.first?.unit, from: from, to: to, forgotten: 0,
                outcome: .tooFew(its.count))
            if its.count >= leastVerdicts {
                var test = Backtest(catalogue: catalogue, gateway: gateway, from: from, to: to)
                test.filter.devices = Set(its.map(\.device.id)).sorted()
                try suggestion.evaluate(candidates, its, test, reader)
            }
            return suggestion
        }
    }

    private mutating func evaluate(
        _ candidates: LimitCandidates, _ judged: [Alarm], _ test: Backtest, _ reader: StoreReader
    ) throws {
        let falses = try judged.filter { $0.verdict?.isTrue == false }.compactMap { alarm -> Double? in
            let context = try reader.context(of: alarm.id) ?? reader.surroundings(of: alarm).series
            let values =
                context.filter { $0.metric == alarm.metric }.flatMap(\.points).map(\.value)
                + [alarm.value]
                .compactMap(\.self)
            return candidates.extreme(
                values.compactMap { if case .number(let x) = $0 { x } else { nil } })
        }
        let tried = candidates.candidates(falses)
        // All in one pass; the rule as it is tells which alarms are still in stored history.
        let outcomes = try test.run(
            [Backtest.Candidate([candidates.rule])] + tried.map { Backtest.Candidate([$0.rule]) }, over: reader)
        let baseline = AlarmTimes(outcomes[0].alarms, rules: [])
        let known = judged.filter { baseline.meets(BacktestAlarm($0), named: RuleNames([])) }
        forgotten = judged.count - known.count
        guard known.count >= Self.leastVerdicts else { return outcome = .tooFew(known.count) }
        outcome = .none
        var best = 0
        // In the order of how little they change: only what avoids more takes the place of one before.
        for (candidate, result) in zip(tried, outcomes.dropFirst()) {
            let its = JudgedAlarms(known, by: result)
            guard its.trueLost == 0, its.falseAvoided > best else { continue }
            best = its.falseAvoided
            outcome = .change(
                Change(
                    limit: candidate.limit, formerLimit: candidates.limit, holdFor: candidate.holdFor,
                    formerHoldFor: candidates.rule.holdFor, falseAvoided: its.falseAvoided,
                    falseAlarms: its.falseRaised + its.falseAvoided, trueAlarms: its.trueRaised,
                    rule: candidate.rule))
        }
    }
}

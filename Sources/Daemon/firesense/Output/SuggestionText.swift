import FireModel
import FireRehearsal

/// Suggestions as sentences, with the YAML to paste.
struct SuggestionText {
    var suggestions: [LimitSuggestion]
    /// Ids of shipped rules, for which another must stand in.
    var shipped: Set<String>
    var time: LocalTime

    var text: String {
        if suggestions.isEmpty { return "no rule over a number has a verdict in this time\n" }
        return suggestions.map(text).joined(separator: "\n")
    }

    private func text(_ its: LimitSuggestion) -> String {
        let gone = its.forgotten > 0 ? " (\(its.forgotten) more are not in stored history any more)" : ""
        switch its.outcome {
        case .tooFew(let count):
            return "\(its.rule): \(count) verdicts are too few, at least \(LimitSuggestion.leastVerdicts)\(gone)\n"
        case .none: return "\(its.rule): nothing tried avoids a false alarm without losing a true one\(gone)\n"
        case .change(let change): return sentence(its, change) + gone + "\n" + yaml(change.rule)
        }
    }

    private func sentence(_ its: LimitSuggestion, _ change: LimitSuggestion.Change) -> String {
        let unit = its.unit.map { " \($0)" } ?? ""
        let what =
            change.limit == change.formerLimit
            ? "let \(its.rule) wait \(change.holdFor.firesense) instead of \(change.formerHoldFor.firesense)"
            : "\(change.limit > change.formerLimit ? "raise" : "lower") \(its.rule) from \(shortest(change.formerLimit)) "
                + "to \(shortest(change.limit))\(unit)"
        return
            "\(what): it would have avoided \(change.falseAvoided) of \(change.falseAlarms) false alarms and lost 0 of "
            + "\(change.trueAlarms) true ones (backtest \(time.text(its.from)) – \(time.text(its.to)))"
    }

    private func yaml(_ rule: RuleDefinition) -> String {
        let isShipped = shipped.contains(rule.id)
        var lines = ["  - id: \(isShipped ? "\(rule.id)-tuned" : rule.id)"]
        if isShipped { lines.append("    replaces: \(rule.id)") }
        if !isShipped { lines.append("    # the changed lines of it") }
        if isShipped {
            lines.append("    kinds: [\(rule.kinds.joined(separator: ", "))]")
            lines.append("    category: \(rule.category.rawValue)")
            lines.append("    severity: \(rule.severity.rawValue)")
            lines.append("    title: { zh: \"\(rule.title.zh)\", en: \"\(rule.title.en)\" }")
        }
        if let when = condition(rule.when) { lines.append("    when: \(when)") }
        if let clear = rule.clear.flatMap(condition) { lines.append("    clear: \(clear)") }
        if rule.holdFor > .zero { lines.append("    for: \(rule.holdFor.firesense)") }
        if isShipped, rule.latch { lines.append("    latch: true") }
        if isShipped, rule.clearFor > .zero { lines.append("    clear_for: \(rule.clearFor.firesense)") }
        return lines.joined(separator: "\n") + "\n"
    }

    private func condition(_ condition: Condition) -> String? {
        guard case .term(let term) = condition, case .metrics(let names) = term.subject else { return nil }
        let metric = names.count == 1 ? "metric: \(names[0])" : "metrics: [\(names.joined(separator: ", "))]"
        let test: String
        switch term.test {
        case .above(let x): test = "above: \(shortest(x))"
        case .atLeast(let x): test = "at_least: \(shortest(x))"
        case .below(let x): test = "below: \(shortest(x))"
        case .atMost(let x): test = "at_most: \(shortest(x))"
        case .between, .outside, .equals, .oneOf, .changed, .reported: return nil
        }
        return "{ \(metric), \(test) }"
    }
}

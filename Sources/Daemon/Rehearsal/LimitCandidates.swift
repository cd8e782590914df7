import FireModel

/// Another limit, or another `for`, that a rule over one number might have.
struct LimitCandidate {
    var rule: RuleDefinition
    var limit: Double
    var holdFor: Duration
}

/// What could be tried of a rule whose alarms people have judged.
struct LimitCandidates {
    let rule: RuleDefinition
    let limit: Double
    private let term: Condition.Term
    private let rises: Bool

    /// More of them would be tried without telling more.
    private static let most = 8

    /// `nil`: it has no limit that could be another one, or it is about fire, of which nobody suggests to see less.
    init?(_ rule: RuleDefinition) {
        guard rule.category != .fire, rule.overrides.isEmpty, case .term(let term) = rule.when,
            case .metrics = term.subject, term.measure == .value
        else { return nil }
        self.rule = rule
        self.term = term
        switch term.test {
        case .above(let x), .atLeast(let x): (limit, rises) = (x, true)
        case .below(let x), .atMost(let x): (limit, rises) = (x, false)
        default: return nil
        }
    }

    /// - Parameter falses: how far the values of false alarms went.
    func candidates(_ falses: [Double]) -> [LimitCandidate] {
        let beyond = Set(falses.map { rounded($0) }).filter { rises ? $0 > limit : $0 < limit }
            .sorted { ($0 - limit).magnitude < ($1 - limit).magnitude }
        // Spread over all of them, the farthest among them.
        let step = max(1, (beyond.count + Self.most - 1) / Self.most)
        let limits = beyond.indices.filter { $0 % step == step - 1 || $0 == beyond.count - 1 }.map { beyond[$0] }
        let holds = [Duration.seconds(60), .seconds(120), .seconds(300), .seconds(600)].filter { $0 > rule.holdFor }
        return limits.map { with(limit: $0, holdFor: rule.holdFor) } + holds.map { with(limit: limit, holdFor: $0) }
    }

    /// The number that is farthest from the limit.
    func extreme(_ values: [Double]) -> Double? { rises ? values.max() : values.min() }

    /// Away from the limit to two digits behind the first of it: a limit is set by people.
    private func rounded(_ value: Double) -> Double {
        guard value != 0, value.isFinite else { return value }
        var scale = 1.0
        while (value.magnitude * scale) < 100, scale < 1e9 { scale *= 10 }
        // One beyond, so that a value on it does not raise, whichever way the test is meant.
        let shifted = value * scale
        return (rises ? shifted.rounded(.down) + 1 : shifted.rounded(.up) - 1) / scale
    }

    private func with(limit other: Double, holdFor: Duration) -> LimitCandidate {
        var changed = rule
        var its = term
        its.test = Self.shift(term.test, by: other - limit)
        changed.when = .term(its)
        changed.holdFor = holdFor
        // The distance between raise and clear stays.
        if case .term(var clear)? = rule.clear, case .metrics = clear.subject {
            clear.test = Self.shift(clear.test, by: other - limit)
            changed.clear = .term(clear)
        }
        return LimitCandidate(rule: changed, limit: other, holdFor: holdFor)
    }

    private static func shift(_ test: Condition.Test, by distance: Double) -> Condition.Test {
        func moved(_ x: Double) -> Double { ((x + distance) * 1e9).rounded() / 1e9 }
        switch test {
        case .above(let x): return .above(moved(x))
        case .atLeast(let x): return .atLeast(moved(x))
        case .below(let x): return .below(moved(x))
        case .atMost(let x): return .atMost(moved(x))
        case .between, .outside, .equals, .oneOf, .changed, .reported: return test
        }
    }
}

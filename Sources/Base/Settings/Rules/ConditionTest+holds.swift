import FireModel

extension Condition {
    /// Whether one reading or event fulfils both, so that the alarm would be raised and cleared by it.
    func canHoldTogether(with other: Condition) -> Bool {
        guard case .term(let term) = self, case .term(let its) = other else {
            // Of a function and a value of the same metric nobody knows which go together.
            let known = Set(terms.map { "\($0.subject) \($0.measure)" })
            guard other.terms.allSatisfy({ known.contains("\($0.subject) \($0.measure)") }) else { return false }
            return Condition.all([self, other]).canBeFulfilled
        }
        return switch (term.subject, its.subject) {
        case (.events(let names), .events(let others)): !Set(names).isDisjoint(with: others)
        default: term.measure == its.measure && term.test.canHoldTogether(with: its.test)
        }
    }
}

extension Condition.Test {
    /// Whether some value fulfils both, so that the alarm would be raised and cleared by it.
    func canHoldTogether(with other: Condition.Test) -> Bool {
        (candidates + other.candidates).contains { holds($0) && other.holds($0) }
    }

    /// Types of values it can be true of.
    var types: Set<Metric.ValueType> {
        switch self {
        case .above, .below, .atLeast, .atMost, .between, .outside: [.number]
        case .reported: [.boolean]
        case .changed: Set(Metric.ValueType.allCases)
        case .equals, .oneOf:
            Set(listed.map(\.type))
        }
    }

    /// Its limits.
    var numbers: [Double] {
        switch self {
        case .above(let x), .below(let x), .atLeast(let x), .atMost(let x): [x]
        case .between(let range), .outside(let range): [range.lowerBound, range.upperBound]
        case .equals, .oneOf: listed.compactMap { if case .number(let x) = $0 { x } else { nil } }
        case .changed, .reported: []
        }
    }

    var listed: [Value] {
        switch self {
        case .equals(let value): [value]
        case .oneOf(let values): values
        default: []
        }
    }

    func holds(_ value: Value) -> Bool {
        switch (self, value) {
        case (.above(let limit), .number(let x)): x > limit
        case (.below(let limit), .number(let x)): x < limit
        case (.atLeast(let limit), .number(let x)): x >= limit
        case (.atMost(let limit), .number(let x)): x <= limit
        case (.between(let range), .number(let x)): range.contains(x)
        case (.outside(let range), .number(let x)): !range.contains(x)
        case (.equals, _), (.oneOf, _): listed.contains(value)
        case (.reported, .boolean(let active)): active
        default: false
        }
    }
}

import FireModel

/// A rule in the form that is evaluated: nothing in it is looked up by name.
struct CompiledRule: Sendable {
    var definition: RuleDefinition
    private var when: Condition.Term
    private var clear: Condition.Term?
    var timing: AlarmMachine.Timing
    /// Fire takes no part in what holds others back, and raises also from inputs that come late.
    var isFire: Bool

    init(_ definition: RuleDefinition) {
        self.definition = definition
        let plain = definition.when.term.flatMap { $0.measure == .value ? $0 : nil }
        when = plain ?? Condition.Term(subject: .metrics([]), test: .reported)
        clear = definition.clear?.term
        timing = AlarmMachine.Timing(
            holdFor: definition.holdFor.wholeMilliseconds, clearFor: definition.clearFor.wholeMilliseconds,
            isLatched: definition.latch || definition.category == .fire)
        isFire = definition.category == .fire
    }

    func holds(_ value: Value) -> Bool { when.test.isFulfilled(by: value) }

    /// Implausible values never clear: 999 MPa is no proof that the pressure is back.
    func clears(_ value: Value, _ quality: Quality) -> Bool {
        guard quality.isDisjoint(with: .implausible) else { return false }
        guard let clear, case .metrics = clear.subject else { return !holds(value) }
        return clear.test.isFulfilled(by: value)
    }

    /// The number to show beside the value.
    func limit(for value: Value) -> Double? {
        switch when.test {
        case .above(let x), .below(let x), .atLeast(let x), .atMost(let x): return x
        case .outside(let range):
            guard case .number(let number) = value else { return nil }
            return number > range.upperBound ? range.upperBound : range.lowerBound
        case .between(let range): return range.lowerBound
        case .equals(.number(let x)): return x
        case .equals, .oneOf, .changed, .reported: return nil
        }
    }

    func applies(toKind kind: String) -> Bool { definition.kinds.isEmpty || definition.kinds.contains(kind) }

    func watches(metric: String) -> Bool {
        switch when.subject {
        case .metrics(let names): names.contains(metric)
        case .events(let names): names.contains { metric == EventName.metricPrefix + $0 }
        }
    }

    /// Ended by an event that is not the opposite of its own.
    func isClearedBy(metric: String) -> Bool {
        guard case .events(let names)? = clear?.subject else { return false }
        return names.contains { metric == EventName.metricPrefix + $0 }
    }
}

extension Condition.Test {
    func isFulfilled(by value: Value) -> Bool {
        switch (self, value) {
        case (.above(let limit), .number(let x)): x > limit
        case (.below(let limit), .number(let x)): x < limit
        case (.atLeast(let limit), .number(let x)): x >= limit
        case (.atMost(let limit), .number(let x)): x <= limit
        case (.between(let range), .number(let x)): range.contains(x)
        case (.outside(let range), .number(let x)): !range.contains(x)
        case (.equals(.number(let wanted)), .number(let x)): wanted == x
        case (.equals(let wanted), _): wanted == value
        case (.oneOf(let wanted), .number(let x)): wanted.contains { $0 == .number(x) }
        case (.oneOf(let wanted), _): wanted.contains(value)
        case (.reported, .boolean(let active)): active
        default: false
        }
    }
}

import FireModel

/// One term of a condition: nothing in it is looked up by a short name. Shared and not copied, as it is taken for each
/// reading.
final class CompiledTerm: Sendable {
    /// As series are named; of events with their prefix.
    let names: [String]
    let isEvent: Bool
    let measure: Condition.Measure
    let test: Condition.Test
    /// Of what the measure reaches back over, in milliseconds.
    let window: Int64
    /// What it says depends on more than the reading at hand.
    let needsMemory: Bool

    init(_ term: Condition.Term) {
        switch term.subject {
        case .metrics(let names): (self.names, isEvent) = (names, false)
        case .events(let names): (self.names, isEvent) = (names.map { EventName.metricPrefix + $0 }, true)
        }
        measure = term.measure
        test = term.test
        window = term.measure.window.wholeMilliseconds
        needsMemory = term.measure != .value || term.test == .changed
    }

    /// The same of one of its metrics.
    init(_ whole: CompiledTerm, only name: String) {
        names = [name]
        (isEvent, measure, test, window, needsMemory) = (
            whole.isEvent, whole.measure, whole.test, whole.window, whole.needsMemory
        )
    }

    func isAlike(_ other: CompiledTerm) -> Bool {
        names == other.names && measure == other.measure && test == other.test
    }

    /// The number to show beside the value.
    func limit(for value: Value) -> Double? {
        switch test {
        case .above(let x), .below(let x), .atLeast(let x), .atMost(let x): return x
        case .outside(let range):
            guard case .number(let number) = value else { return nil }
            return number > range.upperBound ? range.upperBound : range.lowerBound
        case .between(let range): return range.lowerBound
        case .equals(.number(let x)): return x
        case .equals, .oneOf, .changed, .reported: return nil
        }
    }
}

/// What a condition makes of an input. Neither: there is nothing to go by yet.
struct Answer: Equatable, Sendable {
    var holds: Bool
    var clears: Bool
    static let unknown = Answer(holds: false, clears: false)
}

extension Condition.Test {
    /// Of `changed` it is the change that is asked, as a boolean.
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

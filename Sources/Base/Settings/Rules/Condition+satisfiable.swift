import FireModel

// Whether some value fulfils a condition, or every one does. Conditions change only at their limits, so the limits and
// their neighbours stand for all numbers.
extension Condition {
    /// Some values fulfil it. In doubt `true`.
    var canBeFulfilled: Bool { ways(isWanted: true).map { $0.contains(where: Self.isPossible) } ?? true }

    /// Every value fulfils it. In doubt `false`.
    var isAlwaysFulfilled: Bool {
        switch self {
        case .silent: false
        // What it looks for is judged by itself.
        case .coincidence: false
        default: ways(isWanted: false).map { !$0.contains(where: Self.isPossible) } ?? false
        }
    }

    /// A term, or the opposite of one.
    private struct Literal {
        var term: Term
        var isWanted: Bool

        var isTold: Bool { if case .changed = term.test { false } else { true } }
    }

    /// More ways than this are not looked through.
    private static let most = 4096

    /// All ways in which it can be fulfilled, or not be: each is a list of what must hold together. `nil`: too many.
    private func ways(isWanted: Bool) -> [[Literal]]? {
        switch self {
        case .term(let term): return [[Literal(term: term, isWanted: isWanted)]]
        case .not(let part): return part.ways(isWanted: !isWanted)
        case .all(let parts): return isWanted ? Self.together(parts, true) : Self.either(parts, false)
        case .any(let parts): return isWanted ? Self.either(parts, true) : Self.together(parts, false)
        case .coincidence(let it): return it.of.ways(isWanted: isWanted)
        case .silent: return [[]]
        }
    }

    private static func either(_ parts: [Condition], _ isWanted: Bool) -> [[Literal]]? {
        let found = FireSettings.all(parts.map { $0.ways(isWanted: isWanted) })?.flatMap { $0 }
        return found.flatMap { $0.count <= most ? $0 : nil }
    }

    private static func together(_ parts: [Condition], _ isWanted: Bool) -> [[Literal]]? {
        var found: [[Literal]] = [[]]
        for part in parts {
            guard let ways = part.ways(isWanted: isWanted), ways.count * found.count <= most else { return nil }
            found = found.flatMap { one in ways.map { one + $0 } }
        }
        return found
    }

    /// Each subject can have a value that fulfils all that is said of it.
    private static func isPossible(_ way: [Literal]) -> Bool {
        let told = Dictionary(grouping: way.filter(\.isTold)) { "\($0.term.subject) \($0.term.measure)" }
        return told.values.allSatisfy { literals in
            let types = literals.map(\.term.test.types).reduce(Set(Metric.ValueType.allCases)) { $0.intersection($1) }
            let isCount = literals[0].term.measure.isCount
            return literals.flatMap(\.term.test.candidates).contains { value in
                if case .number(let number) = value, isCount, number < 0 { return false }
                return types.contains(value.type)
                    && literals.allSatisfy { $0.term.test.holds(value) == $0.isWanted }
            }
        }
    }
}

extension Condition.Test {
    /// Values between which it tells apart.
    var candidates: [Value] {
        numbers.flatMap { [$0, $0.nextUp, $0.nextDown] }.map { Value.number($0) } + listed
            // Another text than those listed.
            + [.boolean(true), .boolean(false), .text("\u{0}")]
    }
}

extension Value {
    var type: Metric.ValueType {
        switch self {
        case .number: .number
        case .boolean: .boolean
        case .text: .text
        }
    }
}

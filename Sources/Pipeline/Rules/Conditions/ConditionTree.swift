import FireModel

/// `all`, `any` and `not` over what is known of up to 32 terms on one device or component.
struct ConditionTree: Sendable {
    indirect enum Node: Sendable, Equatable {
        /// Its place among the terms.
        case term(Int)
        case all([Node])
        case any([Node])
        case not(Node)
    }

    /// Of one metric each; first those of `when`, then those of `clear`.
    private(set) var terms: [CompiledTerm] = []
    private(set) var when = Node.any([])
    private(set) var clear: Node?

    static let maximumTerms = 32

    init(when: Condition, clear: Condition?) {
        self.when = compile(when)
        self.clear = clear.map { compile($0) }
    }

    private mutating func compile(_ condition: Condition) -> Node {
        switch condition {
        case .term(let term):
            let whole = CompiledTerm(term)
            return .any(
                whole.names.compactMap { name in
                    let single = CompiledTerm(whole, only: name)
                    if let known = terms.firstIndex(where: single.isAlike) { return .term(known) }
                    guard terms.count < Self.maximumTerms else { return nil }
                    terms.append(single)
                    return .term(terms.count - 1)
                })
        case .all(let parts): return .all(parts.map { compile($0) })
        case .any(let parts): return .any(parts.map { compile($0) })
        case .not(let part): return .not(compile(part))
        case .coincidence, .silent: return .any([])
        }
    }

    /// What has been said of the terms, a bit each.
    struct Known: Equatable, Sendable {
        var known: UInt32 = 0
        var truth: UInt32 = 0
        /// Milliseconds since 1970 of the newest input.
        var newest: Int64 = .min

        mutating func note(_ term: Int, _ answer: Answer) {
            // Between its two limits a term stays what it was.
            guard answer.holds || answer.clears else { return }
            known |= 1 << term
            if answer.holds { truth |= 1 << term } else { truth &= ~(1 << term) }
        }
    }

    func answer(_ known: Known) -> Answer {
        let holds = evaluate(when, known)
        let clears = clear.map { evaluate($0, known) == true } ?? (holds == false)
        return Answer(holds: holds == true, clears: clears && holds != true)
    }

    /// `nil`: not known.
    private func evaluate(_ node: Node, _ its: Known) -> Bool? {
        switch node {
        case .term(let index):
            return its.known >> index & 1 == 1 ? its.truth >> index & 1 == 1 : nil
        case .not(let part): return evaluate(part, its).map { !$0 }
        case .all(let parts):
            var all: Bool? = true
            for part in parts {
                switch evaluate(part, its) {
                case false: return false
                case nil: all = nil
                default: break
                }
            }
            return all
        case .any(let parts):
            var any: Bool? = false
            for part in parts {
                switch evaluate(part, its) {
                case true: return true
                case nil: any = nil
                default: break
                }
            }
            return any
        }
    }
}

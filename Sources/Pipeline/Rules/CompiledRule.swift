import FireModel

/// A rule in the form that is evaluated: nothing in it is looked up by name. Shared and not copied, as it is taken for
/// each reading.
final class CompiledRule: Sendable {
    /// As it is for the devices it is for: what an override says is in it.
    let definition: RuleDefinition
    /// As it is for the others.
    let base: RuleDefinition
    /// Which of the overrides it is, -1: the rule as it stands.
    let choice: Int
    let timing: AlarmMachine.Timing
    /// Fire takes no part in what holds others back, and raises also from inputs that come late.
    let isFire: Bool
    let form: Form
    let schedule: ScheduleClock?
    /// What it makes of an input is what its condition comes to, and nothing else.
    let isDirect: Bool

    enum Form: Sendable {
        /// Each series has an alarm of its own.
        case term(CompiledTerm, clear: Condition.Test?, clearedBy: [String])
        /// Each device or component has one.
        case tree(ConditionTree)
        /// Each area, site or group has one.
        case crowd(Gathering)
        /// Each device has one.
        case silent(Condition.Silence)
    }

    /// Of a coincidence.
    struct Gathering: Sendable {
        indirect enum Member: Sendable {
            case term(CompiledTerm)
            case tree(ConditionTree)
        }
        var member: Member
        var wanted: Int
        /// Milliseconds.
        var within: Int64
        var place: Condition.Coincidence.Place
    }

    init(_ rule: RuleDefinition, choice: Int = -1) {
        base = rule
        var taken = rule
        if choice >= 0 { taken.take(rule.overrides[choice]) }
        let definition = taken
        self.definition = definition
        self.choice = choice
        timing = AlarmMachine.Timing(
            holdFor: definition.holdFor.wholeMilliseconds, clearFor: definition.clearFor.wholeMilliseconds,
            isLatched: definition.latch || definition.category == .fire)
        isFire = definition.category == .fire
        form = Form(when: definition.when, clear: definition.clear)
        schedule = definition.schedule.map(ScheduleClock.init)
        isDirect = definition.repeats == nil && definition.schedule == nil
    }

    /// A comparison is all it needs: no memory, no schedule, no count of samples.
    var isPlain: Bool {
        guard case .term(let term, _, _) = form else { return false }
        return !term.needsMemory && isDirect
    }

    func holds(_ value: Value) -> Bool {
        guard case .term(let term, _, _) = form else { return false }
        return term.test.isFulfilled(by: value)
    }

    /// Implausible values never clear: 999 MPa is no proof that the pressure is back.
    func clears(_ value: Value, _ quality: Quality) -> Bool {
        guard case .term(let term, let clear, _) = form, quality.isDisjoint(with: .implausible) else { return false }
        return clear?.isFulfilled(by: value) ?? !term.test.isFulfilled(by: value)
    }

    /// The number to show beside the value.
    func limit(for value: Value) -> Double? {
        switch form {
        case .term(let term, _, _): term.limit(for: value)
        case .tree: nil
        case .crowd(let gathering): Double(gathering.wanted)
        case .silent: nil
        }
    }

    func applies(toKind kind: String) -> Bool { definition.kinds.isEmpty || definition.kinds.contains(kind) }

    /// Each series of the metric has an alarm of its own.
    func watches(metric: String) -> Bool {
        guard case .term(let term, _, _) = form else { return false }
        return term.names.contains(metric)
    }

    /// Ended by an event that is not the opposite of its own.
    func isClearedBy(metric: String) -> Bool {
        guard case .term(_, _, let names) = form else { return false }
        return names.contains(metric)
    }

    /// Of the same devices it asks the same.
    func asksAlike(_ other: CompiledRule) -> Bool {
        base.id == other.base.id && base.kinds == other.base.kinds && base.selector == other.base.selector
            && base.overrides == other.base.overrides && base.when == other.base.when
    }

    /// What it remembers goes on under the other: it asks the same.
    func remembersAlike(_ other: CompiledRule) -> Bool {
        definition.id == other.definition.id && definition.when == other.definition.when
            && definition.clear == other.definition.clear && definition.repeats == other.definition.repeats
    }
}

extension CompiledRule.Form {
    init(when: Condition, clear: Condition?) {
        switch when {
        case .term(let term):
            var clearedBy: [String] = []
            var test: Condition.Test?
            if let its = clear?.term {
                switch its.subject {
                case .events: clearedBy = CompiledTerm(its).names
                case .metrics: test = its.test
                }
            }
            self = .term(CompiledTerm(term), clear: test, clearedBy: clearedBy)
        case .all, .any, .not: self = .tree(ConditionTree(when: when, clear: clear))
        case .silent(let silence): self = .silent(silence)
        case .coincidence(let it):
            let member: CompiledRule.Gathering.Member =
                if let term = it.of.term { .term(CompiledTerm(term)) } else {
                    .tree(ConditionTree(when: it.of, clear: nil))
                }
            self = .crowd(
                CompiledRule.Gathering(
                    member: member, wanted: it.devices, within: it.within.wholeMilliseconds, place: it.place))
        }
    }
}

extension RuleDefinition {
    /// As an override has it.
    fileprivate mutating func take(_ its: RuleOverride) {
        severity = its.severity ?? severity
        if let when = its.when {
            self.when = when
            clear = its.clear
        } else {
            clear = its.clear ?? clear
        }
        holdFor = its.holdFor ?? holdFor
        clearFor = its.clearFor ?? clearFor
    }
}

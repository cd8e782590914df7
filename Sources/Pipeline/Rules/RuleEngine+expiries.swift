import FireModel
import HeapModule

/// Set for a memory; what has become of it since, only that can tell.
struct Expiry: Comparable {
    var deadline: Int64
    /// Of a memory; of a crowd its rule and place.
    var memory: Int32
    var crowd = CrowdKey(rule: -1, place: -1)

    static func < (a: Expiry, b: Expiry) -> Bool { a.deadline < b.deadline }
}

/// What rules remember that changes because time passes and nothing comes.
extension RuleEngine {
    var nextExpiry: Int64? {
        while let top = expiries.min {
            if expiry(of: top) == top.deadline { return top.deadline }
            takeExpiry(top)
            renew(top)
        }
        return nil
    }

    /// What changes because time passes and nothing comes, in the order in which it does.
    func expireMemories(live: Int64, now: Timestamp) -> Bool {
        var due: [(deadline: Int64, order: KeyOrder, slot: UInt8, expiry: Expiry)] = []
        while let top = expiries.min, top.deadline <= live {
            takeExpiry(top)
            guard let deadline = expiry(of: top) else { continue }
            guard deadline <= live else {
                renew(top)
                continue
            }
            if top.memory >= 0 {
                let its = memories[Int(top.memory)]
                due.append((deadline, order(of: its.place, rule: its.rule), its.slot, top))
            } else {
                due.append((deadline, order(of: top.crowd.place, rule: top.crowd.rule), 0, top))
            }
        }
        due.sort { ($0.deadline, $0.order, $0.slot) < ($1.deadline, $1.order, $1.slot) }
        for (index, item) in due.enumerated() {
            if index > 0, due[index - 1].deadline != item.deadline { settle() }
            expire(item.expiry, live: live, now: now)
        }
        settle()
        return !due.isEmpty
    }

    func expire(_ expiry: Expiry, live: Int64, now: Timestamp) {
        guard expiry.memory >= 0 else {
            guard case .crowd(let gathering) = rules[Int(expiry.crowd.rule)].form, let its = crowds[expiry.crowd]
            else { return }
            judgeCrowd(expiry.crowd, gathering, passed(at: its.at, live: its.live, to: live, now), now: now)
            return
        }
        let index = Int(expiry.memory)
        let its = memories[index]
        guard let term = term(its.rule, its.slot) else { return }
        var input = passed(at: its.at, live: its.live, to: live, now)
        var content = its.content
        memories[index].content = .repeats(0)
        let value = term.passed(at: input.at.milliseconds, &content)
        memories[index].content = content
        memories[index].at = input.at.milliseconds
        memories[index].live = live
        setExpiry(of: expiry.memory, term)
        let compiled = rules[Int(its.rule)]
        switch compiled.form {
        case .term(_, let clear, _):
            let answer = term.answer(value, clear: clear)
            (input.holds, input.clears) = (answer.holds, answer.clears)
            judge(its.rule, its.place, input, value, nil, now: now)
        case .tree: note(term.answer(value, clear: nil), its, input)
        case .crowd(let gathering):
            guard case .term = gathering.member else { return note(term.answer(value, clear: nil), its, input) }
            let answer = term.answer(value, clear: nil)
            (input.holds, input.clears) = (answer.holds, answer.clears)
            join(its.rule, gathering, its.place, device(of: its.place), input)
        case .silent: break
        }
    }

    func note(_ answer: Answer, _ memory: Memory, _ input: AlarmMachine.Input) {
        let key = place(of: memory.place)
        var known = known(memory.rule, key)
        known.note(Int(memory.slot), answer)
        setContent(.tree(known), memory.rule, Memory.Slot.tree, key)
        pend(PendingTree(rule: memory.rule, key: key, value: nil, reading: nil, input: input, isLate: false))
    }

    /// An input of time alone: the device's clock has gone on as far as that of the gateway.
    func passed(at: Int64, live then: Int64, to live: Int64, _ now: Timestamp) -> AlarmMachine.Input {
        AlarmMachine.Input(
            holds: false, clears: false, isEdge: false, at: Timestamp(milliseconds: at + (live - then)),
            receivedAt: now, isTrusted: false, live: live, steady: nil)
    }

    func term(_ rule: Int32, _ slot: UInt8) -> CompiledTerm? {
        switch rules[Int(rule)].form {
        case .term(let term, _, _): return slot == Memory.Slot.term ? term : nil
        case .tree(let tree): return slot < tree.terms.count ? tree.terms[Int(slot)] : nil
        case .crowd(let gathering):
            switch gathering.member {
            case .term(let term): return slot == Memory.Slot.term ? term : nil
            case .tree(let tree): return slot < tree.terms.count ? tree.terms[Int(slot)] : nil
            }
        case .silent: return nil
        }
    }

    func expiry(of expiry: Expiry) -> Int64? {
        if expiry.memory >= 0 {
            let its = memories[Int(expiry.memory)]
            guard its.rule >= 0 else { return nil }
            return term(its.rule, its.slot).flatMap(its.expiry)
        }
        guard let its = crowds[expiry.crowd], rules.indices.contains(Int(expiry.crowd.rule)),
            case .crowd(let gathering) = rules[Int(expiry.crowd.rule)].form
        else { return nil }
        return self.expiry(of: its, gathering)
    }

    /// Only what would end then is waited for: as long as it holds on enough devices, it goes on.
    func expiry(of its: CrowdState, _ gathering: CompiledRule.Gathering) -> Int64? {
        guard its.isOn, its.crowd.holding < gathering.wanted else { return nil }
        return its.crowd.recedes(within: gathering.within, wanted: gathering.wanted)
            .map { its.live + max(0, $0 - its.at) }
            .flatMap { $0 > its.live ? $0 : nil }
    }

    func takeExpiry(_ expiry: Expiry) {
        expiries.removeMin()
        if expiry.memory >= 0 {
            if memories[Int(expiry.memory)].timerAt == expiry.deadline { memories[Int(expiry.memory)].timerAt = 0 }
        } else if crowds[expiry.crowd]?.timerAt == expiry.deadline {
            crowds[expiry.crowd]?.timerAt = 0
        }
    }

    func renew(_ top: Expiry) {
        if top.memory >= 0 {
            let its = memories[Int(top.memory)]
            if its.rule >= 0, let term = term(its.rule, its.slot) { setExpiry(of: top.memory, term) }
        } else if rules.indices.contains(Int(top.crowd.rule)),
            case .crowd(let gathering) = rules[Int(top.crowd.rule)].form
        {
            setExpiry(of: top.crowd, gathering)
        }
    }

    func setExpiry(of memory: Int32, _ term: CompiledTerm) {
        let index = Int(memory)
        guard let deadline = memories[index].expiry(term),
            memories[index].timerAt == 0 || deadline < memories[index].timerAt
        else { return }
        memories[index].timerAt = deadline
        expiries.insert(Expiry(deadline: deadline, memory: memory))
    }

    func setExpiry(of key: CrowdKey, _ gathering: CompiledRule.Gathering) {
        guard let its = crowds[key], let deadline = expiry(of: its, gathering),
            its.timerAt == 0 || deadline < its.timerAt
        else { return }
        crowds[key]?.timerAt = deadline
        expiries.insert(Expiry(deadline: deadline, memory: -1, crowd: key))
    }
}

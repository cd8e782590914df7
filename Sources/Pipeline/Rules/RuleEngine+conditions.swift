import FireModel

/// A tree to be asked when all of a message has been noted.
struct PendingTree {
    var rule: Int32
    var key: Int32
    var value: Value?
    /// `nil`: time alone.
    var reading: Reading?
    var input: AlarmMachine.Input
    var isLate: Bool
}

/// From readings to what the conditions of rules that look further come to, and on to their alarms.
extension RuleEngine {
    // MARK: - Readings

    /// A rule on one series that looks further back than this reading, counts samples, or has a schedule.
    func applyRemembering(_ rule: Int32, _ reading: Reading, _ anchor: Int32, isEdge: Bool, _ clocks: Clocks) {
        guard case .term(let term, let clear, _) = rules[Int(rule)].form else { return }
        guard let (measured, answer) = observe(term, clear, reading, rule, Memory.Slot.term, anchor, clocks) else {
            return
        }
        let input = input(reading, holds: answer.holds, clears: answer.clears, isEdge: isEdge, clocks)
        judge(rule, anchor, input, measured, reading)
    }

    /// - Returns: `nil`: it says nothing to a rule that measures.
    func observe(
        _ term: CompiledTerm, _ clear: Condition.Test?, _ reading: Reading, _ rule: Int32, _ slot: UInt8,
        _ key: Int32, _ clocks: Clocks
    ) -> (Value?, Answer)? {
        let isPlausible = reading.quality.isDisjoint(with: .implausible)
        guard term.needsMemory else {
            var answer = term.answer(reading.value, clear: clear)
            // 999 MPa is no proof that the pressure is back.
            if !isPlausible { answer.clears = false }
            return (reading.value, answer)
        }
        guard isPlausible else { return nil }
        let at = Self.measured(reading).milliseconds
        let index = memory(rule, slot, key)
        var content: Memory.Content? = index.map { memories[Int($0)].content }
        if let index { memories[Int(index)].content = .repeats(0) }
        let value = term.observe(reading.value, at: at, &content)
        guard let content else { return nil }
        let kept = keep(content, index, rule, slot, key)
        memories[Int(kept)].at = at
        memories[Int(kept)].live = clocks.live
        setExpiry(of: kept, term)
        return (value, term.answer(value, clear: clear))
    }

    /// By the device's clock where that is to be trusted.
    private static func measured(_ reading: Reading) -> Timestamp {
        isTrusted(reading) ? reading.at : reading.receivedAt
    }

    /// A term of a tree, or of what a coincidence counts, on the device or component of a series.
    func applyTree(_ use: TreeUse, _ reading: Reading, _ anchor: Int32, isLate: Bool, _ clocks: Clocks) {
        let compiled = rules[Int(use.rule)]
        if isLate, !compiled.isFire { return }
        switch compiled.form {
        case .tree(let tree): note(tree, use, reading, anchor, place(of: anchor), isLate: isLate, clocks)
        case .crowd(let gathering):
            switch gathering.member {
            case .term(let term):
                guard let (_, answer) = observe(term, nil, reading, use.rule, use.term, anchor, clocks) else { return }
                let input = input(
                    reading, holds: answer.holds, clears: answer.clears, isEdge: term.isEvent, clocks)
                join(use.rule, gathering, anchor, device(of: anchor), input)
            case .tree(let tree): note(tree, use, reading, anchor, place(of: anchor), isLate: isLate, clocks)
            }
        case .term, .silent: break
        }
    }

    /// The device or component of a series.
    func place(of anchor: Int32) -> Int32 {
        if placeOf.count <= Int(anchor) {
            placeOf.append(contentsOf: repeatElement(0, count: fleet.series.count - placeOf.count))
        }
        if placeOf[Int(anchor)] < 0 { return placeOf[Int(anchor)] }
        let series = fleet.series[Int(anchor)]
        let key = places.place(device: series.device, component: series.component)
        placeOf[Int(anchor)] = key
        return key
    }

    /// What the term says is noted; the tree is asked when all of the message has been.
    func note(
        _ tree: ConditionTree, _ use: TreeUse, _ reading: Reading, _ anchor: Int32, _ key: Int32, isLate: Bool,
        _ clocks: Clocks, isJudged: Bool = true
    ) {
        let index = memory(use.rule, Memory.Slot.tree, key)
        var known = ConditionTree.Known()
        if let index, case .tree(let its) = memories[Int(index)].content { known = its }
        let before = known
        // Late for its component, if not for its series.
        let newest = Timestamp(milliseconds: known.newest)
        let isBehindTree =
            reading.quality.hasDeviceTime
            ? isBehind(reading, newest, isRetry: clocks.isRetry) : clocks.isRetry && reading.at < newest
        if !isLate, isBehindTree, !rules[Int(use.rule)].isFire { return }
        let term = tree.terms[Int(use.term)]
        guard let (value, answer) = observe(term, nil, reading, use.rule, use.term, anchor, clocks) else { return }
        known.note(Int(use.term), answer)
        if !isLate, !isBehind(reading, newest, isRetry: clocks.isRetry) { known.newest = reading.at.milliseconds }
        places[key].newest = max(places[key].newest, known.newest)
        keep(.tree(known), index, use.rule, Memory.Slot.tree, key)
        guard isJudged else { return }
        // Nothing that it knows is new, nothing holds, and nobody waits for it to go on.
        if before.known == known.known, before.truth == known.truth, firstState(of: key) < 0,
            rules[Int(use.rule)].isDirect, !tree.answer(known).holds
        {
            return
        }
        pend(
            PendingTree(
                rule: use.rule, key: key, value: value, reading: reading,
                input: input(reading, holds: false, clears: false, isEdge: false, clocks), isLate: isLate))
    }

    func pend(_ tree: PendingTree) {
        if let known = pendingTrees.firstIndex(where: { $0.rule == tree.rule && $0.key == tree.key }) {
            pendingTrees[known] = tree
        } else {
            pendingTrees.append(tree)
        }
    }

    /// Asks the trees of which terms have been noted. What one message says of a device is one input to them: between
    /// its first value and its last nothing is true of the device.
    public func settle() {
        guard !pendingTrees.isEmpty else { return }
        let pending = pendingTrees
        pendingTrees.removeAll(keepingCapacity: true)
        for its in pending {
            var input = its.input
            switch rules[Int(its.rule)].form {
            case .tree(let tree):
                let answer = tree.answer(known(its.rule, its.key))
                (input.holds, input.clears) = (answer.holds, answer.clears)
                guard its.isLate, let reading = its.reading else {
                    judge(its.rule, its.key, input, its.value, its.reading)
                    continue
                }
                guard input.holds else { continue }
                applyLate(reading, its.value, findState(its.key, its.rule) ?? addState(its.key, its.rule))
            case .crowd(let gathering):
                guard case .tree(let tree) = gathering.member else { continue }
                let answer = tree.answer(known(its.rule, its.key))
                (input.holds, input.clears) = (answer.holds, answer.clears)
                join(its.rule, gathering, its.key, device(of: its.key), input)
            case .term, .silent: break
            }
        }
    }

    /// Before an input of another message.
    func settle(before reading: Reading, of device: Int32) {
        guard let pending = pendingTrees.last else { return }
        if pending.reading?.at != reading.at || pending.reading?.receivedAt != reading.receivedAt
            || self.device(of: pending.key) != device
        {
            settle()
        }
    }

    func known(_ rule: Int32, _ key: Int32) -> ConditionTree.Known {
        guard case .tree(let known)? = content(rule, Memory.Slot.tree, key) else { return ConditionTree.Known() }
        return known
    }

    /// What a stored reading says to rules that look further than at it. It decides nothing: the next one does.
    func remember(_ reading: Reading, _ anchor: Int32, _ program: Program, _ clocks: Clocks) {
        for place in program.remembering {
            let rule = rememberingUses[place]
            guard case .term(let term, let clear, _) = rules[Int(rule)].form else { continue }
            _ = observe(term, clear, reading, rule, Memory.Slot.term, anchor, clocks)
        }
        for place in program.trees {
            let use = treeUses[place]
            guard case .tree(let tree) = rules[Int(use.rule)].form else { continue }
            note(
                tree, use, reading, anchor, self.place(of: anchor), isLate: false, clocks,
                isJudged: false)
        }
    }

    // MARK: - From condition to alarm

    /// Samples are counted, the schedule is asked, and the machine is told.
    func judge(
        _ rule: Int32, _ key: Int32, _ told: AlarmMachine.Input, _ value: Value?, _ reading: Reading?,
        now: Timestamp? = nil
    ) {
        var input = told
        let compiled = rules[Int(rule)]
        if let repeats = compiled.definition.repeats { count(repeats, rule, key, isSample: reading != nil, &input) }
        if let schedule = compiled.schedule, !schedule.isActive(at: input.isTrusted ? input.at : input.receivedAt) {
            setContent(input.holds ? .off(value) : nil, rule, Memory.Slot.off, key)
            input.holds = false
        } else if compiled.schedule != nil {
            setContent(nil, rule, Memory.Slot.off, key)
        }
        let state = findState(key, rule)
        if !input.holds, state == nil { return }
        if input.holds, let state, let reading,
            states[Int(state)].restored?.hasSeen(reading, isFire: compiled.isFire) == true
        {
            return
        }
        let its = state ?? addState(key, rule)
        if let reading {
            step(its, reading, value, input)
        } else {
            if let value { states[Int(its)].lastValue = value }
            step(its, input, Occasion(reading: nil, receivedAt: now ?? input.receivedAt))
        }
    }

    func count(
        _ repeats: Repeats, _ rule: Int32, _ key: Int32, isSample: Bool, _ input: inout AlarmMachine.Input
    ) {
        var bits: UInt64 = 0
        if case .repeats(let known)? = content(rule, Memory.Slot.repeats, key) { bits = known }
        // Time that passes is no sample.
        if isSample { bits = bits << 1 | (input.holds ? 1 : 0) }
        let mask: UInt64 = repeats.of >= 64 ? .max : (1 << UInt64(repeats.of)) - 1
        bits &= mask
        setContent(bits == 0 ? nil : .repeats(bits), rule, Memory.Slot.repeats, key)
        let isFulfilled = bits.nonzeroBitCount >= repeats.count
        input.clears = input.clears && !isFulfilled
        input.holds = isFulfilled
        input.isEdge = false
    }
}

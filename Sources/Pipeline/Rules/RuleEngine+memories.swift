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

struct CrowdKey: Hashable {
    var rule: Int32
    var place: Int32
}

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

struct CrowdState: Equatable {
    var crowd = Crowd()
    /// Enough have begun together, and it has not ended since.
    var isOn = false
    /// Of the newest input, as in `Memory`.
    var at: Int64 = 0
    var live: Int64 = 0
    var timerAt: Int64 = 0
}

/// What rules remember beside their alarms, and what they make of it.
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
    private func observe(
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
    private func place(of anchor: Int32) -> Int32 {
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
    private func note(
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

    private func pend(_ tree: PendingTree) {
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

    private func known(_ rule: Int32, _ key: Int32) -> ConditionTree.Known {
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

    private func count(
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

    // MARK: - Crowds

    /// The condition of a coincidence on one device or component.
    private func join(
        _ rule: Int32, _ gathering: CompiledRule.Gathering, _ key: Int32, _ device: Int32,
        _ told: AlarmMachine.Input
    ) {
        // Of several devices only clocks that can be trusted tell what was together.
        var input = told
        if !input.isTrusted { input.at = input.receivedAt }
        input.isTrusted = false
        var wasMember = false
        if case .member(true)? = content(rule, Memory.Slot.member, key) { wasMember = true }
        let begins = input.holds && (!wasMember || input.isEdge)
        let ends = wasMember && input.clears
        guard begins || ends else { return }
        setContent(input.holds ? .member(true) : nil, rule, Memory.Slot.member, key)
        for place in groups(of: device, gathering.place) {
            let crowd = CrowdKey(rule: rule, place: place)
            var its = crowds[crowd] ?? CrowdState()
            if begins {
                its.crowd.began(
                    device, at: input.at.milliseconds, isNew: !wasMember, within: gathering.within)
            } else {
                its.crowd.ended(device, within: gathering.within)
            }
            its.at = max(its.crowd.newest, input.at.milliseconds)
            its.live = input.live
            crowds[crowd] = its
            judgeCrowd(crowd, gathering, input, now: input.receivedAt)
        }
    }

    private func judgeCrowd(
        _ key: CrowdKey, _ gathering: CompiledRule.Gathering, _ told: AlarmMachine.Input, now: Timestamp
    ) {
        guard let its = crowds[key] else { return }
        let answer = its.crowd.answer(
            at: told.at.milliseconds, within: gathering.within, wanted: gathering.wanted, wasOn: its.isOn)
        crowds[key]?.isOn = answer.holds
        var input = told
        input.holds = answer.holds
        input.clears = answer.clears
        input.isEdge = false
        places[key.place].newest = max(places[key.place].newest, told.at.milliseconds)
        let count = its.crowd.recent(at: told.at.milliseconds, within: gathering.within)
        judge(key.rule, key.place, input, .number(Double(count)), nil, now: now)
        showMembers(of: key, within: gathering.within)
        setExpiry(of: key, gathering)
        if its.crowd.members.isEmpty { crowds[key] = nil }
    }

    /// On the alarm, whom it is about: those it began on lately, and those it holds on.
    private func showMembers(of key: CrowdKey, within: Int64) {
        guard let its = crowds[key], let state = findState(key.place, key.rule),
            var alarm = states[Int(state)].alarm, alarm.devices.count < Self.maximumMembersShown
        else { return }
        let members = its.crowd.members.filter { $0.value.holding > 0 || $0.value.at >= its.crowd.newest - within }
        // Whoever was among them stays: the duty officer asks who it was, not only who it is.
        let devices = Set(members.keys.map { fleet.devices[Int($0)].id }).union(alarm.devices).sorted()
            .prefix(Self.maximumMembersShown)
        guard Array(devices) != alarm.devices else { return }
        alarm.devices = Array(devices)
        states[Int(state)].alarm = alarm
        if let raised = changes.lastIndex(where: { $0.alarm.id == alarm.id }) { changes[raised].alarm = alarm }
    }

    /// Ids on an alarm across devices.
    static let maximumMembersShown = 200

    /// Areas and groups a device belongs to, as places.
    private func groups(of device: Int32, _ place: Condition.Coincidence.Place) -> [Int32] {
        let its = fleet.devices[Int(device)]
        let area = fleet.areas[its.area]
        switch place {
        case .area: return [places.place(group: area)]
        // Nothing tells the site of a device as long as there is no registry.
        case .site: return []
        case .groups(let groups):
            return groups.filter { $0.contains(device: its.id, area: area) }.map { places.place(group: $0.name) }
        }
    }

    /// What is remembered of a device that has moved, as far as it is another's now.
    func forgetMemories(of device: Int32, where isGone: (Memory) -> Bool) {
        var keys = places.ofDevice[device] ?? []
        var series = fleet.devices[Int(device)].firstSeries
        while series >= 0 {
            keys.append(series)
            series = fleet.series[Int(series)].next
        }
        for key in keys {
            var memory = firstMemory(of: key)
            while memory >= 0 {
                let next = memories[Int(memory)].next
                if isGone(memories[Int(memory)]) { forget(memory) }
                memory = next
            }
        }
    }

    // MARK: - Time

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

    private func expire(_ expiry: Expiry, live: Int64, now: Timestamp) {
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

    private func note(_ answer: Answer, _ memory: Memory, _ input: AlarmMachine.Input) {
        let key = place(of: memory.place)
        var known = known(memory.rule, key)
        known.note(Int(memory.slot), answer)
        setContent(.tree(known), memory.rule, Memory.Slot.tree, key)
        pend(PendingTree(rule: memory.rule, key: key, value: nil, reading: nil, input: input, isLate: false))
    }

    /// An input of time alone: the device's clock has gone on as far as that of the gateway.
    private func passed(at: Int64, live then: Int64, to live: Int64, _ now: Timestamp) -> AlarmMachine.Input {
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

    private func expiry(of expiry: Expiry) -> Int64? {
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
    private func expiry(of its: CrowdState, _ gathering: CompiledRule.Gathering) -> Int64? {
        guard its.isOn, its.crowd.holding < gathering.wanted else { return nil }
        return its.crowd.recedes(within: gathering.within, wanted: gathering.wanted)
            .map { its.live + max(0, $0 - its.at) }
            .flatMap { $0 > its.live ? $0 : nil }
    }

    private func takeExpiry(_ expiry: Expiry) {
        expiries.removeMin()
        if expiry.memory >= 0 {
            if memories[Int(expiry.memory)].timerAt == expiry.deadline { memories[Int(expiry.memory)].timerAt = 0 }
        } else if crowds[expiry.crowd]?.timerAt == expiry.deadline {
            crowds[expiry.crowd]?.timerAt = 0
        }
    }

    private func renew(_ top: Expiry) {
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

    // MARK: - Schedules

    /// Rules that a schedule switches on or off by now: what waits outside of its hours begins, what was waited for
    /// ends.
    func turnSchedules(live: Int64, now: Timestamp) -> Bool {
        guard isTurnDue(now) else { return false }
        let scheduled = rules.indices.filter { rules[$0].schedule?.schedule.active.isEmpty == false }
        nextTurn = scheduled.compactMap { rules[$0].schedule?.nextTurn(after: now) }.min()
        for rule in scheduled {
            guard let schedule = rules[rule].schedule else { continue }
            if schedule.isActive(at: now) {
                begin(Int32(rule), live: live, now: now)
            } else {
                cease(Int32(rule), live: live, now: now)
            }
        }
        return true
    }

    /// Also when it is further away than any turn can be: the wall clock has been set back since.
    func isTurnDue(_ now: Timestamp) -> Bool {
        nextTurn.map { $0 <= now || $0 - now > ScheduleClock.furthestTurn } ?? false
    }

    private func begin(_ rule: Int32, live: Int64, now: Timestamp) {
        let waiting = memories.indices
            .filter { memories[$0].rule == rule && memories[$0].slot == Memory.Slot.off }
            .map { (key: memories[$0].place, content: memories[$0].content) }
            .sorted { order(of: $0.key, rule: rule) < order(of: $1.key, rule: rule) }
        for (key, content) in waiting {
            guard case .off(let value) = content else { continue }
            var input = passed(at: now.milliseconds, live: live, to: live, now)
            input.holds = true
            judge(rule, key, input, value, nil, now: now)
        }
    }

    /// What was pending when its hours ended has not lasted long enough within them.
    private func cease(_ rule: Int32, live: Int64, now: Timestamp) {
        let pending = states.indices
            .filter { states[$0].rule == rule && states[$0].machine.phase == .pending }
            .sorted { order(of: Int32($0)) < order(of: Int32($1)) }
        for state in pending {
            let (key, value) = (states[state].series, states[state].lastValue)
            var input = passed(at: now.milliseconds, live: live, to: live, now)
            input.clears = false
            step(Int32(state), input, Occasion(reading: nil, receivedAt: now))
            setContent(.off(value), rule, Memory.Slot.off, key)
        }
    }

    // MARK: - Memories

    func firstMemory(of key: Int32) -> Int32 {
        if key >= 0 { return Int(key) < firstMemory.count ? firstMemory[Int(key)] : -1 }
        return places[key].firstMemory
    }

    private func setFirstMemory(_ memory: Int32, of key: Int32) {
        guard key >= 0 else {
            places[key].firstMemory = memory
            return
        }
        if firstMemory.isEmpty { firstMemory = Array(repeating: -1, count: firstState.count) }
        firstMemory[Int(key)] = memory
    }

    func memory(_ rule: Int32, _ slot: UInt8, _ key: Int32) -> Int32? {
        var it = firstMemory(of: key)
        while it >= 0 {
            if memories[Int(it)].rule == rule, memories[Int(it)].slot == slot { return it }
            it = memories[Int(it)].next
        }
        return nil
    }

    private func content(_ rule: Int32, _ slot: UInt8, _ key: Int32) -> Memory.Content? {
        memory(rule, slot, key).map { memories[Int($0)].content }
    }

    /// - Parameter content: `nil`: nothing to remember.
    func setContent(_ content: Memory.Content?, _ rule: Int32, _ slot: UInt8, _ key: Int32) {
        let known = memory(rule, slot, key)
        if let content { _ = keep(content, known, rule, slot, key) } else if let known { forget(known) }
    }

    @discardableResult
    func keep(_ content: Memory.Content, _ known: Int32?, _ rule: Int32, _ slot: UInt8, _ key: Int32) -> Int32 {
        if let known {
            memories[Int(known)].content = content
            return known
        }
        let memory = Memory(rule: rule, slot: slot, next: firstMemory(of: key), place: key, content: content)
        let index: Int32
        if let free = vacantMemories.popLast() {
            index = free
            let timerAt = memories[Int(free)].timerAt
            memories[Int(free)] = memory
            memories[Int(free)].timerAt = timerAt
        } else {
            index = Int32(memories.count)
            memories.append(memory)
        }
        setFirstMemory(index, of: key)
        return index
    }

    func forget(_ memory: Int32) {
        let its = memories[Int(memory)]
        var it = firstMemory(of: its.place)
        if it == memory {
            setFirstMemory(its.next, of: its.place)
        } else {
            while it >= 0, memories[Int(it)].next != memory { it = memories[Int(it)].next }
            if it >= 0 { memories[Int(it)].next = its.next }
        }
        // The expiry is that of the place in the list, as with states.
        memories[Int(memory)] = Memory(rule: -1, slot: 0, place: -1, content: .repeats(0), timerAt: its.timerAt)
        vacantMemories.append(memory)
    }

    /// After a reload: what asks the same goes on, the rest begins anew.
    func carryMemories(_ before: [CompiledRule]) {
        expiries = Heap()
        let kept = memories.filter { $0.rule >= 0 }
        memories.removeAll()
        vacantMemories.removeAll()
        for index in firstMemory.indices { firstMemory[index] = -1 }
        for key in places.indices { places[key].firstMemory = -1 }
        for memory in kept.reversed() {
            guard let rule = successor(of: before[Int(memory.rule)], for: memory.place) else { continue }
            let index = keep(memory.content, nil, rule, memory.slot, memory.place)
            memories[Int(index)].at = memory.at
            memories[Int(index)].live = memory.live
            if let term = term(rule, memory.slot) { setExpiry(of: index, term) }
        }
        let crowds = crowds
        self.crowds.removeAll()
        for (key, its) in crowds {
            guard let rule = successor(of: before[Int(key.rule)], for: key.place),
                case .crowd(let gathering) = rules[Int(rule)].form
            else { continue }
            let now = CrowdKey(rule: rule, place: key.place)
            self.crowds[now] = its
            self.crowds[now]?.timerAt = 0
            setExpiry(of: now, gathering)
        }
    }

    private func successor(of rule: CompiledRule, for key: Int32) -> Int32? {
        rules.firstIndex { $0.remembersAlike(rule) && isAsked($0, key) }.map(Int32.init)
    }

    /// Whether the rule may remember something of this key: of its own, or for a tree or a crowd.
    private func isAsked(_ rule: CompiledRule, _ key: Int32) -> Bool {
        let device = device(of: key)
        return device < 0 || isFor(rule, device)
    }
}

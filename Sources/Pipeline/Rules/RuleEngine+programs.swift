import FireModel
import HeapModule

/// What is evaluated for a (kind, metric) of a class of devices. The lists are ranges of the engine's, so that taking a
/// program costs no count of references.
struct Program {
    var plain = 0..<0
    var remembering = 0..<0
    var trees = 0..<0
    /// Rules whose alarms this event ends.
    var clearedBy = 0..<0
    var isEvent = false
    var isReset = false
    /// Some rule of the kind is not the same in all areas, or counts by them.
    var looksAtAreas = false
    /// Some rule of the kind asks whether devices are silent.
    var asksForSilence = false
    /// It says that the device is gone, not that it is there.
    var isAbsence = false
    var flag: DeviceFlags?

    var isIdle: Bool {
        plain.isEmpty && remembering.isEmpty && trees.isEmpty && clearedBy.isEmpty && !isReset && flag == nil
    }
}

struct ProgramKey: Hashable {
    var kind: Int32
    var metric: Int32
    var selection: Int32
}

/// A rule that a comparison decides, with the comparison beside it.
struct PlainUse {
    var rule: Int32
    private var low = -Double.infinity
    private var high = Double.infinity
    /// What is fulfilled: inside of both limits, or outside.
    private var isInside = true
    private var isNumeric = true

    init(rule: Int32, test: Condition.Test) {
        self.rule = rule
        switch test {
        case .above(let x): low = x.nextUp
        case .atLeast(let x): low = x
        case .below(let x): high = x.nextDown
        case .atMost(let x): high = x
        case .between(let range): (low, high) = (range.lowerBound, range.upperBound)
        case .outside(let range): (low, high, isInside) = (range.lowerBound, range.upperBound, false)
        case .equals, .oneOf, .changed, .reported: isNumeric = false
        }
    }

    /// `nil`: more than two limits must be asked.
    func holds(_ value: Value) -> Bool? {
        guard isNumeric else { return nil }
        guard case .number(let x) = value else { return false }
        return (x >= low && x <= high) == isInside
    }
}

/// A term of a rule's tree, or of what a coincidence counts.
struct TreeUse {
    var rule: Int32
    var term: UInt8
}

extension RuleEngine {
    func program(at series: Int32) -> Program { programs[Int(program(of: series))] }

    func program(of series: Int32) -> Int32 {
        let known = programOf[Int(series)]
        if known >= 0 { return known }
        let its = fleet.series[Int(series)]
        let key = ProgramKey(
            kind: fleet.devices[Int(its.device)].kind, metric: its.metric, selection: selectionClass(of: its.device))
        let index = programIndex[key] ?? compileProgram(key)
        programIndex[key] = index
        programOf[Int(series)] = index
        return index
    }

    func selectionClass(of device: Int32) -> Int32 {
        let its = fleet.devices[Int(device)]
        return selection.classOf(device, id: its.id, area: fleet.areas[its.area], areaIndex: its.area)
    }

    private func compileProgram(_ key: ProgramKey) -> Int32 {
        let kind = fleet.kinds[key.kind]
        let metric = fleet.metrics[key.metric]
        var program = Program()
        program.isEvent = metric.hasPrefix(EventName.metricPrefix)
        let starts = (plainUses.count, rememberingUses.count, treeUses.count, clearedByUses.count)
        for (index, rule) in rules.enumerated()
        where rule.applies(toKind: kind) && selection.choice(rule.base, class: key.selection) == rule.choice {
            use(rule, Int32(index), metric)
        }
        if program.isEvent, EventName(rawValue: String(metric.dropFirst(EventName.metricPrefix.count))) == nil {
            plainUses.append(PlainUse(rule: unknownEventRule, test: .reported))
        }
        program.plain = starts.0..<plainUses.count
        program.remembering = starts.1..<rememberingUses.count
        program.trees = starts.2..<treeUses.count
        program.clearedBy = starts.3..<clearedByUses.count
        program.isReset = metric == EventName.reset.metric
        program.isAbsence = metric == "online"
        program.flag = DeviceFlags(metric: metric)
        let its = rules.filter { $0.applies(toKind: kind) }
        program.looksAtAreas = its.contains { Selection.looksAtAreas($0.base) }
        program.asksForSilence = its.contains { if case .silent = $0.form { true } else { false } }
        programs.append(program)
        return Int32(programs.count - 1)
    }

    private func use(_ rule: CompiledRule, _ index: Int32, _ metric: String) {
        switch rule.form {
        case .term(let term, _, _):
            if term.names.contains(metric) {
                if rule.isPlain {
                    plainUses.append(PlainUse(rule: index, test: term.test))
                } else {
                    rememberingUses.append(index)
                }
            }
            if rule.isClearedBy(metric: metric) { clearedByUses.append(index) }
        case .tree(let tree): use(tree.terms, index, metric)
        case .crowd(let gathering):
            switch gathering.member {
            case .term(let term): use([term], index, metric)
            case .tree(let tree): use(tree.terms, index, metric)
            }
        case .silent: break
        }
    }

    private func use(_ terms: [CompiledTerm], _ rule: Int32, _ metric: String) {
        for (place, term) in terms.enumerated() where term.names.contains(metric) {
            treeUses.append(TreeUse(rule: rule, term: UInt8(place)))
        }
    }

    // MARK: - Devices that move

    /// Another area may mean other rules.
    /// - Returns: whether it has moved.
    func noteArea(of device: Int32) -> Bool {
        guard selection.hasMoved(device, to: fleet.devices[Int(device)].area) else { return false }
        for key in crowds.keys.filter({ crowds[$0]?.crowd.members[device] != nil }) { crowds[key]?.crowd.left(device) }
        forgetMemories(of: device) { $0.slot == Memory.Slot.member }
        selection.forget(device)
        forgetMemories(of: device) { !isFor(rules[Int($0.rule)], device) }
        var series = fleet.devices[Int(device)].firstSeries
        while series >= 0 {
            if programOf.indices.contains(Int(series)) { programOf[Int(series)] = -1 }
            series = fleet.series[Int(series)].next
        }
        heard.leave(device)
        forEachState(of: device) { state in
            let key = states[Int(state)]
            guard key.rule >= 0 else { return }
            let id = rules[Int(key.rule)].definition.id
            let now = rule(id, watching: key.series)
            if now != key.rule { move(state, to: now) }
        }
        return true
    }

    private func move(_ state: Int32, to rule: Int32?) {
        unlink(state)
        states[Int(state)].rule = rule ?? -1
        guard rule != nil else { return orphan(state) }
        link(state)
        schedule(state)
    }

    // MARK: - Reload

    /// Takes over new rules without losing an alarm or a timer of what stays the same. Alarms of a rule
    /// that is gone stand until an operator ends them.
    public func adopt(_ definitions: [RuleDefinition]) {
        settle()
        let before = rules
        let done = heard.calledUntil
        compile(definitions)
        for index in states.indices where states[index].rule >= 0 {
            let old = before[Int(states[index].rule)]
            // Of an area or a group all forms of a rule have a key.
            let same = rules.firstIndex {
                $0.definition.id == old.definition.id && $0.choice == old.choice
                    && isWatching($0, states[index].series)
            }
            states[index].rule =
                same.map(Int32.init) ?? rule(old.definition.id, watching: states[index].series) ?? -1
            if states[index].rule < 0 { orphan(Int32(index)) }
        }
        relink()
        carryMemories(before)
        // Who was not called by a rule as it was may be due by the rule as it is.
        let kept = done.filter { rule, _ in
            let old = before[Int(rule)]
            return rules.contains { $0.choice == old.choice && $0.asksAlike(old) }
        }
        arrangeHeard(done: Dictionary(kept.map { (before[Int($0.key)].definition.id, $0.value) }) { min($0, $1) })
        rebuildAnnunciation()
    }

    /// Of what its rule alone could make use of, nothing is kept.
    private func orphan(_ state: Int32) {
        var orphan = KeyState(rule: -1, series: states[Int(state)].series, next: -1)
        orphan.alarm = states[Int(state)].alarm
        orphan.timerAt = states[Int(state)].timerAt
        states[Int(state)] = orphan
        releaseIfIdle(state)
    }

    func rule(_ id: String, watching key: Int32) -> Int32? {
        rules.firstIndex { $0.definition.id == id && isWatching($0, key) }.map(Int32.init)
    }

    /// Whether it is this form of the rule that is in force for the device.
    func isFor(_ rule: CompiledRule, _ device: Int32) -> Bool {
        guard rule.applies(toKind: fleet.kinds[fleet.devices[Int(device)].kind]) else { return false }
        // First its class: the selection learns of it only then.
        let its = selectionClass(of: device)
        return selection.choice(rule.base, class: its) == rule.choice
    }

    func isWatching(_ rule: CompiledRule, _ key: Int32) -> Bool {
        if case .crowd = rule.form { return key <= -2 && places[key].device < 0 }
        let device = device(of: key)
        guard device >= 0, isFor(rule, device) else { return false }
        guard key >= 0 else {
            switch rule.form {
            case .tree: return true
            case .silent: return places[key].component < 0
            case .term, .crowd: return false
            }
        }
        let metric = fleet.metrics[fleet.series[Int(key)].metric]
        switch rule.definition.id {
        case BuiltInRules.implausibleValue: return true
        case BuiltInRules.unknownEvent: return metric.hasPrefix(EventName.metricPrefix)
        default: return rule.watches(metric: metric)
        }
    }

    /// Lists and timers anew, from the states.
    private func relink() {
        for series in firstState.indices { firstState[series] = -1 }
        for key in places.indices { places[key].firstState = -1 }
        timers = Heap()
        for index in states.indices {
            states[index].timerAt = nil
            guard states[index].rule >= 0 else { continue }
            link(Int32(index))
            schedule(Int32(index))
        }
    }

    /// Others in the place of all states of devices. At most one of them for each rule and series.
    func replaceStates(_ others: [KeyState]) {
        states = others
        vacant.removeAll()
        stateOfAlarm.removeAll()
        activeOn.removeAll()
        for (index, state) in others.enumerated() {
            if let alarm = state.alarm { enlist(alarm.id, Int32(index)) }
        }
        relink()
        rebuildAnnunciation()
    }

    func compile(_ definitions: [RuleDefinition]) {
        let all = BuiltInRules.all + definitions + [BuiltInRules.unknown, BuiltInRules.implausible]
        rules = all.flatMap { rule in
            [CompiledRule(rule)]
                + rule.overrides.indices.filter { rule.overrides[$0].isEnabled }.map { CompiledRule(rule, choice: $0) }
        }
        annunciation.learn(definitions)
        unknownEventRule = Int32(rules.count - 2)
        implausibleRule = Int32(rules.count - 1)
        selection = Selection(definitions)
        programs.removeAll()
        plainUses.removeAll()
        rememberingUses.removeAll()
        treeUses.removeAll()
        clearedByUses.removeAll()
        programIndex.removeAll()
        for index in programOf.indices { programOf[index] = -1 }
        nextTurn = rules.contains { $0.schedule?.schedule.active.isEmpty == false } ? Timestamp(milliseconds: 0) : nil
        asksForSilence = rules.contains { if case .silent = $0.form { true } else { false } }
        isHeardArranged = false
    }
}

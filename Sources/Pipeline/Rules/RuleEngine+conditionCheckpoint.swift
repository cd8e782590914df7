import FireModel
import HeapModule

/// What rules remember, in bytes, behind the rest of a checkpoint.
///
///     rules      count, then each: id (text), override (signed; -1: none)
///     places     count, then each: place, newest input (time)
///     states     count, then each: place, rule (its place among `rules` + 1; 0: dropped by a reload), and the state as in
///                the first part
///     memories   count, then each: 0 and a series (varint), or 1 and a place; rule; slot (1 byte); time of the newest
///                input and the counting clock then (signed each); content
///     crowds     count, then each: place, rule, time and clock as above, whether it holds (1 byte), members: count, then each device (varint),
///                time it began at (signed), on how many components it holds (varint)
///     clock      of the newest input (signed)
///     heard      count, then for each device of the fleet 0: never, or 1 + how long before that clock (varint)
///     watched    count, then each: rule, up to when who was due has been called (signed)
///     turn       0, or 1 and when schedules next turn (time)
///
/// A place: device + 1 (varint; 0: a group), then its component or the group (text; empty: the device itself). Content:
/// 1 byte: 0 last value; 1 window: count, then each time and value; 2 flaps: value, count, times; 3 baseline: first time,
/// then 24 times centre, spread (their bits, varint) and count (varint); 4 samples (varint); 5 tree: known, truth
/// (varint), newest (time); 6 member (1 byte); 7 off, 8 off with a value.
extension RuleEngine {
    private struct RuleName: Hashable, Comparable {
        var id: String
        var choice: Int

        static func < (a: RuleName, b: RuleName) -> Bool { (a.id, a.choice) < (b.id, b.choice) }
    }

    func writeConditions(to writer: inout CheckpointWriter) {
        let memories = memories.indices.filter { self.memories[$0].rule >= 0 }
        let others = states.indices.filter { states[$0].series <= -2 && (states[$0].rule >= 0 || states[$0].hasAlarm) }
        let done = heard.calledUntil
        let used =
            memories.map { self.memories[$0].rule } + others.map { states[$0].rule } + crowds.keys.map(\.rule)
            + Array(done.keys)
        let names = Set(used.filter { $0 >= 0 }.map(name)).sorted()
        var numbers: [RuleName: Int] = [:]
        for (number, name) in names.enumerated() { numbers[name] = number }
        func number(_ rule: Int32) -> Int { numbers[name(rule)] ?? 0 }

        writer.count(names.count)
        for name in names {
            writer.text(name.id)
            writer.signed(Int64(name.choice))
        }
        let known = places.indices.filter { places[$0].newest > .min }.sorted {
            order(of: $0, rule: 0) < order(of: $1, rule: 0)
        }
        writer.count(known.count)
        for key in known {
            write(place: key, to: &writer)
            writer.signed(places[key].newest)
        }
        writer.count(others.count)
        let inOrder = others.sorted {
            (order(of: Int32($0)), states[$0].alarm?.id ?? "") < (order(of: Int32($1)), states[$1].alarm?.id ?? "")
        }
        for state in inOrder {
            write(place: states[state].series, to: &writer)
            writer.count(states[state].rule < 0 ? 0 : number(states[state].rule) + 1)
            write(states[state], to: &writer)
        }
        writer.count(memories.count)
        let ordered = memories.map {
            (order: order(of: self.memories[$0].place, rule: Int32(number(self.memories[$0].rule))), index: $0)
        }
        .sorted { ($0.order, self.memories[$0.index].slot) < ($1.order, self.memories[$1.index].slot) }
        for item in ordered {
            let its = self.memories[item.index]
            writer.byte(its.place >= 0 ? 0 : 1)
            if its.place >= 0 { writer.count(Int(its.place)) } else { write(place: its.place, to: &writer) }
            writer.count(number(its.rule))
            writer.byte(its.slot)
            writer.signed(its.at)
            writer.signed(its.live)
            write(its.content, to: &writer)
        }
        writeCrowds(number, to: &writer)
        writeHeard(number, done, to: &writer)
        writer.byte(nextTurn == nil ? 0 : 1)
        if let nextTurn { writer.time(nextTurn) }
    }

    private func name(_ rule: Int32) -> RuleName {
        RuleName(id: rules[Int(rule)].definition.id, choice: rules[Int(rule)].choice)
    }

    private func write(place key: Int32, to writer: inout CheckpointWriter) {
        let place = places[key]
        writer.count(Int(place.device + 1))
        writer.text(place.group ?? (place.component >= 0 ? fleet.components[place.component] : ""))
    }

    private func writeCrowds(_ number: (Int32) -> Int, to writer: inout CheckpointWriter) {
        writer.count(crowds.count)
        let ordered = crowds.keys.sorted {
            order(of: $0.place, rule: Int32(number($0.rule))) < order(of: $1.place, rule: Int32(number($1.rule)))
        }
        for key in ordered {
            guard let its = crowds[key] else { continue }
            write(place: key.place, to: &writer)
            writer.count(number(key.rule))
            writer.signed(its.at)
            writer.signed(its.live)
            writer.byte(its.isOn ? 1 : 0)
            writer.count(its.crowd.members.count)
            for (device, member) in its.crowd.members.sorted(by: { $0.key < $1.key }) {
                writer.count(Int(device))
                writer.signed(member.at)
                writer.count(Int(member.holding))
            }
        }
    }

    private func writeHeard(
        _ number: (Int32) -> Int, _ done: [Int32: Int64], to writer: inout CheckpointWriter
    ) {
        writer.signed(live)
        writer.count(heard.lastHeard.count)
        for time in heard.lastHeard { writer.count(time == HeardLists.never ? 0 : Int(max(0, live - time)) + 1) }
        let called = done.filter { $0.value > .min }.map { (number($0.key), $0.value) }.sorted { $0.0 < $1.0 }
        writer.count(called.count)
        for (rule, until) in called {
            writer.count(rule)
            writer.signed(until)
        }
    }

    private func write(_ content: Memory.Content, to writer: inout CheckpointWriter) {
        switch content {
        case .last(let value):
            writer.byte(0)
            write(value, to: &writer)
        case .window(let window):
            writer.byte(1)
            writer.count(window.kept.count)
            for sample in window.kept {
                writer.signed(sample.at)
                writer.fixed(sample.value.bitPattern)
            }
        case .flaps(let flaps):
            writer.byte(2)
            write(flaps.last, to: &writer)
            writer.count(flaps.changes.count)
            for time in flaps.changes { writer.signed(time) }
        case .baseline(let baseline):
            writer.byte(3)
            writer.signed(baseline.firstAt)
            for hour in baseline.hours {
                writer.varint(UInt64(hour.centre.bitPattern))
                writer.varint(UInt64(hour.spread.bitPattern))
                writer.varint(UInt64(hour.count))
            }
        case .repeats(let bits):
            writer.byte(4)
            writer.varint(bits)
        case .tree(let known):
            writer.byte(5)
            writer.varint(UInt64(known.known))
            writer.varint(UInt64(known.truth))
            writer.signed(max(known.newest, CheckpointReader.earliest))
        case .member(let holds):
            writer.byte(6)
            writer.byte(holds ? 1 : 0)
        case .off(let value):
            writer.byte(value == nil ? 7 : 8)
            if let value { write(value, to: &writer) }
        }
    }
}

/// As read, and not yet taken up.
struct CheckpointedConditions {
    var states: [KeyState] = []
    var memories: [Memory] = []
    var crowds: [CrowdKey: CrowdState] = [:]
    var newest: [Int32: Int64] = [:]
    var live: Int64?
    var heard: [Int64] = []
    /// By id of the rule.
    var done: [String: Int64] = [:]
    var nextTurn: Timestamp?
}

extension RuleEngine {
    func readConditions(
        _ live: Int64, from reader: inout CheckpointReader
    ) throws(CheckpointError) -> CheckpointedConditions {
        var found = CheckpointedConditions()
        var names: [RuleName] = []
        for _ in 0..<(try reader.count()) {
            let id = try reader.text()
            guard let choice = Int32(exactly: try reader.signed()), choice >= -1 else { throw reader.damaged }
            let name = RuleName(id: id, choice: Int(choice))
            if let last = names.last, last >= name { throw reader.damaged }
            names.append(name)
        }
        for _ in 0..<(try reader.count()) {
            let key = try readPlace(from: &reader)
            found.newest[key] = try reader.signed()
        }
        var alarms: Set<String> = []
        for _ in 0..<(try reader.count()) {
            let key = try readPlace(from: &reader)
            let number = try reader.varint()
            guard number <= names.count else { throw reader.damaged }
            let name = number == 0 ? nil : names[Int(number) - 1]
            var state = try readState(key, rule: name?.id, live, from: &reader)
            if let alarm = state.alarm, !alarms.insert(alarm.id).inserted { throw reader.damaged }
            let exact = name.flatMap { self.rule($0) }.flatMap { isWatching(rules[Int($0)], key) ? $0 : nil }
            if let name, let rule = exact ?? rule(name.id, watching: key) {
                guard !found.states.contains(where: { $0.series == key && $0.rule == rule }) else {
                    throw reader.damaged
                }
                state.rule = rule
            } else {
                guard let alarm = state.alarm else { continue }
                state = KeyState(rule: -1, series: key, next: -1)
                state.alarm = alarm
            }
            found.states.append(state)
        }
        try readMemories(names, live, into: &found, from: &reader)
        try readCrowds(names, live, into: &found, from: &reader)
        let clock = try reader.signed()
        found.live = clock
        let count = try reader.count()
        guard count <= fleet.devices.count else { throw reader.foreign }
        for _ in 0..<count {
            let before = try reader.span()
            found.heard.append(before == 0 ? HeardLists.never : clock - (before - 1))
        }
        for _ in 0..<(try reader.count()) {
            let name = try readRule(names, from: &reader)
            let until = try reader.signed()
            found.done[name.id] = min(found.done[name.id] ?? .max, until)
        }
        switch try reader.byte() {
        case 0: break
        case 1: found.nextTurn = try reader.time()
        default: throw reader.damaged
        }
        return found
    }

    private func readRule(
        _ names: [RuleName], from reader: inout CheckpointReader
    ) throws(CheckpointError) -> RuleName {
        let number = try reader.varint()
        guard number < names.count else { throw reader.damaged }
        return names[Int(number)]
    }

    private func readPlace(from reader: inout CheckpointReader) throws(CheckpointError) -> Int32 {
        let device = try reader.varint()
        let name = try reader.text()
        guard device > 0 else { return places.place(group: name) }
        guard device <= fleet.devices.count else { throw reader.foreign }
        guard !name.isEmpty else { return places.place(device: Int32(device) - 1, component: -1) }
        guard let component = fleet.components.find(name) else { throw reader.foreign }
        return places.place(device: Int32(device) - 1, component: component)
    }

    private func readMemories(
        _ names: [RuleName], _ live: Int64, into found: inout CheckpointedConditions,
        from reader: inout CheckpointReader
    ) throws(CheckpointError) {
        for _ in 0..<(try reader.count()) {
            let key: Int32
            switch try reader.byte() {
            case 0:
                let series = try reader.varint()
                guard series < fleet.series.count else { throw reader.foreign }
                key = Int32(series)
            case 1: key = try readPlace(from: &reader)
            default: throw reader.damaged
            }
            let name = try readRule(names, from: &reader)
            let slot = try reader.byte()
            let at = try reader.signed()
            let then = try reader.signed()
            guard then <= live else { throw .aheadOfClock(at: reader.position) }
            let content = try readContent(from: &reader)
            guard let rule = rule(name), remembers(rule, slot, content, key) else { continue }
            found.memories.append(
                Memory(rule: rule, slot: slot, place: key, content: content, at: at, live: then))
        }
    }

    private func rule(_ name: RuleName) -> Int32? {
        rules.firstIndex { $0.definition.id == name.id && $0.choice == name.choice }.map(Int32.init)
    }

    /// The rule may have been changed beside the record, and what it remembers now is of another form.
    private func remembers(_ rule: Int32, _ slot: UInt8, _ content: Memory.Content, _ key: Int32) -> Bool {
        switch (slot, content) {
        case (Memory.Slot.repeats, .repeats), (Memory.Slot.tree, .tree), (Memory.Slot.member, .member),
            (Memory.Slot.off, .off):
            return true
        default:
            guard let term = term(rule, slot), key >= 0 else { return false }
            return switch (content, term.measure) {
            case (.last, .value), (.window, .rise), (.window, .fall), (.window, .statistic), (.flaps, .flaps),
                (.baseline, .deviation):
                true
            default: false
            }
        }
    }

    private func readContent(from reader: inout CheckpointReader) throws(CheckpointError) -> Memory.Content {
        switch try reader.byte() {
        case 0: return .last(try readValue(from: &reader))
        case 1:
            var samples: [SampleWindow.Sample] = []
            for _ in 0..<(try reader.count()) {
                let at = try reader.signed()
                guard at >= samples.last?.at ?? at, samples.count < SampleWindow.capacity else { throw reader.damaged }
                samples.append(SampleWindow.Sample(at: at, value: Double(bitPattern: try reader.fixed())))
            }
            return .window(SampleWindow(samples))
        case 2:
            let value = try readValue(from: &reader)
            var changes: [Int64] = []
            for _ in 0..<(try reader.count()) {
                let at = try reader.signed()
                guard at >= changes.last ?? at, changes.count < FlapWindow.capacity else { throw reader.damaged }
                changes.append(at)
            }
            return .flaps(FlapWindow(last: value, changes: changes))
        case 3:
            var baseline = Baseline(firstAt: try reader.signed())
            for hour in baseline.hours.indices {
                guard let centre = UInt32(exactly: try reader.varint()),
                    let spread = UInt32(exactly: try reader.varint()),
                    let count = UInt16(exactly: try reader.varint())
                else { throw reader.damaged }
                baseline.hours[hour] = Baseline.Hour(
                    centre: Float(bitPattern: centre), spread: Float(bitPattern: spread), count: count)
            }
            return .baseline(baseline)
        case 4: return .repeats(try reader.varint())
        case 5:
            guard let known = UInt32(exactly: try reader.varint()), let truth = UInt32(exactly: try reader.varint())
            else { throw reader.damaged }
            let newest = try reader.signed()
            return .tree(
                ConditionTree.Known(
                    known: known, truth: truth, newest: newest == CheckpointReader.earliest ? .min : newest))
        case 6: return .member(try reader.byte() != 0)
        case 7: return .off(nil)
        case 8: return .off(try readValue(from: &reader))
        default: throw reader.damaged
        }
    }

    private func readCrowds(
        _ names: [RuleName], _ live: Int64, into found: inout CheckpointedConditions,
        from reader: inout CheckpointReader
    ) throws(CheckpointError) {
        for _ in 0..<(try reader.count()) {
            let key = try readPlace(from: &reader)
            let name = try readRule(names, from: &reader)
            var its = CrowdState()
            its.at = try reader.signed()
            its.live = try reader.signed()
            guard its.live <= live else { throw .aheadOfClock(at: reader.position) }
            its.isOn = try reader.byte() != 0
            var members: [Int32: Crowd.Member] = [:]
            for _ in 0..<(try reader.count()) {
                let device = try reader.varint()
                guard device < fleet.devices.count else { throw reader.foreign }
                let at = try reader.signed()
                guard let holding = Int32(exactly: try reader.varint()) else { throw reader.damaged }
                members[Int32(device)] = Crowd.Member(at: at, holding: holding)
            }
            its.crowd = Crowd(members: members)
            guard places[key].device < 0 else { throw reader.damaged }
            if let rule = rule(name), case .crowd = rules[Int(rule)].form {
                found.crowds[CrowdKey(rule: rule, place: key)] = its
            }
        }
    }

    /// In the place of all that is remembered.
    func take(_ found: CheckpointedConditions, live: Int64) {
        memories.removeAll()
        vacantMemories.removeAll()
        expiries = Heap()
        for index in firstMemory.indices { firstMemory[index] = -1 }
        for key in places.indices {
            places[key].firstMemory = -1
            places[key].newest = found.newest[key] ?? .min
        }
        for memory in found.memories.reversed() {
            let index = keep(memory.content, nil, memory.rule, memory.slot, memory.place)
            memories[Int(index)].at = memory.at
            memories[Int(index)].live = memory.live
            if let term = term(memory.rule, memory.slot) { setExpiry(of: index, term) }
        }
        crowds = found.crowds
        for key in crowds.keys {
            if case .crowd(let gathering) = rules[Int(key.rule)].form { setExpiry(of: key, gathering) }
        }
        // A clock that is ahead of this run's would let nobody be silent until then.
        self.live = min(found.live ?? live, live)
        heard = HeardLists()
        heard.grow(to: fleet.devices.count)
        for (device, time) in found.heard.enumerated() { heard.restore(Int32(device), heardAt: min(time, live)) }
        silentDevices = Set(
            states.compactMap { state in
                guard state.rule >= 0, case .silent = rules[Int(state.rule)].form else { return nil }
                return device(of: state.series)
            })
        for memory in memories where memory.rule >= 0 && memory.slot == Memory.Slot.off {
            if case .silent = rules[Int(memory.rule)].form { silentDevices.insert(device(of: memory.place)) }
        }
        nextTurn = found.nextTurn ?? nextTurn
        arrangeHeard(done: found.done)
    }
}

import FireModel
import HeapModule

/// What rules remember beside their alarms, in lists per series, device, component or group.
extension RuleEngine {
    func firstMemory(of key: Int32) -> Int32 {
        if key >= 0 { return Int(key) < firstMemory.count ? firstMemory[Int(key)] : -1 }
        return places[key].firstMemory
    }

    func setFirstMemory(_ memory: Int32, of key: Int32) {
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

    func content(_ rule: Int32, _ slot: UInt8, _ key: Int32) -> Memory.Content? {
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

    func successor(of rule: CompiledRule, for key: Int32) -> Int32? {
        rules.firstIndex { $0.remembersAlike(rule) && isAsked($0, key) }.map(Int32.init)
    }

    /// Whether the rule may remember something of this key: of its own, or for a tree or a crowd.
    func isAsked(_ rule: CompiledRule, _ key: Int32) -> Bool {
        let device = device(of: key)
        return device < 0 || isFor(rule, device)
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
}

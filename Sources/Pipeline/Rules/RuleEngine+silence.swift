import FireModel

/// Devices that are not heard.
extension RuleEngine {
    /// A report of the device, whatever it says. One that says it has gone is none.
    /// - Parameter asks: some rule of its kind wants to know.
    func noteHeard(_ reading: Reading, _ anchor: Int32, asks: Bool, _ clocks: Clocks) {
        let device = fleet.series[Int(anchor)].device
        // Also where no rule asks yet: a reload may bring one.
        guard asks else { return heard.heard(device, live: clocks.live) }
        hear(device, live: clocks.live)
        guard !silentDevices.isEmpty, silentDevices.contains(device),
            let key = places.find(device: device, component: -1)
        else { return }
        var isSilent = false
        for rule in rules.indices {
            guard case .silent = rules[rule].form else { continue }
            // What waited for the hours of the rule is over as well.
            setContent(nil, Int32(rule), Memory.Slot.off, key)
            guard let state = findState(key, Int32(rule)) else { continue }
            places[key].newest = max(places[key].newest, reading.receivedAt.milliseconds)
            var input = input(reading, holds: false, clears: true, isEdge: false, clocks)
            input.at = reading.receivedAt
            input.isTrusted = false
            step(state, input, Occasion(reading: reading, receivedAt: reading.receivedAt))
            isSilent = isSilent || findState(key, Int32(rule)) != nil
        }
        if !isSilent { silentDevices.remove(device) }
    }

    /// It has its whole interval from now on.
    func hear(_ device: Int32, live: Int64) {
        if asksForSilence, heard.isUnlisted(device) {
            if !isHeardArranged { arrangeHeard(done: [:]) }
            if heard.isUnlisted(device) {
                let list = heardList(of: device)
                if list >= 0 { heard.enter(device, list: list) } else { heard.exempt(device) }
            }
        }
        heard.heard(device, live: live)
    }

    func fellSilent(_ due: HeardLists.Due, live: Int64, now: Timestamp) {
        let key = places.place(device: due.device, component: -1)
        // The clocks were read at a tick, which is a little after it was due.
        let at = now + (due.deadline - live)
        places[key].newest = max(places[key].newest, at.milliseconds)
        let input = AlarmMachine.Input(
            holds: true, clears: false, isEdge: false, at: at, receivedAt: now, isTrusted: false, live: live,
            steady: nil)
        let interval = interval(of: due.rule, kind: fleet.devices[Int(due.device)].kind) ?? 0
        judge(due.rule, key, input, .number(Double(interval) / 1000), nil, now: now)
        if findState(key, due.rule) != nil || memory(due.rule, Memory.Slot.off, key) != nil {
            silentDevices.insert(due.device)
        }
    }

    // MARK: - Lists

    /// - Parameter done: by id of the rule, up to when who was due has been called.
    func arrangeHeard(done: [String: Int64]) {
        heard.grow(to: fleet.devices.count)
        heardLists.removeAll()
        isHeardArranged = true
        let silent = rules.indices.filter { if case .silent = rules[$0].form { true } else { false } }
        guard !silent.isEmpty else { return heard.dissolve() }
        var groups: [(watches: [HeardLists.Watch], devices: [Int32])] = []
        for device in fleet.devices.indices.map(Int32.init) {
            let key = HeardListKey(
                kind: fleet.devices[Int(device)].kind, selection: selectionClass(of: device))
            if heardLists[key] == nil {
                heardLists[key] = Int32(groups.count)
                groups.append((watches(key, silent), []))
            }
            if let list = heardLists[key] { groups[Int(list)].devices.append(device) }
        }
        // Lists without a watch are none; the numbers of the others are theirs.
        var numbers: [Int32: Int32] = [:]
        for (index, group) in groups.enumerated() where !group.watches.isEmpty {
            numbers[Int32(index)] = Int32(numbers.count)
        }
        heardLists = heardLists.mapValues { numbers[$0] ?? -1 }
        let called = silent.map { (Int32($0), done[rules[$0].definition.id] ?? .min) }
        heard.arrange(groups, called: Dictionary(uniqueKeysWithValues: called))
    }

    private func watches(_ key: HeardListKey, _ silent: [Int]) -> [HeardLists.Watch] {
        silent.compactMap { index in
            let rule = rules[index]
            guard rule.applies(toKind: fleet.kinds[key.kind]),
                selection.choice(rule.base, class: key.selection) == rule.choice,
                let interval = interval(of: Int32(index), kind: key.kind)
            else { return nil }
            return HeardLists.Watch(rule: Int32(index), interval: interval)
        }
    }

    /// Milliseconds; `nil`: the kind has no expected interval.
    private func interval(of rule: Int32, kind: Int32) -> Int64? {
        guard case .silent(let silence) = rules[Int(rule)].form else { return nil }
        switch silence {
        case .duration(let duration): return duration.wholeMilliseconds
        case .intervals(let count):
            guard let expected = fleet.definition(kind: kind)?.expectedInterval, expected > .zero else { return nil }
            return Int64(Double(expected.wholeMilliseconds) * count)
        }
    }

    /// The list of a device that is in none; -1: there is none for it.
    private func heardList(of device: Int32) -> Int32 {
        let key = HeardListKey(kind: fleet.devices[Int(device)].kind, selection: selectionClass(of: device))
        if heardLists[key] == nil {
            // The first of its kind: the lists are made with it.
            arrangeHeard(
                done: Dictionary(heard.calledUntil.map { (rules[Int($0.key)].definition.id, $0.value) }) { min($0, $1) }
            )
        }
        return heardLists[key] ?? -1
    }
}

struct HeardListKey: Hashable {
    var kind: Int32
    var selection: Int32
}

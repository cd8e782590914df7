import FireModel

struct CrowdKey: Hashable {
    var rule: Int32
    var place: Int32
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

/// Conditions that must begin on several devices together.
extension RuleEngine {
    /// The condition of a coincidence on one device or component.
    func join(
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

    func judgeCrowd(
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
    func showMembers(of key: CrowdKey, within: Int64) {
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
    func groups(of device: Int32, _ place: Condition.Coincidence.Place) -> [Int32] {
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
}

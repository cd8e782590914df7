import FireModel

/// Reads where a rule, or a change to it, is in force: `areas`, `devices`, `groups`.
struct SelectorReader {
    let names: RuleNames

    /// What is written wrongly is left out, and a problem.
    func selector(_ section: Section) -> DeviceSelector {
        var selector = DeviceSelector()
        section.list("areas", .area, into: &selector.areas)
        section.list("devices", .identifier, into: &selector.devices)
        if let field = section["groups"] { selector.groups = names.groups(named: field) ?? [] }
        return selector
    }
}

extension DeviceSelector {
    var isEverywhere: Bool { areas.isEmpty && devices.isEmpty && groups.isEmpty }

    /// Whatever the other lets through, this does.
    func covers(_ other: DeviceSelector) -> Bool {
        covers(areas, other.areas) && covers(devices, other.devices)
            && covers(groups.map(\.name), other.groups.map(\.name))
    }

    private func covers(_ mine: [String], _ others: [String]) -> Bool {
        mine.isEmpty || (!others.isEmpty && Set(others).isSubset(of: mine))
    }

    /// No device passes both.
    func excludes(_ other: DeviceSelector) -> Bool {
        excludes(areas, other.areas) || excludes(devices, other.devices)
    }

    private func excludes(_ mine: [String], _ others: [String]) -> Bool {
        !mine.isEmpty && !others.isEmpty && Set(mine).isDisjoint(with: others)
    }
}

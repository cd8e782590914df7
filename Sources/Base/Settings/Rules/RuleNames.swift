import FireModel

/// Groups and holidays that rules call by their names, over all rules files.
struct RuleNames {
    private(set) var groups: [String: DeviceGroup] = [:]
    private(set) var holidays: [String: [Period.Days]] = [:]
    private var places: [String: String] = [:]

    /// `groups: { NAME: { areas: […], devices: […] } }` and `holidays: { NAME: [2026-02-16..2026-02-22, 2026-05-01] }`.
    mutating func read(_ root: Section) {
        root["groups"]?.mapping { section in
            for (name, field) in section.all { readGroup(name, field) }
        }
        root["holidays"]?.mapping { section in
            for (name, field) in section.all { readHoliday(name, field) }
        }
    }

    private mutating func readGroup(_ name: String, _ field: Field) {
        guard isName(name, field, of: "group"), isFirst("group \(name)", field) else { return }
        guard Condition.Coincidence.Place(word: name) == nil else {
            return field.complain(found: "group '\(name)'", expected: "another name, as 'in: \(name)' is taken")
        }
        let group = field.mapping { section -> DeviceGroup? in
            var group = DeviceGroup(name: name)
            section.list("areas", .area, into: &group.areas)
            section.list("devices", .identifier, into: &group.devices)
            return group
        }
        // Also where it is wrong inside: that its rules do not find it is no other mistake.
        groups[name] = group ?? DeviceGroup(name: name)
        if let group, group.areas.isEmpty, group.devices.isEmpty, field.document.problems.isEmpty {
            field.complain(found: "a group without areas and devices", expected: "areas: […], devices: […], or both")
        }
    }

    private mutating func readHoliday(_ name: String, _ field: Field) {
        guard isName(name, field, of: "holiday"), isFirst("holiday \(name)", field) else { return }
        holidays[name] = field.list(.days) ?? []
        if field.isNull || field.node.sequence?.isEmpty == true {
            field.complain(found: "a holiday without a day", expected: Form<Period.Days>.days.expected)
        }
    }

    private func isName(_ name: String, _ field: Field, of what: String) -> Bool {
        guard !Names.isIdentifier(name) else { return true }
        field.complain(found: "\(what) '\(shortened(name))'", expected: Form.identifier.expected)
        return false
    }

    private mutating func isFirst(_ what: String, _ field: Field) -> Bool {
        if let other = places[what] {
            field.complain(found: "\(what) a second time", expected: "a name of its own", remedy: "see \(other)")
            return false
        }
        places[what] = field.place
        return true
    }

    /// Those named in a list; `nil` when one of them is not there.
    func groups(named list: Field) -> [DeviceGroup]? {
        guard let fields = list.elements(expected: "a list of groups") else { return nil }
        return all(fields.map { group(named: $0) })
    }

    func group(named field: Field) -> DeviceGroup? {
        field.name(of: "a group", among: groups.keys.sorted(), remedy: "name its areas or devices below 'groups'")
            .flatMap { groups[$0] }
    }

    func holidays(named list: Field) -> [Period.Days]? {
        guard let fields = list.elements(expected: "a list of holidays") else { return nil }
        let known = holidays.keys.sorted()
        return all(
            fields.map { field in
                field.name(of: "a holiday", among: known, remedy: "name its days below 'holidays'").flatMap {
                    holidays[$0]
                }
            }
        ).map { $0.flatMap { $0 } }
    }
}

/// All of them, or `nil` when one is missing.
func all<T>(_ values: [T?]) -> [T]? {
    values.contains { $0 == nil } ? nil : values.compactMap(\.self)
}

extension Form where T == Period.Days {
    static var days: Form {
        Form("a day such as 2026-05-01, or 2026-02-16..2026-02-22") { text in
            let ends = text.split(separator: "..", omittingEmptySubsequences: false).map { day(String($0)) }
            guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first <= last
            else { return nil }
            return Period.Days(first: first, last: last)
        }
    }
}

/// Days since 1970-01-01.
private func day(_ text: String) -> Int? {
    guard text.wholeMatch(of: /\d{4}-\d{2}-\d{2}/) != nil, let start = Timestamp(rfc3339: text + "T00:00:00Z") else {
        return nil
    }
    return Int((Double(start.milliseconds) / 86_400_000).rounded(.down))
}

extension Condition.Coincidence.Place {
    /// `area` and `site`; anything else names a group.
    init?(word: String) {
        switch word {
        case "area": self = .area
        case "site": self = .site
        default: return nil
        }
    }
}

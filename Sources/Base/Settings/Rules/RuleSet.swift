import FireModel

/// The rules in force: the shipped ones, and those of the user's files, some of which stand in for shipped ones.
public struct RuleSet {
    public private(set) var rules: [RuleDefinition]
    /// Ids that can be replaced, loaded or not.
    private let shipped: Set<String>
    /// Ids of what is built in, such as fire; an alarm could not be told apart otherwise.
    private let reserved: Set<String>
    private let catalogue: Catalogue
    private let endpoints: [String]?
    private let timeZone: String
    private var places: [String: String] = [:]
    private var replaced: [String: (place: String, by: String)] = [:]

    /// - Parameters:
    ///   - shipped: the shipped rules.
    ///   - defaults: whether they are in force.
    ///   - reserved: ids of built-in rules, which no file may take.
    ///   - endpoints: names of the webhooks that rules may escalate to; `nil`: any.
    ///   - timeZone: whose clock schedules go by, an IANA name.
    public init(
        shipped: [RuleDefinition], defaults: Bool, reserved: Set<String> = [], catalogue: Catalogue,
        endpoints: [String]? = nil, timeZone: String = Configuration.Gateway.defaultTimeZone
    ) {
        self.reserved = reserved
        rules = defaults ? shipped : []
        self.shipped = Set(shipped.map(\.id))
        self.catalogue = catalogue
        self.endpoints = endpoints
        self.timeZone = timeZone
    }

    /// Adds the rules of a file that needs no other.
    ///
    /// - Returns: what is wrong in it. A rule with a mistake is left out.
    public mutating func add(_ source: SourceFile, environment: [String: String] = [:]) -> [Problem] {
        let document = Document(source, environment: Environment(environment))
        add([document])
        return document.problems
    }

    /// Adds the rules of all files: what one of them names, such as groups, the others may use. What is wrong is in the
    /// documents.
    package mutating func add(_ documents: [Document]) {
        let sections = documents.compactMap { $0.root().flatMap { Section($0) } }
        var names = RuleNames()
        for section in sections { names.read(section) }
        let reader = RuleReader(catalogue: catalogue, names: names, endpoints: endpoints, timeZone: timeZone)
        var found: [(RuleDefinition, Field)] = []
        for section in sections {
            let list =
                section["rules"]
                ?? (section["groups"] ?? section["holidays"] == nil
                    ? section.required("rules", expected: "rules: and below it a list of rules") : nil)
            for field in list?.elements(expected: "a list of rules") ?? [] {
                if let rule = field.mapping({ reader.rule($0) }) { found.append((rule, field)) }
            }
            section.reportUnknownKeys()
        }
        for (rule, field) in found { add(rule, field) }
        checkInhibitions(found)
        followReplacements()
    }

    private mutating func add(_ rule: RuleDefinition, _ field: Field) {
        guard !reserved.contains(rule.id) else {
            field.complain(at: "id", found: "'\(rule.id)', the id of a built-in rule", expected: "another id")
            return
        }
        if let replaces = rule.replaces {
            guard shipped.contains(replaces) else {
                field.complain(
                    at: "replaces", found: "'\(replaces)'", expected: "the id of a shipped rule",
                    remedy: nearest(to: replaces, among: shipped.sorted()).map { "did you mean '\($0)'?" })
                return
            }
            if let other = replaced[replaces] {
                field.complain(
                    at: "replaces", found: "'\(replaces)' a second time", expected: "one rule in its place",
                    remedy: "see \(other.place)")
                return
            }
            rules.removeAll { $0.id == replaces && places[$0.id] == nil }
            replaced[replaces] = (field.place, rule.id)
        }
        if let other = places[rule.id] {
            field.complain(
                at: "id", found: "'\(rule.id)' a second time", expected: "an id of its own for each rule",
                remedy: "see \(other)")
            return
        }
        if rules.contains(where: { $0.id == rule.id }) {
            field.complain(
                at: "id", found: "'\(rule.id)', the id of a shipped rule",
                expected: "replaces: \(rule.id) beside it, or another id")
            return
        }
        places[rule.id] = field.place
        rules.append(rule)
    }

    // MARK: Rules that name others

    /// What is held back is a rule, and not a fire; and two do not hold back each other, or none would be heard.
    private func checkInhibitions(_ found: [(rule: RuleDefinition, field: Field)]) {
        // What a file has with a mistake in it is left out, and no other mistake.
        let written = found.map(\.rule)
        let known = Set(rules.map(\.id)).union(written.map(\.id)).union(shipped).union(reserved).union(places.keys)
        let fires = Set((rules + written).filter { $0.category == .fire }.map(\.id)).union(
            reserved.intersection([AlarmCategory.fire.rawValue]))
        for (rule, field) in found {
            for (index, inhibition) in rule.inhibits.enumerated() {
                for (place, id) in inhibition.rules.enumerated() {
                    let path = "inhibits[\(index)].rules[\(place)]"
                    if !known.contains(id) {
                        field.complain(
                            at: path, found: "'\(id)'", expected: "the id of a rule",
                            remedy: nearest(to: id, among: known.sorted()).map { "did you mean '\($0)'?" })
                    } else if fires.contains(id) {
                        field.complain(
                            at: path, found: "'\(id)', a fire", expected: "another rule",
                            remedy: "a fire is never held back")
                    } else if let other = written.first(where: { $0.id == id }), id != rule.id,
                        other.inhibits.contains(where: { $0.rules.contains(rule.id) })
                    {
                        field.complain(
                            at: path, found: "'\(id)', which holds back this rule", expected: "one of the two only",
                            remedy: "active together, neither would be heard")
                    }
                }
            }
        }
    }

    /// A rule that holds back a shipped one holds back what stands in its place.
    private mutating func followReplacements() {
        for index in rules.indices {
            for place in rules[index].inhibits.indices {
                let ids = rules[index].inhibits[place].rules
                let more = ids.compactMap { replaced[$0]?.by }.filter { !ids.contains($0) && $0 != rules[index].id }
                rules[index].inhibits[place].rules += more
            }
        }
    }
}

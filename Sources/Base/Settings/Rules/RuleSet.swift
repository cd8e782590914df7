import FireModel

/// The rules in force: the shipped ones, and those of the user's files, some of which stand in for shipped ones.
public struct RuleSet {
    public private(set) var rules: [RuleDefinition]
    /// Ids that can be replaced, loaded or not.
    private let shipped: Set<String>
    /// Ids of what is built in, such as fire; an alarm could not be told apart otherwise.
    private let reserved: Set<String>
    private let catalogue: Catalogue
    private var places: [String: String] = [:]
    private var replaced: [String: String] = [:]

    /// - Parameters:
    ///   - shipped: the shipped rules.
    ///   - defaults: whether they are in force.
    ///   - reserved: ids of built-in rules, which no file may take.
    public init(
        shipped: [RuleDefinition], defaults: Bool, reserved: Set<String> = [], catalogue: Catalogue
    ) {
        self.reserved = reserved
        rules = defaults ? shipped : []
        self.shipped = Set(shipped.map(\.id))
        self.catalogue = catalogue
    }

    /// Adds the rules of a file.
    ///
    /// - Returns: what is wrong in it. A rule with a mistake is left out.
    public mutating func add(_ source: SourceFile, environment: [String: String] = [:]) -> [Problem] {
        let document = Document(source, environment: Environment(environment))
        add(document)
        return document.problems
    }

    mutating func add(_ document: Document) {
        let reader = RuleReader(catalogue: catalogue)
        var found: [(RuleDefinition, Field)] = []
        document.root()?.mapping { root in
            guard let list = root.required("rules", expected: "rules: and below it a list of rules") else { return }
            for field in list.elements(expected: "a list of rules") ?? [] {
                if let rule = field.mapping({ reader.rule($0) }) { found.append((rule, field)) }
            }
        }
        for (rule, field) in found { add(rule, field) }
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
                    remedy: "see \(other)")
                return
            }
            rules.removeAll { $0.id == replaces && places[$0.id] == nil }
            replaced[replaces] = place(of: field)
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
        places[rule.id] = place(of: field)
        rules.append(rule)
    }

    private func place(of field: Field) -> String {
        field.document.source.name + (field.node.mark.map { ":\($0.line)" } ?? "")
    }
}

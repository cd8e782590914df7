import FireModel
import Yams

/// One value of a YAML file, with where it stands.
package struct Field {
    let node: Node
    /// `mqtt.tls.ca_file`, `webhooks[0].url`
    package let path: String
    package let document: Document

    /// Nothing was written: `key:` with only comments after it, or `~`.
    package var isNull: Bool {
        guard case .scalar(let scalar) = node else { return false }
        return scalar.style == .plain || scalar.style == .any ? ["", "~", "null"].contains(scalar.string) : false
    }

    /// Written without quotes, so that `true` and `1` are no texts.
    package var isPlain: Bool { node.scalar?.style == .plain }

    package func complain(
        _ severity: Problem.Severity = .error, found: String? = nil, expected: String, remedy: String? = nil
    ) {
        document.report(
            severity, node.mark, path: path, found: found ?? shown, expected: expected, remedy: remedy)
    }

    /// The value as it stands in the file: what a variable brought in may be a secret.
    package var shown: String {
        switch node {
        case .scalar(let scalar): isNull ? "nothing" : "'\(shortened(scalar.string))'"
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }

    /// A scalar in the given form; otherwise `nil`, and what came and was expected is a problem.
    package func read<T>(_ form: Form<T>) -> T? {
        guard let text = scalarText(expected: form.expected) else { return nil }
        guard let value = form.parse(text) else {
            complain(found: form.isShown ? nil : "something else", expected: form.expected)
            return nil
        }
        return value
    }

    /// The elements of a list; nothing written is an empty one.
    package func elements(expected: String) -> [Field]? {
        if isNull { return [] }
        guard case .sequence(let sequence) = node else {
            complain(expected: expected)
            return nil
        }
        return sequence.enumerated().map { Field(node: $1, path: "\(path)[\($0)]", document: document) }
    }

    /// A list of scalars, or `nil` when one of them is not in the form.
    package func list<T>(_ form: Form<T>) -> [T]? {
        guard let elements = elements(expected: "a list, each element \(form.expected)") else { return nil }
        let values = elements.map { $0.read(form) }
        return values.contains { $0 == nil } ? nil : values.compactMap(\.self)
    }

    /// A list, or a single scalar for a list of one.
    package func oneOrMore<T>(_ form: Form<T>) -> [T]? {
        if case .sequence = node {
            guard let values = list(form) else { return nil }
            guard !values.isEmpty else {
                complain(found: "an empty list", expected: form.expected)
                return nil
            }
            return values
        }
        return read(form).map { [$0] }
    }

    /// Reads the keys of a mapping; those that `body` did not ask for are unknown, hence problems.
    package func mapping<T>(_ body: (Section) -> T?) -> T? {
        guard let section = Section(self) else { return nil }
        let value = body(section)
        section.reportUnknownKeys()
        return value
    }

    package func mapping(_ body: (Section) -> Void) { _ = mapping { section -> Void? in body(section) } }

    private func scalarText(expected: String) -> String? {
        guard case .scalar(let scalar) = node, !isNull else {
            complain(expected: expected)
            return nil
        }
        switch substituting(in: scalar.string, document.environment) {
        case .success(let text): return text
        case .failure(.unset(let name)):
            complain(
                found: "${\(name)}, which is not set", expected: "a variable of the environment",
                remedy: "set it, or give a default: ${\(name):-text}")
        case .failure(.malformed):
            complain(expected: "${NAME} or ${NAME:-text}", remedy: "write $$ for a single $")
        }
        return nil
    }
}

enum SubstitutionError: Error { case unset(String), malformed }

/// `${NAME}` → the variable, `${NAME:-text}` → the variable or, where it is not set or empty, the text; `$$` → `$`.
func substituting(in text: String, _ environment: Environment) -> Result<String, SubstitutionError> {
    var result = ""
    var rest = text[...]
    while let dollar = rest.firstIndex(of: "$") {
        result += rest[..<dollar]
        rest = rest[rest.index(after: dollar)...]
        switch rest.first {
        case "$":
            result += "$"
            rest = rest.dropFirst()
        case "{":
            guard let end = rest.firstIndex(of: "}") else { return .failure(.malformed) }
            let inner = rest[rest.index(after: rest.startIndex)..<end]
            rest = rest[rest.index(after: end)...]
            let separator = inner.firstRange(of: ":-")
            let name = String(inner[..<(separator?.lowerBound ?? inner.endIndex)])
            guard isVariableName(name) else { return .failure(.malformed) }
            let value = environment[name]
            if let separator {
                result += value.flatMap { $0.isEmpty ? nil : $0 } ?? String(inner[separator.upperBound...])
            } else if let value {
                result += value
            } else {
                return .failure(.unset(name))
            }
        default: result += "$"
        }
    }
    return .success(result + rest)
}

/// As a shell takes it: letters, digits and `_`, no digit first.
private func isVariableName(_ name: String) -> Bool { name.wholeMatch(of: /[A-Za-z_][0-9A-Za-z_]*/) != nil }

/// No line breaks, so that a problem stays one line. Whole: a path that is cut leads nowhere.
func onOneLine(_ text: String) -> String { text.replacing(/[\p{Cc}]/, with: "·") }

/// On one line and at most 80 characters.
func shortened(_ text: String) -> String {
    let line = onOneLine(text)
    return line.count <= 80 ? line : line.prefix(79) + "…"
}

extension Field {
    /// Where it stands, `rules.d/site.yaml:7`.
    package var place: String { document.source.name + (line.map { ":\($0)" } ?? "") }

    /// From 1; `nil` where it is not known.
    package var line: Int? { node.mark?.line }

    /// One of the names that are there.
    package func name(of what: String, among known: [String], remedy: String? = nil) -> String? {
        guard let name = read(.identifier) else { return nil }
        if known.contains(name) { return name }
        complain(
            expected: known.isEmpty ? "\(what), of which there is none" : "\(what): " + known.joined(separator: ", "),
            remedy: nearest(to: name, among: known).map { "did you mean '\($0)'?" } ?? remedy)
        return nil
    }
}

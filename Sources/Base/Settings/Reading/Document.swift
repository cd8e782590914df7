import Yams

/// One YAML file while it is read: collects what is wrong in it.
package final class Document {
    package let source: SourceFile
    let environment: Environment
    package private(set) var problems: [Problem] = []

    package init(_ source: SourceFile, environment: Environment) {
        self.source = source
        self.environment = environment
    }

    /// The mapping that the file is; `nil` when it is none, or not YAML, which is among the problems then.
    package func root() -> Field? {
        do {
            let node = try Yams.compose(yaml: source.text, .basic, .default, .utf8)
            let field = Field(node: node ?? Node(""), path: "", document: self)
            if field.isNull || node?.mapping != nil { return field }
            field.complain(expected: "a mapping")
        } catch let error as YamlError {
            problems.append(problem(error))
        } catch {
            report(.error, nil, path: "", found: "a text that cannot be read", expected: "YAML")
        }
        return nil
    }

    package func report(
        _ severity: Problem.Severity, _ mark: Mark?, path: String, found: String, expected: String,
        remedy: String? = nil
    ) {
        problems.append(
            Problem(
                severity: severity, file: source.name, line: mark?.line, column: mark?.column, path: path, found: found,
                expected: expected, remedy: remedy))
    }

    /// The library's own text repeats the line at fault, which may hold a secret; only its reason is told.
    private func problem(_ error: YamlError) -> Problem {
        var mark: Mark?
        var path = ""
        var found = "a text that cannot be read"
        var expected = "one YAML document"
        switch error {
        case .scanner(_, let problem, let at, _), .parser(_, let problem, let at, _),
            .composer(_, let problem, let at, _):
            mark = at
            found = "broken YAML (\(problem))"
        case .reader(let problem, _, _, _):
            found = "broken YAML (\(problem))"
        case .duplicatedKeysInMapping(let keys, let context):
            mark = context.mark
            path = keys.joined(separator: ", ")
            found = "a key that stands twice"
            expected = "each key once"
        default: break
        }
        return Problem(
            severity: .error, file: source.name, line: mark?.line, column: mark?.column, path: path, found: found,
            expected: expected)
    }
}

/// The environment variables that `${NAME}` may take, and which of them were taken.
package final class Environment {
    private let values: [String: String]
    package private(set) var used: [String: String] = [:]

    package init(_ values: [String: String]) { self.values = values }

    package subscript(name: String) -> String? {
        guard let value = values[name] else { return nil }
        used[name] = value
        return value
    }
}

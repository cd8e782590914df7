/// A text for people with places in braces, such as `{title}`; `{{` and `}}` are braces. A line whose places are all
/// empty is left out, so that an alarm without a value has no line "value:".
public struct TextTemplate: Sendable, Equatable {
    /// What a place can stand for. Words are in the language of the endpoint, times in the zone of the gateway.
    public enum Place: String, Sendable, CaseIterable {
        /// The first line of the built-in text, and all of it.
        case headline, text
        case title, category, severity, state
        /// The word of the change.
        case type
        case device, name, address, site, area, kind, owner, component, devices
        case value, unit, limit, metric, detail
        case raisedAt = "raised_at"
        case receivedAt = "received_at"
        case changedAt = "changed_at"
        case clearedAt = "cleared_at"
        case clearedBy = "cleared_by"
        case clearedReason = "cleared_reason"
        case acknowledgedAt = "acknowledged_at"
        case acknowledgedBy = "acknowledged_by"
        case acknowledgedNote = "acknowledged_note"
        case verdict
        case verdictBy = "verdict_by"
        case verdictCause = "verdict_cause"
        case verdictNote = "verdict_note"
        /// Marks, empty where they do not apply: 【演练】, 【迟报】, 【再次报警】.
        case drill, late, reraised
        case flags, occurrences, rule, gateway, id, revision
    }

    private enum Part: Equatable {
        case literal(String)
        case place(Place)
    }

    private var lines: [[Part]]

    /// `nil`: `problem(in:)` says why.
    public init?(_ text: String) {
        guard case .success(let lines) = Self.read(text) else { return nil }
        self.lines = lines
    }

    /// What is wrong with a template; `nil`: nothing.
    public static func problem(in text: String) -> Problem? {
        guard case .failure(let problem) = read(text) else { return nil }
        return problem
    }

    /// What came, what was expected, and what was probably meant.
    public struct Problem: Error, Equatable, CustomStringConvertible {
        public var line: Int
        public var found: String
        public var expected: String
        public var description: String { "line \(line): found \(found), expected \(expected)" }
    }

    /// - Parameter value: What stands at a place; empty where there is nothing.
    public func text(_ value: (Place) -> String) -> String {
        lines.compactMap { line in
            var hasPlace = false
            var isFilled = false
            var text = ""
            for part in line {
                switch part {
                case .literal(let literal): text += literal
                case .place(let place):
                    let value = value(place)
                    hasPlace = true
                    if !value.isEmpty { isFilled = true }
                    text += value
                }
            }
            return hasPlace && !isFilled ? nil : text
        }.joined(separator: "\n")
    }

    private static func read(_ text: String) -> Result<[[Part]], Problem> {
        // A block of YAML ends with a line break that nobody meant.
        let end = text.lastIndex { !$0.isNewline }.map { text.index(after: $0) } ?? text.startIndex
        var lines: [[Part]] = []
        for (index, line) in text[..<end].split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            .enumerated()
        {
            switch parts(line, number: index + 1) {
            case .success(let parts): lines.append(parts)
            case .failure(let problem): return .failure(problem)
            }
        }
        return .success(lines)
    }

    private static func parts(_ line: Substring, number: Int) -> Result<[Part], Problem> {
        var parts: [Part] = []
        var literal = ""
        var rest = line
        while let brace = rest.firstIndex(where: { $0 == "{" || $0 == "}" }) {
            literal += rest[..<brace]
            let isOpening = rest[brace] == "{"
            rest = rest[rest.index(after: brace)...]
            if rest.first == (isOpening ? "{" : "}") {
                literal += String(rest.removeFirst())
                continue
            }
            guard isOpening else {
                return .failure(
                    Problem(line: number, found: "a single '}'", expected: "'}}' for a brace in the text"))
            }
            guard let close = rest.firstIndex(where: { $0 == "}" || $0 == "{" }), rest[close] == "}" else {
                let found = "{" + rest.prefix(20)
                return .failure(
                    Problem(
                        line: number, found: "'\(found)' without its '}'",
                        expected: "a place such as '{title}', or '{{' for a brace in the text"))
            }
            let name = String(rest[..<close])
            guard let place = Place(rawValue: name) else { return .failure(unknown(name, line: number)) }
            if !literal.isEmpty { parts.append(.literal(literal)) }
            literal = ""
            parts.append(.place(place))
            rest = rest[rest.index(after: close)...]
        }
        literal += rest
        if !literal.isEmpty { parts.append(.literal(literal)) }
        return .success(parts)
    }

    private static func unknown(_ name: String, line: Int) -> Problem {
        let known = Place.allCases.map(\.rawValue)
        let remedy = nearest(to: name, among: known).map { "; did you mean '{\($0)}'?" } ?? ""
        let places = known.map { "{\($0)}" }.joined(separator: " ")
        return Problem(
            line: line, found: "the unknown place '{\(name.prefix(40))}'", expected: "one of \(places)\(remedy)")
    }
}

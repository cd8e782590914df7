import FireModel
import FireSettings

/// promtool's notation of a series, `pressure{device="h-1",kind="hydrant"}`, and of its values,
/// `0.3x10 _x3 0.1+0.01x5 true "text"`.
enum SeriesNotation {
    /// More values than this are not written by people.
    static let maximumValues = 100_000

    struct Name: Sendable {
        var metric: String
        var labels: [String: String]
    }

    static var name: Form<Name> {
        Form("a series such as pressure{device=\"h-1\",kind=\"hydrant\"}") { text in
            guard let match = text.wholeMatch(of: /\s*([0-9A-Za-z_.:-]+)\s*\{(.*)\}\s*/) else { return nil }
            var labels: [String: String] = [:]
            var rest = match.2
            while !rest.isEmpty {
                guard let label = rest.prefixMatch(of: /\s*([a-z_]+)\s*=\s*"([^"]*)"\s*(,|$)/),
                    labels.updateValue(String(label.2), forKey: String(label.1)) == nil
                else { return nil }
                rest = rest[label.range.upperBound...]
            }
            return Name(metric: String(match.1), labels: labels)
        }
    }

    /// One for each step; `nil`: nothing came then.
    static var values: Form<[Value?]> {
        Form(
            "values such as 0.3x10 (eleven times 0.3), 0.1+0.01x5, _x3 (nothing, three times), true, falsex2 or \"text\""
        ) { text in
            var values: [Value?] = []
            var rest = text[...]
            while let token = rest.prefixMatch(of: /\s*("[^"]*"|[^\s"]+)(?:\s+|$)/) {
                guard let more = expand(token.1), values.count + more.count <= maximumValues else { return nil }
                values += more
                rest = rest[token.range.upperBound...]
            }
            return rest.isEmpty && !values.isEmpty ? values : nil
        }
    }

    private static func expand(_ token: Substring) -> [Value?]? {
        if token.hasPrefix("\"") { return [.text(String(token.dropFirst().dropLast()))] }
        if let match = token.wholeMatch(of: /_(?:x(\d{1,6}))?/) {
            return Array(repeating: nil, count: match.1.flatMap { Int($0) } ?? 1)
        }
        if let match = token.wholeMatch(of: /(true|false)(?:x(\d{1,6}))?/) {
            return Array(repeating: .boolean(match.1 == "true"), count: 1 + (match.2.flatMap { Int($0) } ?? 0))
        }
        let number = /([+-]?[0-9.]+(?:[eE][+-]?\d+)?)(?:([+-][0-9.]+(?:[eE][+-]?\d+)?))?(?:x(\d{1,6}))?/
        guard let match = token.wholeMatch(of: number), let first = Double(match.1),
            case let step = match.2.map({ Double($0) }) ?? 0, let step
        else { return nil }
        guard match.3 != nil || match.2 == nil else { return nil }
        return (0...(match.3.flatMap { Int($0) } ?? 0)).map { index in .number(decimal(first + Double(index) * step)) }
    }

    /// `0.1 + 3 × 0.01` is meant as 0.13.
    private static func decimal(_ number: Double) -> Double {
        guard number.magnitude < 1e6 else { return number }
        return (number * 1e9).rounded() / 1e9
    }
}

extension Form where T == Int64 {
    /// Since the start, in milliseconds: `0`, `90s`, `1h30m`.
    static var offset: Form {
        Form("a time since the start such as 0, 90s or 1h30m") { text in
            if text == "0" { return 0 }
            var rest = text[...]
            var sum: Int64 = 0
            while let part = rest.prefixMatch(of: /\d+(?:ms|[smhd])/) {
                guard let duration = Duration(firesense: part.output) else { return nil }
                sum += duration.wholeMilliseconds
                guard sum <= 366 * 86_400_000 else { return nil }
                rest = rest[part.range.upperBound...]
            }
            return rest.isEmpty && !text.isEmpty ? sum : nil
        }
    }
}

extension Form where T == Timestamp {
    static var time: Form {
        Form("a time such as 2026-01-05T08:00:00+08:00") { Timestamp(rfc3339: $0) }
    }
}

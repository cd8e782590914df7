/// What is wrong in a file of the configuration, where, and what was expected instead.
public struct Problem: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Severity: String, Sendable { case error, warning }

    public var severity: Severity
    /// As people know it: relative to the folder of the main file where it lies below it.
    public var file: String
    /// From 1; `nil` where it concerns no line, such as a key that is not there.
    public var line: Int?
    public var column: Int?
    /// `mqtt.tls.ca_file`; empty for the file as a whole.
    public var path: String
    /// `'abc'`, `a list`, `no file …`. Never a secret.
    public var found: String
    /// `a whole number from 1 to 65535`
    public var expected: String
    /// What to do about it, where `expected` does not say it.
    public var remedy: String?

    /// `firesense.yaml:12:5: mqtt.port: found 'abc', expected a whole number from 1 to 65535`
    public var description: String {
        var place = file
        if let line { place += ":\(line)" }
        if let column { place += ":\(column)" }
        if severity == .warning { place += ": warning" }
        if !path.isEmpty { place += ": \(path)" }
        return "\(place): found \(found), expected \(expected)" + (remedy.map { "; \($0)" } ?? "")
    }
}

/// The one of `known` that `word` was probably meant to be: its beginning, or at most half of its letters away.
func nearest(to word: String, among known: [String]) -> String? {
    let word = word.lowercased()
    if word.count > 1, let longer = known.first(where: { $0.hasPrefix(word) }) { return longer }
    let candidates = known.map { ($0, distance(word, $0)) }
    guard let (best, away) = candidates.min(by: { $0.1 < $1.1 }), away <= word.count / 2 else { return nil }
    return best
}

/// Levenshtein's: how many letters to put in, take out or change.
private func distance(_ a: String, _ b: String) -> Int {
    let a = Array(a.prefix(64)), b = Array(b.prefix(64))
    var row = Array(0...b.count)
    for i in a.indices {
        var diagonal = row[0]
        row[0] = i + 1
        for j in b.indices {
            let change = diagonal + (a[i] == b[j] ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(change, row[j] + 1, row[j + 1] + 1)
        }
    }
    return row[b.count]
}

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

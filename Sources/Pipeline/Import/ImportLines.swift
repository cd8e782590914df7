import FireModel

/// Whose reading it is, as a file says it.
public struct ImportName: Hashable, Sendable {
    /// `nil`: not said; then the device must be known.
    public var area: String?
    public var kind: String?
    public var device: String
    /// `nil`: the device itself.
    public var component: String?
    public var metric: String
    /// Of an event: that it ended.
    public var inactive = false
    /// What is wrong with it by itself; `nil`: nothing.
    public var fault: ImportFault?
}

/// What came, and what was expected.
public struct ImportFault: Hashable, Sendable {
    public var found: String
    public var expected: String
    public init(found: String, expected: String) {
        self.found = found
        self.expected = expected
    }
}

/// A value as a file has it.
public enum ImportedValue: Sendable, Equatable {
    /// Line protocol says of each value what it is.
    case typed(Value)
    /// CSV does not: that depends on the metric, and without one on whether it stands in quotes.
    case plain(String)
    case quoted(String)
}

public struct ImportRow: Sendable, Equatable {
    /// Place in `ImportReader.names`.
    public var name: Int32
    /// Counted from 1.
    public var line: Int
    public var at: Int64
    public var value: ImportedValue
}

/// What was read in one go: rows, and what could not be made one, in the order of the file.
public struct ImportLines: Sendable, Equatable {
    public var rows: [ImportRow] = []
    /// All of them are counted, the first are kept.
    public var refusals: [ImportRefusal] = []
    public var refused = 0
    public init() {}

    public mutating func clear() {
        rows.removeAll(keepingCapacity: true)
        refusals.removeAll()
        refused = 0
    }

    mutating func refuse(_ line: Int, _ found: String, _ expected: String) {
        refused += 1
        guard refusals.count < ImportSummary.shownRefusals else { return }
        refusals.append(ImportRefusal(line: line, found: found, expected: expected))
    }
}

/// The file as a whole cannot be read.
public struct ImportError: Error, Equatable, Sendable, CustomStringConvertible {
    public var description: String
}

extension ImportedValue {
    /// What it is worth for a metric whose values are of this type; `nil`: nothing, it does not fit.
    ///
    /// - Parameter type: `nil`: nobody knows; what stands in quotes is a text then.
    public static func value(_ given: ImportedValue, as type: Metric.ValueType?) -> Value? {
        switch (given, type) {
        case (.typed(let value), nil): value
        case (.typed(.number(let x)), .number?): .number(x)
        case (.typed(.boolean(let x)), .boolean?): .boolean(x)
        case (.typed(.number(let x)), .boolean?): x == 0 || x == 1 ? .boolean(x == 1) : nil
        case (.typed(.text(let x)), .boolean?): Numbers.boolean(x.utf8).map { .boolean($0) }
        case (.typed(.text(let x)), .text?): .text(x)
        case (.typed, _): nil
        case (.plain(let text), .number?), (.quoted(let text), .number?):
            Numbers.double(text).map { .number($0) }
        case (.plain(let text), .boolean?), (.quoted(let text), .boolean?):
            Numbers.boolean(text.utf8).map { .boolean($0) }
        case (.plain(let text), .text?), (.quoted(let text), _): .text(text)
        case (.plain(let text), nil):
            if text == "true" || text == "false" {
                .boolean(text == "true")
            } else if let number = Numbers.double(text) {
                .number(number)
            } else {
                .text(text)
            }
        }
    }

    /// For people, short and on one line.
    public var shown: String {
        switch self {
        case .typed(.text(let text)), .plain(let text), .quoted(let text): FireImport.shown(text)
        case .typed(let value): value.description
        }
    }
}

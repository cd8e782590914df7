import GRDB

/// The WHERE of a query, grown condition by condition.
struct Conditions {
    private var parts: [String] = []
    private(set) var arguments = StatementArguments()

    init() {}

    mutating func add(_ sql: String, _ values: (any DatabaseValueConvertible)?...) {
        parts.append(sql)
        arguments += StatementArguments(values)
    }

    /// Adds `column = value` where there is a value.
    mutating func match(_ column: String, _ value: (any DatabaseValueConvertible)?) {
        if let value { add("\(column) = ?", value) }
    }

    mutating func match(_ column: String, anyOf values: [String]) {
        parts.append("\(column) IN (\(values.map { _ in "?" }.joined(separator: ", ")))")
        arguments += StatementArguments(values)
    }

    var sql: String { parts.isEmpty ? "" : "WHERE " + parts.joined(separator: " AND ") }
}

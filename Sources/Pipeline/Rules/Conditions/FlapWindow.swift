import FireModel

/// When the value of a series became another one, as far as a window reaches back.
struct FlapWindow: Equatable, Sendable {
    /// More changes than these within a window are as good as these.
    static let capacity = 64

    var last: Value
    /// Milliseconds since 1970, ascending.
    private(set) var changes: [Int64] = []

    init(last: Value, changes: [Int64] = []) {
        self.last = last
        self.changes = changes
    }

    mutating func add(_ value: Value, at: Int64, oldest: Int64) {
        if let newest = changes.last, newest > at { changes.removeAll() }
        if value != last {
            last = value
            changes.append(at)
        }
        trim(oldest: oldest)
    }

    mutating func trim(oldest: Int64) {
        let gone = max(changes.firstIndex { $0 >= oldest } ?? changes.count, changes.count - Self.capacity)
        if gone > 0 { changes.removeFirst(gone) }
    }
}

/// The last revision of so many alarms, the latest ones.
struct RecentRevisions {
    private let capacity: Int
    private var revisions: [String: Int] = [:]
    /// In the order in which they were first noted, a ring.
    private var order: [String] = []
    private var next = 0

    init(capacity: Int) { self.capacity = max(capacity, 1) }

    subscript(alarm: String) -> Int? { revisions[alarm] }

    mutating func note(_ revision: Int, of alarm: String) {
        if revisions.updateValue(revision, forKey: alarm) != nil { return }
        if order.count < capacity {
            order.append(alarm)
        } else {
            revisions[order[next]] = nil
            order[next] = alarm
            next = (next + 1) % capacity
        }
    }
}

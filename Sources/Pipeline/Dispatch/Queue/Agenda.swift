/// Alarms in the order of a rank; those of one rank in the order they came.
struct Agenda<Rank: Comparable> {
    /// The next is the last, so that taking it moves nothing.
    private var items: [(rank: Rank, alarm: String)] = []

    var isEmpty: Bool { items.isEmpty }
    var first: Rank? { items.last?.rank }
    var firstAlarm: String? { items.last?.alarm }

    mutating func insert(_ alarm: String, at rank: Rank) {
        var low = 0
        var high = items.count
        while low < high {
            let middle = (low + high) / 2
            if items[middle].rank > rank { low = middle + 1 } else { high = middle }
        }
        items.insert((rank, alarm), at: low)
    }

    mutating func popFirst() -> String? { items.popLast()?.alarm }

    /// In their order.
    mutating func removeAll() -> [(rank: Rank, alarm: String)] {
        defer { items.removeAll(keepingCapacity: true) }
        return items.reversed()
    }
}

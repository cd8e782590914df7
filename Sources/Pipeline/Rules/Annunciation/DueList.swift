import HeapModule

/// What is due when. An entry that was put off or taken away stays until its time comes; whoever looks says which count.
struct DueList {
    private struct Entry: Comparable {
        var due: Int64
        var name: String
        static func < (a: Entry, b: Entry) -> Bool { (a.due, a.name) < (b.due, b.name) }
    }

    private var heap = Heap<Entry>()

    mutating func insert(_ name: String, at due: Int64) { heap.insert(Entry(due: due, name: name)) }

    /// - Parameter dueNow: when a name is due, as it is now; `nil`: never.
    mutating func first(_ dueNow: (String) -> Int64?) -> (due: Int64, name: String)? {
        while let entry = heap.min {
            if dueNow(entry.name) == entry.due { return (entry.due, entry.name) }
            heap.removeMin()
        }
        return nil
    }

    mutating func removeAll() { heap = Heap() }
}

import Synchronization

/// Keeps what a handler wrote.
final class Captured<Item: Sendable>: Sendable {
    private let kept = Mutex<[Item]>([])
    func keep(_ item: Item) { kept.withLock { $0.append(item) } }
    var items: [Item] { kept.withLock { $0 } }
}

import Synchronization

/// Two lines of 64 bytes: x86-64 fetches them in pairs, and Apple's and other ARM cores have lines of 128.
let cacheLine = 128

/// The positions of a ring, each group in a cache line of its own, so that one thread's writes do not
/// take the line away under the other's reads. Swift lays out stored properties as it likes, so the
/// places are given by hand.
///
/// Invariants, at any time:
/// - `released <= published <= released + slots`: a slot is written only when free, read only when full.
/// - `freed <= used <= freed + bytes`, except that skipping the tail of an empty arena counts as freed.
/// - `published`, `used` and `highWater` are written by the producer alone, `released` and `freed` by the
///   consumer alone. None of them ever falls.
@safe struct RingIndices: @unchecked Sendable {
    /// What the producer alone reads and writes.
    struct Producer {
        /// Messages pushed; equal to `published`.
        var pushed: UInt64 = 0
        /// Position behind the last message in the arena; equal to `used`.
        var position: UInt64 = 0
        /// The consumer's positions when last looked at: reading them takes the line from the consumer.
        var released: UInt64 = 0
        var freed: UInt64 = 0

        /// Where `needed` bytes go, by what is known of the consumer.
        func place(_ needed: Int, bytes: Int, slots: Int) -> (offset: Int, end: UInt64)? {
            guard pushed - released < UInt64(slots) else { return nil }
            let offset = Int(truncatingIfNeeded: position) & (bytes - 1)
            let isSkipping = offset + needed > bytes
            let start = isSkipping ? position + UInt64(bytes - offset) : position
            // In an empty arena the skipped tail costs nothing, or a message of nearly the size of the
            // arena would never fit.
            let inUse = freed == position ? start : freed
            guard start + UInt64(needed) - inUse <= UInt64(bytes) else { return nil }
            return (isSkipping ? 0 : offset, start + UInt64(needed))
        }
    }

    /// What the consumer alone reads and writes.
    struct Consumer {
        /// Messages taken; equal to `released`.
        var taken: UInt64 = 0
        /// `published` when last looked at.
        var published: UInt64 = 0
    }

    static let producerOffset = 0
    static let publishedOffset = cacheLine
    static let consumerOffset = 2 * cacheLine
    static let releasedOffset = 3 * cacheLine
    static let size = 4 * cacheLine

    private let base: UnsafeMutableRawPointer
    let producer: UnsafeMutablePointer<Producer>
    let consumer: UnsafeMutablePointer<Consumer>
    /// Messages the consumer may take.
    let published: UnsafeMutablePointer<Atomic<UInt64>>
    /// Position behind the last message in the arena; only a number to look at.
    let used: UnsafeMutablePointer<Atomic<UInt64>>
    /// Greatest depth; only a number to look at.
    let highWater: UnsafeMutablePointer<Atomic<UInt64>>
    /// Messages whose slots the producer may write again.
    let released: UnsafeMutablePointer<Atomic<UInt64>>
    /// Position in the arena up to which the producer may write again.
    let freed: UnsafeMutablePointer<Atomic<UInt64>>

    init() {
        unsafe base = .allocate(byteCount: Self.size, alignment: cacheLine)
        unsafe producer = (base + Self.producerOffset).bindMemory(to: Producer.self, capacity: 1)
        unsafe consumer = (base + Self.consumerOffset).bindMemory(to: Consumer.self, capacity: 1)
        unsafe published = (base + Self.publishedOffset).bindMemory(to: Atomic<UInt64>.self, capacity: 3)
        unsafe used = published + 1
        unsafe highWater = published + 2
        unsafe released = (base + Self.releasedOffset).bindMemory(to: Atomic<UInt64>.self, capacity: 2)
        unsafe freed = released + 1
        unsafe producer.initialize(to: Producer())
        unsafe consumer.initialize(to: Consumer())
        unsafe published.initialize(to: Atomic(0))
        unsafe used.initialize(to: Atomic(0))
        unsafe highWater.initialize(to: Atomic(0))
        unsafe released.initialize(to: Atomic(0))
        unsafe freed.initialize(to: Atomic(0))
    }

    /// Ends the use of all pointers; atomics and plain numbers need no destruction.
    func deallocate() { unsafe base.deallocate() }
}

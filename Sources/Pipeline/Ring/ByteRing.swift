import Synchronization

/// A bounded queue of messages between one producing and one consuming thread, without locks and, once
/// made, without allocation.
///
/// A message is a fixed header in a slot and bytes in an arena. Both are addressed by positions that only
/// rise; the place is the position modulo the size, a power of two. The bytes of a message lie in one
/// piece (what is left of the arena at its end is skipped when the next message does not fit) and are
/// followed by `padding` readable bytes, which SIMD parsers read into.
///
/// Unchecked, because the pointers are shared on purpose: the positions say whose turn it is.
/// `tryPush` belongs to the producer, `withNext` to the consumer; the numbers may be read by anyone.
@safe public final class ByteRing<Header: BitwiseCopyable>: @unchecked Sendable {
    /// Readable bytes behind each message: what simdjson may read beyond its input.
    public static var padding: Int { 64 }

    /// Messages it can hold.
    public let slots: Int
    /// Size of the arena.
    public let bytes: Int

    private struct Slot: BitwiseCopyable {
        var header: Header
        /// Place of the first byte in the arena.
        var offset: Int
        var length: Int
        /// Position behind the message, its padding and whatever was skipped before it.
        var end: UInt64
    }

    private let slot: UnsafeMutablePointer<Slot>
    private let arena: UnsafeMutableRawPointer
    private let shared: RingIndices

    /// - Parameters:
    ///   - slots: messages, raised to the next power of two.
    ///   - bytes: size of the arena, raised to the next power of two. A message fits into an empty ring
    ///     if its two parts and `padding` together are no longer than this.
    public init(slots: Int, bytes: Int) {
        self.slots = powerOfTwo(slots)
        self.bytes = powerOfTwo(max(bytes, Self.padding * 2))
        unsafe slot = .allocate(capacity: self.slots)
        unsafe arena = .allocate(byteCount: self.bytes, alignment: cacheLine)
        // Touched now: the padding is read before anything was written there, and a page fault belongs
        // to the start and not to the first storm.
        unsafe arena.initializeMemory(as: UInt8.self, repeating: 0, count: self.bytes)
        shared = RingIndices()
    }

    deinit {
        // Header and bytes are bitwise copyable: messages left behind need no destruction.
        unsafe slot.deallocate()
        unsafe arena.deallocate()
        shared.deallocate()
    }

    // MARK: Producer

    /// Stores `first` and `second` one behind the other. `false`: there is no room now.
    public func tryPush(_ header: Header, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) -> Bool {
        let length = first.count + second.count
        guard let place = reserve(length) else { return false }
        unsafe arena.advanced(by: place.offset).copy(first)
        unsafe arena.advanced(by: place.offset + first.count).copy(second)

        let sequence = unsafe shared.producer.pointee.pushed
        unsafe slot[Int(truncatingIfNeeded: sequence) & (slots - 1)] = Slot(
            header: header, offset: place.offset, length: length, end: place.end)
        unsafe shared.producer.pointee.pushed = sequence + 1
        unsafe shared.producer.pointee.position = place.end
        unsafe shared.used.pointee.store(place.end, ordering: .relaxed)
        // Release: pairs with the acquire of `published` in `withNext`. Slot and bytes above are written
        // before the consumer can see that they exist.
        unsafe shared.published.pointee.store(sequence + 1, ordering: .releasing)
        noteDepth(after: sequence + 1)
        return true
    }

    /// Whether a message of `length` bytes would be taken now. For the producer only; room never shrinks
    /// behind its back.
    public func hasRoom(for length: Int) -> Bool { reserve(length) != nil }

    private func reserve(_ length: Int) -> (offset: Int, end: UInt64)? {
        let needed = (length + Self.padding).roundedUp(to: 16)
        guard needed <= bytes else { return nil }
        if let place = unsafe shared.producer.pointee.place(needed, bytes: bytes, slots: slots) { return place }
        // Acquire: pair with the releases in `withNext`. Everything the consumer did with slots below
        // `released` and bytes below `freed` happened before what is written over them from here on.
        unsafe shared.producer.pointee.released = unsafe shared.released.pointee.load(ordering: .acquiring)
        unsafe shared.producer.pointee.freed = unsafe shared.freed.pointee.load(ordering: .acquiring)
        return unsafe shared.producer.pointee.place(needed, bytes: bytes, slots: slots)
    }

    /// The producer's view of `released` may be old, the true depth only smaller: look again before
    /// believing in a new record.
    private func noteDepth(after pushed: UInt64) {
        let record = unsafe shared.highWater.pointee.load(ordering: .relaxed)
        guard unsafe pushed - shared.producer.pointee.released > record else { return }
        unsafe shared.producer.pointee.released = unsafe shared.released.pointee.load(ordering: .acquiring)
        unsafe shared.producer.pointee.freed = unsafe shared.freed.pointee.load(ordering: .acquiring)
        let depth = unsafe pushed - shared.producer.pointee.released
        // Relaxed: a number to look at, written by the producer alone.
        if depth > record { unsafe shared.highWater.pointee.store(depth, ordering: .relaxed) }
    }

    // MARK: Consumer

    /// Hands out the oldest message in place and takes its room back when `body` ends, also by throwing.
    /// `nil`: empty. The bytes are valid in `body` only, and `padding` bytes behind them can be read.
    public func withNext<R>(_ body: (Header, UnsafeRawBufferPointer) throws -> R) rethrows -> R? {
        let sequence = unsafe shared.consumer.pointee.taken
        if unsafe sequence == shared.consumer.pointee.published {
            // Acquire: pairs with the release in `tryPush`; slot and bytes of everything below are complete.
            unsafe shared.consumer.pointee.published = unsafe shared.published.pointee.load(ordering: .acquiring)
            if unsafe sequence == shared.consumer.pointee.published { return nil }
        }
        let message = unsafe slot[Int(truncatingIfNeeded: sequence) & (slots - 1)]
        defer {
            unsafe shared.consumer.pointee.taken = sequence + 1
            // Release: pair with the acquires in `reserve`. The bytes are read before they can be written
            // over. `freed` goes first, so that whoever sees a free slot sees its bytes free as well.
            unsafe shared.freed.pointee.store(message.end, ordering: .releasing)
            unsafe shared.released.pointee.store(sequence + 1, ordering: .releasing)
        }
        return try unsafe body(
            message.header, UnsafeRawBufferPointer(start: arena + message.offset, count: message.length))
    }

    // MARK: Numbers

    /// Messages waiting. Exact for the producer and the consumer while the other rests, else of a moment ago.
    public var depth: Int {
        // Relaxed: nothing is read on the strength of it. `released` first: it cannot overtake `published`.
        let released = unsafe shared.released.pointee.load(ordering: .relaxed)
        let published = unsafe shared.published.pointee.load(ordering: .relaxed)
        return Int(published &- min(released, published))
    }

    /// The greatest depth so far.
    public var highWater: Int { Int(unsafe shared.highWater.pointee.load(ordering: .relaxed)) }

    /// Bytes of the arena not taken, of a moment ago.
    public var bytesFree: Int {
        let freed = unsafe shared.freed.pointee.load(ordering: .relaxed)
        let used = unsafe shared.used.pointee.load(ordering: .relaxed)
        return max(0, bytes - Int(used &- min(freed, used)))
    }
}

extension UnsafeMutableRawPointer {
    fileprivate func copy(_ source: UnsafeRawBufferPointer) {
        if let base = source.baseAddress { unsafe copyMemory(from: base, byteCount: source.count) }
    }
}

extension Int {
    fileprivate func roundedUp(to multiple: Int) -> Int { (self + multiple - 1) / multiple * multiple }
}

private func powerOfTwo(_ size: Int) -> Int {
    size <= 1 ? 1 : 1 << (Int.bitWidth - (size - 1).leadingZeroBitCount)
}

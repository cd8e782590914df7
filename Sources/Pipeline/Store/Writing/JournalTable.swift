import FireModel

/// The truth about what was decided (design 5): of each commit every input of every decision.
///
/// Rows are written over and over: one that holds nothing but what segments have is free for the next commit. So a
/// commit changes one page, where a table that grows at one end and is deleted from at the other changes four.
final class JournalTable {
    /// What the next commit will write.
    var block = JournalBlockWriter()
    /// Number of the last commit.
    private(set) var last: Int64 = 0
    private var isWritten = false
    private var slots = JournalSlots()
    private let codec: FrameCodec
    private let scan: Statement
    private let find: Statement
    private let save: Statement
    private let remove: Statement

    init(_ connection: Connection) throws(StoreError) {
        // What is in the journal lives for hours: to be quick is worth more than a few per cent of its size.
        codec = try FrameCodec(level: -3)
        scan = try Statement(connection, "SELECT slot, body FROM journal")
        find = try Statement(connection, "SELECT body FROM journal WHERE slot = ?")
        save = try Statement(connection, "INSERT OR REPLACE INTO journal VALUES (?, ?)")
        remove = try Statement(connection, "DELETE FROM journal WHERE slot = ?")
    }

    /// In bytes, of what no segment has.
    var size: Int { slots.inUse * JournalPage.size }

    /// Into the transaction that is open. If that fails, `replay` finds anew which rows are free.
    func write() throws(StoreError) {
        guard !block.isEmpty else { return }
        let frame = try codec.seal(block.body, key: last + 1)
        for page in slots.place(frame, commit: last + 1) {
            save.bind(1, page.slot)
            save.bind(2, page.bytes)
            try save.run()
        }
        isWritten = true
    }

    func committed() {
        if isWritten { last += 1 }
        rolledBack()
    }

    func rolledBack() {
        isWritten = false
        block.clear()
    }

    /// Segments have everything up to this commit.
    func release(upTo sealed: Int64) { slots.release(upTo: sealed) }

    /// Free rows that are to go back to the file, some at a time: a time of many commits has left them behind, or room
    /// is wanted.
    func surplus(isTight: Bool) -> ArraySlice<Int64> { slots.surplus(isTight: isTight) }

    func drop(_ surplus: ArraySlice<Int64>) throws(StoreError) {
        for slot in surplus {
            remove.bind(1, slot)
            try remove.run()
        }
    }

    /// The transaction of `drop` is committed.
    func dropped(_ surplus: ArraySlice<Int64>) { slots.remove(surplus) }

    // MARK: - Reading

    /// As the file has it: every input after commit `sealed`, in order. What is damaged is told and passed over.
    func replay(
        after sealed: Int64, damaged: (String) -> Void,
        commit: (_ number: Int64, _ inputs: inout JournalBlockReader) throws(FormatError) -> Void
    ) throws(StoreError) {
        let index = try index(after: sealed, damaged)
        last = max(sealed, index.slots.values.max() ?? 0)
        slots = JournalSlots(index.slots, sealed: sealed)
        if let newest = slots.newest { slots.reopen(try page(newest)) }
        for one in index.commits {
            var frame: [UInt8] = []
            for piece in one.pieces { frame += try page(piece.slot)[piece.range] }
            do throws(FormatError) {
                var inputs = try JournalBlockReader(try codec.open(frame, key: one.number))
                try commit(one.number, &inputs)
            } catch {
                damaged("commit \(one.number) of the journal: \(error)")
            }
        }
    }

    private func index(after sealed: Int64, _ damaged: (String) -> Void) throws(StoreError) -> JournalIndex {
        defer { scan.reset() }
        var failure: StoreError?
        let index = JournalIndex(after: sealed, damaged: damaged) { each in
            do throws(StoreError) {
                while try scan.step() { each(scan.int(0), scan.bytes(1)) }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return index
    }

    private func page(_ slot: Int64) throws(StoreError) -> [UInt8] {
        find.bind(1, slot)
        defer { find.reset() }
        guard try find.step() else { throw .corrupt("row \(slot) of the journal is gone") }
        return find.bytes(0)
    }
}

/// Which rows of the journal are free.
struct JournalSlots {
    /// Of each slot in use the newest commit it has something of, ascending.
    private var used: [(slot: Int64, commit: Int64)] = []
    /// The next to be taken last.
    private var free: [Int64] = []
    private var highest: Int64 = 0
    /// The row last written, which has room for more.
    private var open: (slot: Int64, page: [UInt8], fill: Int)?
    /// Slots in use at once, since the last release and before.
    private var peak = 0
    private var lastPeak = 0

    /// Below, rows are kept for the next time.
    private static let kept = 1024
    private static let atOnce = 64

    init() {}

    init(_ slots: [Int64: Int64], sealed: Int64) {
        highest = slots.keys.max() ?? 0
        used = slots.filter { $0.value > sealed }.map { (slot: $0.key, commit: $0.value) }
        used.sort { ($0.commit, $0.slot) < ($1.commit, $1.slot) }
        free = slots.filter { $0.value <= sealed }.keys.sorted(by: >)
        peak = slots.count
    }

    var inUse: Int { used.count }
    /// The slot that was written last and is in use.
    var newest: Int64? { used.last?.slot }

    /// What that row holds; the next commit may find room in it.
    mutating func reopen(_ page: [UInt8]) {
        guard let newest, page.count == JournalPage.size,
            let end = try? JournalPage.entries(page).last?.range.upperBound
        else { return }
        open = (newest, page, end)
    }

    /// Where a frame goes, and what is to be written there.
    mutating func place(_ frame: [UInt8], commit: Int64) -> [(slot: Int64, bytes: [UInt8])] {
        if var page = open, page.fill + JournalPage.headSize + frame.count <= JournalPage.size {
            JournalPage.append(frame[...], commit: commit, piece: 0, of: 1, to: &page.page, fill: &page.fill)
            open = page
            used[used.count - 1].commit = commit
            return [(page.slot, page.page)]
        }
        let pieces = (frame.count + JournalPage.room - 1) / JournalPage.room
        var pages: [(slot: Int64, bytes: [UInt8])] = []
        for piece in 0..<pieces {
            let slot = take()
            var page = [UInt8](repeating: 0, count: JournalPage.size)
            var fill = 0
            let start = piece * JournalPage.room
            JournalPage.append(
                frame[start..<min(start + JournalPage.room, frame.count)], commit: commit, piece: piece, of: pieces,
                to: &page, fill: &fill)
            pages.append((slot, page))
            used.append((slot, commit))
            open = (slot, page, fill)
        }
        peak = max(peak, used.count)
        return pages
    }

    private mutating func take() -> Int64 {
        if let known = free.popLast() { return known }
        highest += 1
        return highest
    }

    mutating func release(upTo sealed: Int64) {
        let kept = used.firstIndex { $0.commit > sealed } ?? used.count
        free.append(contentsOf: used[..<kept].reversed().map(\.slot))
        used.removeSubrange(..<kept)
        (lastPeak, peak) = (peak, used.count)
        if let slot = open?.slot, !used.contains(where: { $0.slot == slot }) { open = nil }
    }

    // MARK: - Giving back

    /// Some of the free slots: beyond what a time like the last one needs, or any.
    func surplus(isTight: Bool) -> ArraySlice<Int64> {
        let spare = isTight ? free.count : used.count + free.count - max(peak, lastPeak) - Self.kept
        return free.prefix(max(0, min(Self.atOnce, spare)))
    }

    mutating func remove(_ surplus: ArraySlice<Int64>) { free.removeFirst(surplus.count) }
}

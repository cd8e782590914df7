import FireModel
import Testing

@testable import FireStore

/// Which rows of the journal are written, and what a start makes of them.
@Suite struct JournalPageTests {
    /// Commits of any length come back in order, whatever has been released between them; and no row is written that
    /// still holds something.
    @Test(arguments: 1...20 as ClosedRange<UInt64>) func commitsComeBack(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        var disk: [Int64: [UInt8]] = [:]
        var slots = JournalSlots()
        var frames: [Int64: [UInt8]] = [:]
        var sealed: Int64 = 0
        for commit in 1...300 as ClosedRange<Int64> {
            let length = [10, 500, 3000, 4032, 4033, 20_000].randomElement(using: &dice) ?? 1
            let frame = (0..<length).map { _ in UInt8.random(in: 0...255, using: &dice) }
            let before = slots.inUse
            for page in slots.place(frame, commit: commit) {
                #expect(page.bytes.count == JournalPage.size)
                disk[page.slot] = page.bytes
            }
            #expect(slots.inUse - before <= (length + JournalPage.room - 1) / JournalPage.room)
            frames[commit] = frame
            switch Int.random(in: 0..<40, using: &dice) {
            case 0:
                sealed = Int64.random(in: sealed...commit, using: &dice)
                slots.release(upTo: sealed)
            case 1:
                let index = JournalIndex(after: sealed, damaged: { _ in Issue.record("damage") }) { each in
                    for (slot, page) in disk.shuffled(using: &dice) { each(slot, page) }
                }
                #expect(index.commits.map(\.number) == (sealed + 1...max(sealed + 1, commit)).filter { $0 <= commit })
                for one in index.commits {
                    #expect(one.pieces.flatMap { disk[$0.slot]?[$0.range] ?? [] } == frames[one.number])
                }
                slots = JournalSlots(index.slots, sealed: sealed)
                if let newest = slots.newest, let page = disk[newest] { slots.reopen(page) }
            case 2:
                let surplus = slots.surplus(isTight: Bool.random(using: &dice))
                for slot in surplus { disk[slot] = nil }
                slots.remove(surplus)
            default: break
            }
        }
        // 300 commits of 1.6 pages on average, released again and again.
        #expect(disk.count < 480)
    }

    @Test func aCommitThatLacksAPieceIsToldAndPassedOver() {
        var slots = JournalSlots()
        var disk: [Int64: [UInt8]] = [:]
        for commit in 1...3 as ClosedRange<Int64> {
            for page in slots.place([UInt8](repeating: 1, count: 9000), commit: commit) { disk[page.slot] = page.bytes }
        }
        disk[5] = [UInt8](repeating: 255, count: JournalPage.size)
        var damage: [String] = []
        let index = JournalIndex(after: 0, damaged: { damage.append($0) }) { each in
            for (slot, page) in disk.sorted(by: { $0.key < $1.key }) { each(slot, page) }
        }
        #expect(index.commits.map(\.number) == [1, 3])
        #expect(damage.count == 2)
        // Its row is free again, and numbers go on behind the last that was seen.
        #expect(JournalSlots(index.slots, sealed: 0).inUse == 8)
    }

    /// A storm leaves rows behind that no quiet time needs; bit by bit they go back to the file.
    @Test func rowsOfAStormAreGivenBack() throws {
        let bench = try Bench()
        let series = bench.series("h1", "pressure")
        var dice = Dice(seed: 3)
        for at in 0..<3000 as Range<Int64> {
            try bench.admit(series, at, .number(Double(at)))
            try bench.open().note(act: (0..<3900).map { _ in UInt8.random(in: 0...255, using: &dice) })
            try bench.commit()
        }
        #expect(try bench.open().journal.size > 2000 * JournalPage.size)
        // The first seal tells how much a time like the storm needs, the second how much a quiet one does.
        for at in 5000..<5002 as Range<Int64> {
            try bench.admit(series, at, .number(1))
            try bench.commit()
            try bench.seal()
        }
        while try bench.open().retentionSlice(now: start) {}
        #expect(try bench.count("SELECT count(*) FROM journal") < 1200)
        #expect(try bench.reader().figures().readings == 3002)
    }
}

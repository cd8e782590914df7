import FireModel
import Testing

@testable import FireStore

struct QuarantineTests {
    @Test func payloadIsKeptAsItCame() throws {
        let bench = try Bench()
        let payload = (0...255).map { UInt8($0) }
        try bench.open().quarantine(rejection(payload))
        try bench.open().quarantine(rejection([]))
        try bench.commit()
        let reader = try bench.reader()
        let page = try reader.quarantine(limit: 10, cursor: nil)
        #expect(page.items.map(\.payload) == [[], payload])
        let item = try #require(try reader.quarantineItem(1))
        #expect(item == page.items.last)
        #expect(item.reason == "json: not JSON")
        #expect(item.lane == .urgent)
        #expect(item.receivedAt == start)
        #expect(try bench.open().removeQuarantined(1))
        #expect(try !bench.open().removeQuarantined(1))
        try bench.commit()
        #expect(try reader.quarantineItem(1) == nil)
    }

    @Test func oldestFallOutByNumberAndAreCounted() throws {
        let bench = try Bench()
        for number in 0..<10_007 { try bench.open().quarantine(rejection([UInt8(truncatingIfNeeded: number)])) }
        try bench.commit()
        #expect(try bench.open().counters.quarantineDropped.value == 7)
        #expect(try bench.count("SELECT min(id) FROM quarantine") == 8)
        try bench.open().quarantine(rejection([1]))
        try bench.open().rollback()
        try bench.commit()
        #expect(try bench.open().counters.quarantineDropped.value == 7)
        // The count survives a restart.
        _ = try bench.restart()
        try bench.open().quarantine(rejection([1]))
        try bench.commit()
        #expect(try bench.open().counters.quarantineDropped.value == 1)
        #expect(try bench.count("SELECT count(*) FROM quarantine") == 10_000)
    }

    @Test func oldestFallOutBySizeAndPagesEndBySize() throws {
        let bench = try Bench()
        let writer = try bench.open()
        let large = [UInt8](repeating: 7, count: 600 * 1024)
        for number in 0..<130 {
            try writer.quarantine(rejection(large))
            if number % 20 == 0 { try bench.commit() }
        }
        try bench.commit()
        #expect(writer.counters.quarantineDropped.value == 2)
        #expect(try bench.count("SELECT sum(size) FROM quarantine") == 64 << 20)
        let reader = try bench.reader()
        var ids: [Int64] = []
        var cursor: String?
        repeat {
            let page = try reader.quarantine(limit: 100, byteLimit: 5 << 20, cursor: cursor)
            #expect((1...10).contains(page.items.count))
            ids += page.items.map(\.id)
            cursor = page.next
        } while cursor != nil
        #expect(ids == (3...130).reversed())
        #expect(try reader.quarantine(limit: 5, byteLimit: 1, cursor: nil).items.count == 1)
    }
}

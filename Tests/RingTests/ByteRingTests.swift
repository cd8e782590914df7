import Foundation
import Testing

@testable import FireRing

struct Mark: BitwiseCopyable, Equatable {
    var number: UInt64
    var seed: UInt64
}

/// Bytes that tell where they belong.
func bytes(seed: UInt64, count: Int) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return UInt8(truncatingIfNeeded: state)
    }
}

extension ByteRing {
    func push(_ header: Header, _ first: [UInt8], _ second: [UInt8] = []) -> Bool {
        first.withUnsafeBytes { first in second.withUnsafeBytes { tryPush(header, first, $0) } }
    }

    func pop() -> (header: Header, bytes: [UInt8])? { withNext { ($0, Array($1)) } }
}

@Suite struct ByteRingTests {
    @Test func handsOverInOrderWithTopicAndPayloadJoined() {
        let ring = ByteRing<Int>(slots: 8, bytes: 4096)
        for number in 0..<5 { #expect(ring.push(number, [1, 2], [UInt8(number)])) }
        #expect(ring.depth == 5)
        for number in 0..<5 {
            let message = ring.pop()
            #expect(message?.header == number)
            #expect(message?.bytes == [1, 2, UInt8(number)])
        }
        #expect(ring.pop() == nil)
        #expect(ring.depth == 0)
        #expect(ring.highWater == 5)
    }

    @Test func roundsSizesUpToPowersOfTwo() {
        let ring = ByteRing<Int>(slots: 5, bytes: 5000)
        #expect(ring.slots == 8)
        #expect(ring.bytes == 8192)
    }

    @Test func emptyRingHandsOutNothingAndKeepsDoingSo() {
        let ring = ByteRing<Int>(slots: 2, bytes: 256)
        #expect(ring.pop() == nil)
        #expect(ring.push(1, []))
        #expect(ring.pop()?.bytes == [])
        #expect(ring.pop() == nil)
    }

    @Test func refusesWhenSlotsAreTakenAndTakesAgainWhenOneIsFree() {
        let ring = ByteRing<Int>(slots: 4, bytes: 1 << 16)
        for number in 0..<4 { #expect(ring.push(number, [0])) }
        #expect(!ring.push(4, [0]))
        #expect(!ring.hasRoom(for: 0))
        #expect(ring.pop()?.header == 0)
        #expect(ring.push(4, [0]))
        #expect(!ring.push(5, [0]))
    }

    @Test func refusesWhenBytesAreTakenAndTakesAgainWhenSomeAreFree() {
        let ring = ByteRing<Int>(slots: 64, bytes: 1024)
        let load = [UInt8](repeating: 7, count: 200)
        var pushed = 0
        while ring.push(pushed, load) { pushed += 1 }
        #expect(pushed == 3)
        #expect(ring.bytesFree < 264 + 1)
        #expect(ring.pop()?.bytes == load)
        #expect(ring.push(pushed, load))
    }

    @Test func aMessageOfNearlyTheArenaFitsWhereverTheLastOneEnded() {
        let ring = ByteRing<Int>(slots: 4, bytes: 4096)
        for size in [100, 1000, 3000, 4032, 17, 4032, 2000, 4032] {
            let load = bytes(seed: UInt64(size), count: size)
            #expect(ring.push(size, load), "\(size) bytes")
            #expect(ring.pop()?.bytes == load)
        }
        #expect(!ring.push(0, [UInt8](repeating: 0, count: 4033)))
        #expect(ring.bytesFree <= 4096)
    }

    @Test func theLongestMessageFitsIntoTheSmallestArena() {
        let ring = ByteRing<Int>(slots: 2, bytes: 1 << 20)
        #expect(ring.push(0, [1]))
        #expect(ring.pop() != nil)
        let topic = bytes(seed: 1, count: 65_535)
        let payload = bytes(seed: 2, count: 512 * 1024)
        #expect(ring.push(1, topic, payload))
        #expect(ring.pop()?.bytes == topic + payload)
    }

    @Test func messagesAreContiguousAndUnbrokenAcrossManyWraps() {
        let ring = ByteRing<Mark>(slots: 16, bytes: 4096)
        var random = SystemRandomNumberGenerator()
        var expected: [Mark: Int] = [:]
        var next: UInt64 = 0
        var taken: UInt64 = 0
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...900, using: &random)
            let mark = Mark(number: next, seed: random.next())
            let load = bytes(seed: mark.seed, count: count)
            let split = Int.random(in: 0...count, using: &random)
            if ring.push(mark, Array(load[..<split]), Array(load[split...])) {
                expected[mark] = count
                next += 1
            }
            if Bool.random(using: &random), let message = ring.pop() {
                #expect(message.header.number == taken)
                let count = expected.removeValue(forKey: message.header)
                #expect(message.bytes == bytes(seed: message.header.seed, count: count ?? -1))
                taken += 1
            }
        }
        while let message = ring.pop() {
            #expect(message.header.number == taken)
            taken += 1
        }
        #expect(taken == next)
        #expect(next > 1000)
        #expect(ring.bytesFree == ring.bytes)
    }

    @Test func paddingBehindEachMessageIsReadableAndInsideTheArena() {
        let ring = ByteRing<Int>(slots: 8, bytes: 1024)
        var lowest = UInt.max
        var highest: UInt = 0
        for number in 0..<500 {
            #expect(ring.push(number, bytes(seed: UInt64(number), count: number % 400)))
            let sum: Int? = ring.withNext { _, message in
                guard let base = message.baseAddress else { return 0 }
                lowest = min(lowest, UInt(bitPattern: base))
                highest = max(highest, UInt(bitPattern: base) + UInt(message.count + ByteRing<Int>.padding))
                let all = UnsafeRawBufferPointer(start: base, count: message.count + ByteRing<Int>.padding)
                return all.reduce(0) { $0 + Int($1) }
            }
            #expect(sum != nil)
        }
        #expect(highest - lowest <= 1024)
    }

    @Test func slotIsReleasedWhenTheConsumerThrows() {
        struct Refused: Error {}
        let ring = ByteRing<Int>(slots: 1, bytes: 256)
        #expect(ring.push(1, [1]))
        #expect(throws: Refused.self) { try ring.withNext { _, _ in throw Refused() } }
        #expect(ring.push(2, [2]))
        #expect(ring.pop()?.header == 2)
    }

    @Test func highWaterIsExact() {
        let ring = ByteRing<Int>(slots: 64, bytes: 1 << 16)
        for round in 1...40 {
            for number in 0..<(round % 7 + 1) { #expect(ring.push(number, [0])) }
            while ring.pop() != nil {}
        }
        #expect(ring.highWater == 7)
    }

    @Test func eachThreadsIndicesHaveTheirOwnCacheLines() {
        let offsets = [
            RingIndices.producerOffset, RingIndices.publishedOffset, RingIndices.consumerOffset,
            RingIndices.releasedOffset, RingIndices.size,
        ]
        for (near, far) in zip(offsets, offsets.dropFirst()) { #expect(far - near >= 128) }
        #expect(MemoryLayout<RingIndices.Producer>.size <= 128)
        #expect(MemoryLayout<RingIndices.Consumer>.size <= 128)
        let indices = RingIndices()
        defer { indices.deallocate() }
        let published = UInt(bitPattern: indices.published)
        let released = UInt(bitPattern: indices.released)
        #expect(published % 128 == 0)
        #expect(released - published >= 256)
        #expect(UInt(bitPattern: indices.freed) / 128 == released / 128)
        #expect(UInt(bitPattern: indices.highWater) / 128 == published / 128)
    }
}

extension Mark: Hashable {}

import Foundation
import Synchronization
import Testing

@testable import FireRing

/// Seconds each of these runs; `Tests/ring-stress.sh` sets minutes.
let stressSeconds = ProcessInfo.processInfo.environment["RING_STRESS_SECONDS"].flatMap(Double.init) ?? 1

private func onThread(_ body: @escaping @Sendable () -> Void) {
    let thread = Thread(block: body)
    thread.stackSize = 1 << 20
    thread.start()
}

@Suite(.serialized) struct TwoThreadTests {
    /// What the two threads of a test share.
    final class Stage: Sendable {
        let ring: ByteRing<Mark>
        let filled: Waiter
        let finished: Waiter
        /// Messages pushed; 0 while not known.
        let total = Atomic<UInt64>(0)
        let taken = Atomic<UInt64>(0)
        let faults = Atomic<UInt64>(0)

        init(slots: Int, bytes: Int) throws {
            ring = ByteRing(slots: slots, bytes: bytes)
            filled = try Waiter()
            finished = try Waiter()
        }
    }

    /// Pushes for `seconds` on one thread, takes on another: each message once, in order, unbroken.
    private func run(slots: Int, bytes size: Int, longest: Int, sleepy: Bool) throws -> Stage {
        let stage = try Stage(slots: slots, bytes: size)
        onThread {
            let end = ContinuousClock.now + .seconds(stressSeconds)
            var random = SystemRandomNumberGenerator()
            var number: UInt64 = 0
            while ContinuousClock.now < end {
                for _ in 0..<50 {
                    let mark = Mark(number: number, seed: random.next())
                    let load = bytes(seed: mark.seed, count: Int(mark.seed % UInt64(longest + 1)))
                    let split = load.count / 3
                    while !stage.ring.push(mark, Array(load[..<split]), Array(load[split...])) { sched_yield() }
                    number += 1
                    stage.filled.wake()
                }
                // Lets the consumer fall asleep now and then.
                if sleepy { usleep(200) }
            }
            stage.total.store(number, ordering: .releasing)
            stage.filled.wake()
        }
        onThread {
            var expected: UInt64 = 0
            while true {
                let total = stage.total.load(ordering: .acquiring)
                while let (mark, content) = stage.ring.pop() {
                    let wanted = bytes(seed: mark.seed, count: Int(mark.seed % UInt64(longest + 1)))
                    if mark.number != expected || content != wanted { stage.faults.add(1, ordering: .relaxed) }
                    expected += 1
                }
                stage.taken.store(expected, ordering: .relaxed)
                if total != 0 { break }
                if sleepy { stage.filled.wait(until: nil) } else { sched_yield() }
            }
            stage.finished.wake()
        }
        let ended = stage.finished.wait(until: .now + .seconds(stressSeconds + 60))
        try #require(ended, "both threads end")
        return stage
    }

    @Test func everyMessageArrivesOnceInOrderUnderTwoThreads() throws {
        let stage = try run(slots: 64, bytes: 1 << 14, longest: 2000, sleepy: false)
        #expect(stage.faults.load(ordering: .relaxed) == 0)
        #expect(stage.taken.load(ordering: .relaxed) == stage.total.load(ordering: .relaxed))
        #expect(stage.total.load(ordering: .relaxed) > 100)
    }

    @Test func aRingOfTwoSlotsHandsOverEverything() throws {
        let stage = try run(slots: 2, bytes: 256, longest: 100, sleepy: false)
        #expect(stage.faults.load(ordering: .relaxed) == 0)
        #expect(stage.taken.load(ordering: .relaxed) == stage.total.load(ordering: .relaxed))
    }

    @Test func noWakeUpIsLostWhenTheConsumerSleeps() throws {
        let stage = try run(slots: 256, bytes: 1 << 16, longest: 200, sleepy: true)
        #expect(stage.faults.load(ordering: .relaxed) == 0)
        #expect(stage.taken.load(ordering: .relaxed) == stage.total.load(ordering: .relaxed))
    }
}

@Suite struct WaiterTests {
    @Test func returnsAtTheDeadlineWhenNobodyWakes() throws {
        let waiter = try Waiter()
        let start = ContinuousClock.now
        #expect(!waiter.wait(until: start + .milliseconds(30)))
        #expect(ContinuousClock.now - start >= .milliseconds(30))
    }

    @Test func aWakeUpBeforeTheSleepIsNotLost() throws {
        let waiter = try Waiter()
        waiter.wake()
        waiter.wake()
        #expect(waiter.wait(until: .now + .seconds(60)))
        #expect(!waiter.wait(until: .now), "it was a mark, not a count")
    }

    @Test func wakesASleeperFromAnotherThread() throws {
        let waiter = try Waiter()
        onThread {
            usleep(20_000)
            waiter.wake()
        }
        #expect(waiter.wait(until: .now + .seconds(60)))
    }

    @Test func descriptorIsReadableOnlyAfterAWakeUpDuringSleep() throws {
        let waiter = try Waiter()
        func readable() -> Bool {
            var descriptor = pollfd(fd: waiter.fileDescriptor, events: Int16(POLLIN), revents: 0)
            return poll(&descriptor, 1, 0) == 1
        }
        waiter.wake()
        #expect(!readable(), "nobody slept: no system call was needed")
        #expect(!waiter.prepareToSleep())
        #expect(waiter.prepareToSleep())
        waiter.wake()
        #expect(readable())
        #expect(waiter.drain())
        #expect(!readable())
        #expect(waiter.prepareToSleep())
        #expect(!waiter.drain())
    }

    /// A waker may write its byte when the sleep it was meant to end is over.
    @Test func aByteThatComesLateEndsOneSleepAndNotAll() throws {
        let waiter = try Waiter()
        #expect(waiter.prepareToSleep())
        var byte: UInt8 = 0
        #expect(write(waiter.writingEnd, &byte, 1) == 1)
        #expect(!waiter.drain(), "nobody called")
        var descriptor = pollfd(fd: waiter.fileDescriptor, events: Int16(POLLIN), revents: 0)
        #expect(poll(&descriptor, 1, 0) == 0)
    }
}

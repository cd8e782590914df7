import FireModel
import Testing

@testable import FireDispatch

/// Replays in the queue, with time as a parameter.
@Suite struct ReplayQueueTests {
    private let start = ContinuousClock.now
    private let wall = Timestamp(milliseconds: 1_795_458_000_000)

    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    /// A queue that has seen an outbox with nothing in it but these replays.
    private func queue(_ replays: [Delivery] = [], limits: EndpointQueue.Limits = .init()) -> EndpointQueue {
        var queue = EndpointQueue(limits: limits)
        for _ in 0..<2 {
            guard case .fetch(let fire, _, let limit) = queue.next(start) else { break }
            queue.fetched([], fire: fire, limit: limit, now: start, wall: wall)
        }
        if case .fetchReplays(_, let limit) = queue.next(start) {
            queue.fetchedReplays(replays, limit: limit, now: start, wall: wall)
        }
        return queue
    }

    private func first(_ number: Int, step: Int = 0, fire: Bool = false) -> Delivery {
        makeDelivery(number, step: step, fire: fire, sequence: Int64(100_000 + number * 100 + step), receivedAt: wall)
    }

    private func replay(_ number: Int, step: Int = 0, fire: Bool = false, at milliseconds: Int64 = 0) -> Delivery {
        var delivery = makeDelivery(number, step: step, fire: fire, to: "re", sequence: Int64(number * 100 + step + 1))
        delivery.replayedAt = wall + milliseconds
        return delivery
    }

    private func sent(_ queue: inout EndpointQueue, _ seconds: Double) -> [String] {
        var ids: [String] = []
        while case .send(let deliveries) = queue.next(at(seconds)) { ids += deliveries.map(\.id) }
        return ids
    }

    @discardableResult private func end(
        _ queue: inout EndpointQueue, _ id: String, _ outcome: EndpointQueue.Outcome, _ seconds: Double,
        wall: Timestamp? = nil
    ) -> EndpointQueue.Resolution {
        queue.attemptEnded(id, outcome, now: at(seconds), wall: wall ?? self.wall, random: 0.5).first
            ?? EndpointQueue.Resolution(state: .pending)
    }

    private func failed(_ status: Int = 500, retryAfter: Duration? = nil) -> EndpointQueue.Outcome {
        .failed(Failure(status: status, phrase: "", retryAfter: retryAfter))
    }

    @Test func replayGoesBehindEverythingThatWasNeverSent() {
        var queue = queue((0..<5).map { replay($0) })
        _ = queue.enqueued((10..<20).map { first($0) } + [first(50, fire: true)])
        #expect(sent(&queue, 0).allSatisfy { $0.hasPrefix("duty-room") })
        var order: [String] = []
        var flying = ["duty-room-50-0"] + (10..<14).map { "duty-room-\($0)-0" }
        while !flying.isEmpty {
            end(&queue, flying.removeFirst(), .delivered, 1)
            let next = sent(&queue, 1)
            order += next
            flying += next
        }
        #expect(order.prefix(6).allSatisfy { $0.hasPrefix("duty-room") })
        #expect(order.suffix(5) == (0..<5).map { "re-\($0)-0" })
        #expect(queue.count == 0)
    }

    @Test func replayTakesNoSlotFromAnybody() {
        var queue = queue((0..<9).map { replay($0) })
        #expect(sent(&queue, 0) == ["re-0-0", "re-1-0"], "two at once")
        _ = queue.enqueued((0..<9).map { first($0) } + (20..<29).map { first($0, fire: true) })
        #expect(sent(&queue, 0).count == 8, "as many as without")
    }

    @Test func changesOfOneAlarmAreReplayedInOrder() {
        var queue = queue([replay(1), replay(1, step: 1), replay(1, step: 2), replay(2)])
        #expect(sent(&queue, 0) == ["re-1-0", "re-2-0"])
        end(&queue, "re-1-0", failed(), 0.1)
        #expect(sent(&queue, 0.2) == [])
        #expect(sent(&queue, 1.5) == ["re-1-0"])
        end(&queue, "re-1-0", .delivered, 1.6)
        #expect(sent(&queue, 1.6) == ["re-1-1"])
        end(&queue, "re-1-1", .delivered, 1.7)
        #expect(sent(&queue, 1.7) == ["re-1-2"])
    }

    @Test func failingReplaysSayNothingOfTheEndpoint() {
        var queue = queue((0..<9).map { replay($0) })
        for second in 0..<6 {
            for id in sent(&queue, Double(second) * 10) {
                let outcome = failed(second % 2 == 0 ? 410 : 429, retryAfter: .seconds(3000))
                #expect(end(&queue, id, outcome, Double(second) * 10).troubles.isEmpty)
            }
        }
        #expect(!queue.isDown)
        #expect(!queue.isHeld)
        _ = queue.enqueued((10..<14).map { first($0) } + [first(50, fire: true)])
        #expect(sent(&queue, 60).count == 5, "all at once, as ever")
    }

    @Test func deadEndpointGetsOneReplayAtATime() {
        var queue = queue((0..<50).map { replay($0) })
        var count = 0
        for tenth in 0..<1000 {
            for id in sent(&queue, Double(tenth) / 10) {
                count += 1
                end(&queue, id, failed(), Double(tenth) / 10)
            }
        }
        #expect((50...110).contains(count), "\(count) in 100 seconds: about one a second")
    }

    @Test func troubledEndpointIsProbedByWhatWasNeverSent() {
        var queue = queue((0..<3).map { replay($0) })
        for id in sent(&queue, 0) { end(&queue, id, .delivered, 0) }
        for id in sent(&queue, 0) { end(&queue, id, failed(), 0) }
        _ = queue.enqueued([first(1)])
        for second in 1...40 {
            for id in sent(&queue, Double(second) * 2) where id.hasPrefix("duty-room") {
                end(&queue, id, failed(), Double(second) * 2)
            }
            if queue.isDown { #expect(sent(&queue, Double(second) * 2 + 1.9).allSatisfy { $0.hasPrefix("duty-room") }) }
        }
        #expect(queue.isDown)
    }

    @Test func successOfAReplayMakesWhatWaitsDue() {
        var queue = queue()
        _ = queue.enqueued([first(1)])
        #expect(sent(&queue, 0) == ["duty-room-1-0"])
        end(&queue, "duty-room-1-0", failed(), 0)
        queue.replayed(from: 1)
        guard case .fetchReplays(let after, let limit) = queue.next(at(0.1)) else {
            Issue.record("it is to be fetched")
            return
        }
        #expect(after == 0)
        queue.fetchedReplays([replay(7)], limit: limit, now: at(0.1), wall: wall)
        #expect(sent(&queue, 0.1) == ["re-7-0"])
        #expect(end(&queue, "re-7-0", .delivered, 0.2).troubles == [.recovered])
        #expect(sent(&queue, 0.2) == ["duty-room-1-0"])
    }

    @Test func secondReplayOfTheSameIsSentAgainAndTheFirstIsNot() {
        var queue = queue([replay(1)])
        #expect(sent(&queue, 0) == ["re-1-0"])
        end(&queue, "re-1-0", .delivered, 0.1)
        // Its result is not written yet, and somebody asks for others.
        for (replayed, expected) in [(replay(1), [String]()), (replay(1, at: 1), ["re-1-0"])] {
            queue.replayed(from: 1)
            guard case .fetchReplays(let after, let limit) = queue.next(at(0.2)) else {
                Issue.record("it is to be fetched")
                return
            }
            #expect(after < replayed.sequence, "what lies behind is looked at again")
            queue.fetchedReplays([replayed], limit: limit, now: at(0.2), wall: wall)
            #expect(sent(&queue, 0.2) == expected)
        }
    }

    @Test func replayMarkedDuringAFetchIsNotPassedOver() {
        var queue = queue([replay(9)])
        _ = sent(&queue, 0)
        queue.replayed(from: 2000)
        guard case .fetchReplays(let after, let limit) = queue.next(at(1)) else {
            Issue.record("it is to be fetched")
            return
        }
        #expect(after == replay(9).sequence)
        // One with a lower sequence is marked before the page comes.
        queue.replayed(from: replay(1).sequence)
        queue.fetchedReplays([replay(20)], limit: limit, now: at(1), wall: wall)
        guard case .send = queue.next(at(1)) else {
            Issue.record("what came is sent")
            return
        }
        guard case .fetchReplays(let again, _) = queue.next(at(1)) else {
            Issue.record("it is to be fetched")
            return
        }
        #expect(again < replay(1).sequence)
    }

    @Test func replayIsGivenUpAfterItsOwnAge() {
        var queue = queue([replay(1, fire: true)])
        var now = 0.0
        var last = EndpointQueue.Resolution(state: .pending)
        var attempts = 0
        while last.state == .pending, attempts < 200 {
            guard !sent(&queue, now).isEmpty else {
                now += 60
                continue
            }
            attempts += 1
            last = end(&queue, "re-1-0", failed(), now, wall: wall + Int64(now * 1000))
            now += (last.wait ?? .zero) / .seconds(1)
        }
        #expect(last == EndpointQueue.Resolution(state: .dead, troubles: [.deadLettered]))
        #expect(attempts == 84)
        #expect(now >= 3 * 86_400)
    }

    @Test func stoppedQueueSendsNoReplayAndWaitsForThoseUnderWay() {
        var queue = queue((0..<9).map { replay($0) })
        #expect(sent(&queue, 0).count == 2)
        queue.stopped()
        end(&queue, "re-0-0", .delivered, 1)
        #expect(queue.next(at(1)) != .finished)
        end(&queue, "re-1-0", .delivered, 1)
        #expect(queue.next(at(1)) == .finished)
    }

    /// Two queues with the same first deliveries and the same receiver, one with replays besides: nothing that was
    /// never sent is sent later there.
    @Test(arguments: 0..<60) func firstDeliveriesAreNotDelayedByReplays(seed: Int) {
        var dice = Dice(state: UInt64(seed) + 1)
        var alone = World(queue())
        var beside = World(queue())
        var known: [Int: Int] = [:]
        // What the receiver answers to each: how long it takes, and how often it refuses first.
        let slowness = Int(dice.next() % 30)
        let replayOutcome: EndpointQueue.Outcome? = seed % 3 == 0 ? failed(410) : seed % 3 == 1 ? failed(429) : nil
        // A success, also of a replay, makes what is refused due, and uses up its patience: only replays that fail
        // stand beside first deliveries that are refused.
        let hasOutage = replayOutcome == nil || seed % 2 == 0
        let refusals = hasOutage ? 0 : Int(dice.next() % 4)
        let outage = hasOutage ? Int(dice.next() % 300) : Int.max - 1000
        func answer(_ id: String, _ attempt: Int, _ tenth: Int) -> EndpointQueue.Outcome {
            if id.hasPrefix("re-"), let replayOutcome { return replayOutcome }
            if (outage..<outage + 100).contains(tenth) { return failed(503) }
            return attempt < refusals && id.hasSuffix("3-0") ? failed(400) : .delivered
        }
        for tenth in 0..<1500 {
            if dice.next() % 8 == 0, tenth < 700 {
                let number = Int(dice.next() % 40)
                let step = known[number, default: 0]
                known[number] = step + 1
                let delivery = first(number, step: step, fire: number % 5 == 0)
                _ = alone.queue.enqueued([delivery])
                _ = beside.queue.enqueued([delivery])
            }
            if dice.next() % 20 == 0, tenth < 700 {
                beside.mark(replay(Int(dice.next() % 40), step: Int(dice.next() % 3), at: Int64(tenth)))
            }
            let now = at(Double(tenth) / 10)
            alone.turn(tenth, now, wall, slowness, answer)
            beside.turn(tenth, now, wall, slowness, answer)
        }
        #expect(beside.mostReplays <= ReplayLane.slots)
        if hasOutage { #expect(alone.delivered.count == known.values.reduce(0, +)) }
        #expect(!alone.delivered.isEmpty)
        for (id, tenth) in alone.delivered {
            #expect(
                beside.delivered[id].map { $0 <= tenth } ?? false,
                "\(id): \(tenth), beside replays \(beside.delivered[id] ?? -1)")
        }
        if replayOutcome == nil { #expect(beside.replayed >= beside.marked, "every replay is sent") }
        for (_, steps) in beside.order { #expect(steps == steps.sorted()) }
    }
}

/// SplitMix64: the same each time.
private struct Dice {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

/// A queue, its outbox of replays, and a receiver.
private struct World {
    var queue: EndpointQueue
    var delivered: [String: Int] = [:]
    var order: [String: [Int]] = [:]
    var mostReplays = 0
    var replayed = 0
    var marked = 0
    private var outbox: [Delivery] = []
    private var flying: [(due: Int, delivery: Delivery)] = []
    private var attempts: [String: Int] = [:]

    init(_ queue: EndpointQueue) { self.queue = queue }

    mutating func mark(_ delivery: Delivery) {
        guard !outbox.contains(where: { $0.id == delivery.id }) else { return }
        outbox.append(delivery)
        outbox.sort { $0.sequence < $1.sequence }
        marked += 1
        queue.replayed(from: delivery.sequence)
    }

    mutating func turn(
        _ tenth: Int, _ now: ContinuousClock.Instant, _ wall: Timestamp, _ slowness: Int,
        _ answer: (String, Int, Int) -> EndpointQueue.Outcome
    ) {
        for flight in flying where flight.due <= tenth {
            let id = flight.delivery.id
            let outcome = answer(id, attempts[id, default: 0], tenth)
            attempts[id, default: 0] += 1
            _ = queue.attemptEnded(id, outcome, now: now, wall: wall + Int64(tenth) * 100, random: 0.5)
            guard outcome == .delivered else { continue }
            if flight.delivery.replayedAt != nil {
                outbox.removeAll { $0.id == id }
                replayed += 1
            } else {
                delivered[id] = tenth
                order[flight.delivery.alarm, default: []].append(flight.delivery.revision)
            }
        }
        flying.removeAll { $0.due <= tenth }
        while true {
            switch queue.next(now) {
            case .send(let deliveries):
                flying += deliveries.map { (tenth + 1 + slowness, $0) }
                mostReplays = max(mostReplays, flying.count { $0.delivery.replayedAt != nil })
            case .fetch(let fire, _, let limit): queue.fetched([], fire: fire, limit: limit, now: now, wall: wall)
            case .fetchReplays(let after, let limit):
                let page = outbox.filter { $0.sequence > after }.prefix(limit)
                queue.fetchedReplays(Array(page), limit: limit, now: now, wall: wall)
            case .wait, .finished: return
            }
        }
    }
}

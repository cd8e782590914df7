import FireModel
import Testing

@testable import FireDispatch

/// The queue alone, with time as a parameter.
@Suite struct EndpointQueueTests {
    private let start = ContinuousClock.now
    private let wall = Timestamp(milliseconds: 1_795_458_000_000)
    private let schedule = RetrySchedule()

    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    /// A queue that has seen an empty outbox.
    private func queue(capacity: Int = 500) -> EndpointQueue {
        var limits = EndpointQueue.Limits()
        limits.capacity = capacity
        return queue(limits: limits)
    }

    private func queue(limits: EndpointQueue.Limits) -> EndpointQueue {
        var queue = EndpointQueue(limits: limits)
        for _ in 0..<2 {
            guard case .fetch(let fire, _, let limit) = queue.next(start) else { break }
            queue.fetched([], fire: fire, limit: limit, now: start, wall: wall)
        }
        if case .fetchReplays(_, let limit) = queue.next(start) {
            queue.fetchedReplays([], limit: limit, now: start, wall: wall)
        }
        return queue
    }

    private func sent(_ queue: inout EndpointQueue, _ seconds: Double) -> [String] {
        var ids: [String] = []
        while case .send(let deliveries) = queue.next(at(seconds)) { ids += deliveries.map(\.id) }
        return ids
    }

    private func end(
        _ queue: inout EndpointQueue, _ id: String, _ outcome: EndpointQueue.Outcome, _ seconds: Double,
        wall: Timestamp? = nil
    ) -> EndpointQueue.Resolution {
        queue.attemptEnded(id, outcome, now: at(seconds), wall: wall ?? self.wall, random: 0.5).first
            ?? EndpointQueue.Resolution(state: .pending)
    }

    private func failed(_ status: Int = 500, retryAfter: Duration? = nil) -> EndpointQueue.Outcome {
        .failed(Failure(status: status, phrase: "", retryAfter: retryAfter))
    }

    private func delivery(_ number: Int, step: Int = 0, fire: Bool = false, active: Bool = true) -> Delivery {
        makeDelivery(
            number, step: step, fire: fire, active: active, sequence: Int64(number * 100 + step + 1), receivedAt: wall)
    }

    @Test func changesOfOneAlarmGoOneAfterTheOther() {
        var queue = queue()
        _ = queue.enqueued([delivery(1), delivery(1, step: 1), delivery(2)])
        #expect(sent(&queue, 0) == ["duty-room-1-0", "duty-room-2-0"])
        _ = end(&queue, "duty-room-1-0", failed(), 0.1)
        #expect(sent(&queue, 0.2) == [], "the second change waits for the first")
        _ = end(&queue, "duty-room-2-0", .delivered, 0.3)
        #expect(sent(&queue, 0.3) == ["duty-room-1-0"], "a success makes what waits due at once")
        _ = end(&queue, "duty-room-1-0", .delivered, 0.4)
        #expect(sent(&queue, 0.4) == ["duty-room-1-1"])
        #expect(end(&queue, "duty-room-1-1", .delivered, 0.5).state == .delivered)
        #expect(queue.count == 0)
        #expect(queue.next(at(1)) == .wait(until: nil))
    }

    @Test func fireGoesBeforeEverythingAndFindsASlot() {
        var queue = queue()
        _ = queue.enqueued((0..<100).map { delivery($0) })
        #expect(sent(&queue, 0).count == 4)
        _ = queue.enqueued([delivery(500, fire: true)])
        #expect(sent(&queue, 0) == ["duty-room-500-0"])
        _ = queue.enqueued((600..<620).map { delivery($0, fire: true) })
        #expect(sent(&queue, 0).count == 3, "eight at once in all")
    }

    @Test func refusedDeliveryIsTriedOnItsSchedule() {
        var queue = queue()
        _ = queue.enqueued([delivery(1)])
        #expect(sent(&queue, 0) == ["duty-room-1-0"])
        #expect(end(&queue, "duty-room-1-0", failed(), 0).wait == .seconds(1))
        #expect(queue.next(at(0)) == .wait(until: at(1)))
        #expect(sent(&queue, 0.99) == [])
        #expect(sent(&queue, 1) == ["duty-room-1-0"])
    }

    @Test func endpointThatIsDownIsTriedAtABoundedPace() {
        var queue = queue()
        _ = queue.enqueued((0..<400).map { delivery($0) })
        var attempts = 0
        // It refuses at once; half a minute in steps of ten milliseconds.
        for step in 0..<3000 {
            let now = Double(step) / 100
            for id in sent(&queue, now) {
                attempts += 1
                _ = end(&queue, id, failed(), now)
            }
        }
        #expect(queue.isDown)
        #expect(attempts < 40)
        #expect(attempts > 25)
    }

    @Test func manyFiresAtADeadEndpointEachHaveTheirTurnInAMinute() {
        var queue = queue()
        _ = queue.enqueued((0..<300).map { delivery($0, fire: true) })
        var last: [String: Double] = [:]
        var longest = 0.0
        for step in 0..<30_000 {
            let now = Double(step) / 100
            for id in sent(&queue, now) {
                longest = max(longest, now - (last[id] ?? now))
                last[id] = now
                _ = end(&queue, id, failed(), now)
            }
        }
        #expect(last.count == 300)
        #expect(last.values.allSatisfy { $0 > 238 })
        #expect(longest <= 61)
    }

    /// It takes connections and never answers: every attempt lasts its whole time-out.
    @Test(arguments: [10.0, 60]) func manyFiresAtAHangingEndpointEachHaveTheirTurnInAMinute(timeout: Double) {
        var queue = queue()
        _ = queue.enqueued((0..<300).map { delivery($0, fire: true) })
        var flights: [(ends: Double, id: String)] = []
        var starts: [String: [Double]] = [:]
        var fresh = 300
        for step in 0..<30_000 {
            let now = Double(step) / 100
            while let first = flights.first, first.ends <= now {
                flights.removeFirst()
                _ = end(&queue, first.id, failed(), now)
            }
            // A new one every ten seconds from then on.
            if step > 10_000, step % 1000 == 0 {
                _ = queue.enqueued([delivery(fresh, fire: true)])
                fresh += 1
            }
            for id in sent(&queue, now) {
                starts[id, default: []].append(now)
                flights.append((now + timeout, id))
            }
        }
        #expect(starts.count == fresh)
        let gaps = starts.values.flatMap { zip($0.dropFirst(), $0).map { $0 - $1 } }
        #expect(gaps.max() ?? 0 <= 62)
        #expect(starts.values.allSatisfy { ($0.last ?? 0) > 237 })
        for number in 300..<fresh {
            let born = 110 + Double(number - 300) * 10
            let first = starts["duty-room-\(number)-0"]?.first ?? .infinity
            #expect(first - born <= 2, "a new one waits for no time-out")
        }
    }

    @Test func newFireFindsASlotWhereAllAttemptsHang() {
        var limits = EndpointQueue.Limits()
        limits.hanging = 20
        limits.freshSlots = 2
        var queue = queue(limits: limits)
        _ = queue.enqueued((0..<8).map { delivery($0, fire: true) })
        #expect(sent(&queue, 0).count == 8)
        _ = queue.enqueued((8..<100).map { delivery($0, fire: true) })
        #expect(sent(&queue, 0.5).isEmpty, "young ones may answer yet")
        #expect(sent(&queue, 1).count == 8)
        for now in 2..<9 { _ = sent(&queue, Double(now)) }
        #expect(sent(&queue, 59).isEmpty, "twenty hang, and two that were new")
    }

    @Test func fireThatTakesLongToFailIsTriedAgainWithinAMinuteOfItsStart() {
        var queue = queue()
        _ = queue.enqueued([delivery(1, fire: true)])
        var starts: [Double] = []
        var now = 0.0
        for _ in 0..<30 {
            while case .wait(let until) = queue.next(at(now)) {
                now = start.duration(to: until ?? at(now + 1)) / .seconds(1)
            }
            starts.append(now)
            now += 30
            _ = end(&queue, "duty-room-1-0", failed(), now)
        }
        let gaps = zip(starts.dropFirst(), starts).map { $0 - $1 }
        #expect(gaps.allSatisfy { $0 <= 60.01 })
    }

    @Test func successMakesEverythingWaitingDueAtOnce() {
        var queue = queue()
        _ = queue.enqueued((0..<6).map { delivery($0) })
        for now in stride(from: 0.0, to: 3600, by: 1) {
            for id in sent(&queue, now) { _ = end(&queue, id, failed(), now) }
        }
        #expect(sent(&queue, 3600).isEmpty)
        _ = queue.enqueued([delivery(50)])
        #expect(sent(&queue, 3601) == ["duty-room-50-0"])
        #expect(end(&queue, "duty-room-50-0", .delivered, 3601).troubles == [.recovered])
        var through: Set<String> = []
        while true {
            let ids = sent(&queue, 3601)
            if ids.isEmpty { break }
            for id in ids {
                through.insert(id)
                _ = end(&queue, id, .delivered, 3601)
            }
        }
        #expect(through.count == 6)
    }

    @Test func successOfAHeartbeatReleasesToo() {
        var queue = queue()
        _ = queue.enqueued([delivery(1)])
        for now in [0.0, 1, 2, 5, 10, 20, 30, 60] {
            for id in sent(&queue, now) { _ = end(&queue, id, failed(), now) }
        }
        #expect(sent(&queue, 61).isEmpty)
        #expect(queue.heartbeatEnded(.delivered, startedAt: at(61), now: at(61)) == [.recovered])
        #expect(sent(&queue, 61) == ["duty-room-1-0"])
    }

    @Test func whatTheReceiverAlwaysRefusesIsNotTriedWithEverySuccess() {
        var queue = queue()
        _ = queue.enqueued([delivery(1)])
        var refusals = 0
        for number in 2..<1000 {
            let now = Double(number) / 10
            _ = queue.enqueued([delivery(number)])
            for id in sent(&queue, now) {
                if id == "duty-room-1-0" {
                    refusals += 1
                    _ = end(&queue, id, failed(400), now)
                } else {
                    _ = end(&queue, id, .delivered, now)
                }
            }
        }
        #expect(refusals > 3)
        #expect(refusals < 15)
        #expect(queue.count == 1, "nothing waits behind it")
    }

    @Test func goneEndpointIsHeldAndTriedHourly() {
        var queue = queue()
        _ = queue.enqueued((0..<10).map { delivery($0) })
        let first = sent(&queue, 0)
        #expect(end(&queue, first[0], failed(410), 0).troubles == [.gone])
        for id in first.dropFirst() { #expect(end(&queue, id, failed(410), 0).troubles == []) }
        var attempts = 0
        for now in stride(from: 1.0, to: 4 * 86_400, by: 60) {
            for id in sent(&queue, now) {
                attempts += 1
                let resolution = end(&queue, id, failed(410), now, wall: wall + Int64(now * 1000))
                #expect(resolution.state == .pending, "held, not dropped")
            }
        }
        #expect((94...97).contains(attempts))
        #expect(queue.count == 10)
        queue.enabled(now: at(400_000))
        #expect(sent(&queue, 400_000).count == 4)
    }

    @Test func fireAtAGoneEndpointIsStillTriedEveryMinute() {
        var queue = queue()
        _ = queue.enqueued([delivery(1, fire: true)])
        for id in sent(&queue, 0) { _ = end(&queue, id, failed(410), 0) }
        #expect(sent(&queue, 59).isEmpty)
        #expect(sent(&queue, 60) == ["duty-room-1-0"])
    }

    @Test func askedToWaitItWaitsButNoFireForWhatAnotherWasTold() {
        var queue = queue()
        _ = queue.enqueued([delivery(1)])
        _ = sent(&queue, 0)
        #expect(end(&queue, "duty-room-1-0", failed(429, retryAfter: .seconds(1000)), 0).wait == .seconds(1000))
        _ = queue.enqueued([delivery(2), delivery(3, fire: true)])
        #expect(sent(&queue, 1) == ["duty-room-3-0"])
        #expect(end(&queue, "duty-room-3-0", failed(429, retryAfter: .seconds(1000)), 1).wait == .seconds(60))
        #expect(sent(&queue, 60) == [])
        #expect(sent(&queue, 61) == ["duty-room-3-0"])
        _ = end(&queue, "duty-room-3-0", failed(429, retryAfter: .seconds(1000)), 61)
        #expect(sent(&queue, 1060).allSatisfy { $0 == "duty-room-3-0" })
    }

    @Test func oneFiresRetryAfterHoldsNoOtherBack() {
        var queue = queue()
        _ = queue.enqueued([delivery(1, fire: true), delivery(2, fire: true)])
        #expect(sent(&queue, 0).count == 2)
        _ = end(&queue, "duty-room-2-0", failed(500), 0)
        #expect(end(&queue, "duty-room-1-0", failed(429, retryAfter: .seconds(60)), 0).wait == .seconds(60))
        _ = queue.enqueued([delivery(3, fire: true)])
        #expect(sent(&queue, 0.1) == ["duty-room-3-0"], "a new fire is not asked to wait")
        #expect(sent(&queue, 2) == ["duty-room-2-0"], "nor is one that was told something else")
        #expect(sent(&queue, 59).isEmpty)
        #expect(sent(&queue, 60) == ["duty-room-1-0"])
    }

    @Test func deliveryIsDeadAfterTheScheduleAndTheNextChangeGoes() {
        var queue = queue()
        _ = queue.enqueued([delivery(1), delivery(1, step: 1, active: false)])
        var dead: Double?
        for now in stride(from: 0.0, to: 5 * 86_400, by: 1) where dead == nil {
            for id in sent(&queue, now) {
                let resolution = end(&queue, id, failed(), now, wall: wall + Int64(now * 1000))
                if resolution.state == .dead {
                    #expect(resolution.troubles == [.deadLettered])
                    dead = now
                }
            }
        }
        let hours = (dead ?? 0) / 3600
        #expect((72...73).contains(hours))
        #expect(queue.count == 1)
        #expect(sent(&queue, (dead ?? 0) + 1) == ["duty-room-1-1"])
    }

    @Test func activeFireIsNeverDeadButOneThatIsOverIs() {
        var queue = queue()
        _ = queue.enqueued([delivery(1, fire: true)])
        var died = false
        var now = 0.0
        while now < 4 * 86_400 {
            for id in sent(&queue, now) {
                if end(&queue, id, failed(), now, wall: wall + Int64(now * 1000)).state == .dead { died = true }
            }
            now += 10
        }
        #expect(!died)
        _ = queue.enqueued([delivery(1, step: 1, fire: true, active: false)])
        for _ in 0..<10 {
            now += 60
            for id in sent(&queue, now) {
                if end(&queue, id, failed(), now, wall: wall + Int64(now * 1000)).state == .dead { died = true }
            }
        }
        #expect(died)
    }

    @Test func failingIsToldOnceAfterThreeInARow() {
        var queue = queue()
        _ = queue.enqueued([delivery(1)])
        var told: [EndpointTrouble.Kind] = []
        for now in 0..<100 {
            for id in sent(&queue, Double(now)) { told += end(&queue, id, failed(), Double(now)).troubles }
            if now == 1 { #expect(told.isEmpty) }
        }
        #expect(told == [.failing])
    }

    @Test func whatFailsTogetherIsOneFailure() {
        var queue = queue()
        _ = queue.enqueued((0..<4).map { delivery($0) })
        for id in sent(&queue, 0) { _ = end(&queue, id, failed(), 0.1) }
        #expect(!queue.isDown)
    }

    // MARK: - Outbox

    @Test func memoryIsBoundedAndTheRestIsFetchedInOrder() {
        var queue = queue(capacity: 50)
        let all = (0..<1000).map { delivery($0 % 300, step: $0 / 300) }.enumerated().map { index, delivery in
            var delivery = delivery
            delivery.sequence = Int64(index + 1)
            return delivery
        }
        var committed = 0
        var highest = 0
        var arrived: [String: [Int]] = [:]
        var total = 0
        var now = 0.0
        while total < 1000, now < 1000 {
            now += 1
            // Half of them come at once, the others while the first are being sent.
            let batch = all[committed..<min(all.count, committed + (committed == 0 ? 500 : 7))]
            #expect(queue.enqueued(Array(batch)).lost == 0)
            committed += batch.count
            working: while true {
                switch queue.next(at(now)) {
                case .send(let deliveries):
                    guard let delivery = deliveries.first else { continue }
                    highest = max(highest, queue.count)
                    arrived[delivery.alarm, default: []].append(delivery.revision)
                    total += 1
                    _ = end(&queue, delivery.id, .delivered, now)
                case .fetch(let fire, let after, let limit):
                    let page = fire ? [] : all[..<committed].filter { $0.sequence > after }.prefix(limit)
                    queue.fetched(Array(page), fire: fire, limit: limit, now: at(now), wall: wall)
                case .fetchReplays(_, let limit):
                    queue.fetchedReplays([], limit: limit, now: at(now), wall: wall)
                case .wait, .finished: break working
                }
            }
        }
        #expect(total == 1000)
        #expect(highest <= 50)
        #expect(arrived.values.allSatisfy { $0 == $0.sorted() })
        #expect(!queue.hasMore)
    }

    @Test func newFireDoesNotWaitForTheOutbox() {
        var queue = EndpointQueue()
        var order = queue.next(start)
        #expect(order == .fetch(fire: true, after: 0, limit: 500))
        _ = queue.enqueued([delivery(1, fire: true)])
        #expect(sent(&queue, 0) == ["duty-room-1-0"])
        _ = end(&queue, "duty-room-1-0", .delivered, 0)
        queue.fetched([delivery(1, fire: true)], fire: true, limit: 500, now: start, wall: wall)
        order = queue.next(start)
        #expect(order == .fetch(fire: true, after: 101, limit: 500), "what came meanwhile may not be in the page")
        queue.fetched([], fire: true, limit: 500, now: start, wall: wall)
        #expect(queue.count == 0, "it is not sent twice")
    }

    @Test func unstoredDeliveriesAreSentFromMemoryOnceAndNoMoreThanFit() {
        var queue = queue(capacity: 10)
        var fires = (0..<12).map { makeDelivery($0, fire: true) }
        #expect(queue.enqueued(fires) == (new: 10, lost: 2))
        for _ in 0..<3 { for id in sent(&queue, 0) { _ = end(&queue, id, .delivered, 0) } }
        #expect(queue.count == 0)
        // The store works again, and they are written down.
        for index in fires.indices { fires[index].sequence = Int64(index + 1) }
        _ = queue.enqueued(Array(fires[..<10]))
        #expect(sent(&queue, 1) == [])
    }

    private func unstored(_ number: Int, step: Int, fire: Bool = true, active: Bool = true) -> Delivery {
        makeDelivery(number, step: step, fire: fire, active: active, receivedAt: wall)
    }

    /// The store was never there: what follows directly what has been sent has nothing before it anywhere.
    @Test func unstoredChangeFollowsItsSentRaise() {
        var queue = queue(capacity: 10)
        _ = queue.enqueued([unstored(1, step: 0)])
        for id in sent(&queue, 0) { _ = end(&queue, id, .delivered, 0) }
        _ = queue.enqueued([unstored(1, step: 1, active: false)])
        #expect(sent(&queue, 1).count == 1)
    }

    @Test func unstoredChangeDoesNotOvertakeWhatTheOutboxHas() {
        // The outbox holds what is from before the start, among it the raise of alarm 99.
        // It cannot be read at first.
        var queue = EndpointQueue()
        let stored = (0..<30).map { delivery($0, fire: true) } + [delivery(99, fire: true)]
        // Now the store fails, and the alarm ends; another is raised, changes and ends.
        let unstored = [
            unstored(99, step: 1, active: false), unstored(200, step: 0), unstored(200, step: 1),
            unstored(200, step: 2, active: false), unstored(0, step: 2, active: false),
        ]
        #expect(queue.enqueued(unstored) == (new: 5, lost: 0))
        var arrived: [String] = []
        for step in 0..<1000 {
            let now = Double(step) / 100
            switch queue.next(at(now)) {
            case .send(let deliveries):
                guard let delivery = deliveries.first else { continue }
                arrived.append(delivery.id)
                _ = end(&queue, delivery.id, .delivered, now)
            case .fetch(let fire, let after, let limit):
                // It can be read for the first time after a while.
                guard step > 100 else {
                    queue.fetchFailed(fire: fire, now: at(now))
                    continue
                }
                let page = fire ? stored.filter { $0.sequence > after }.prefix(limit) : []
                queue.fetched(Array(page), fire: fire, limit: limit, now: at(now), wall: wall)
            case .fetchReplays(_, let limit):
                queue.fetchedReplays([], limit: limit, now: at(now), wall: wall)
            case .wait, .finished: break
            }
            if step == 100 {
                let early = arrived.filter { $0.hasPrefix("duty-room-200-") }
                #expect(early == ["duty-room-200-0", "duty-room-200-1", "duty-room-200-2"], "all of it is in memory")
                #expect(!arrived.contains("duty-room-99-1"), "its raise may still lie in the outbox")
            }
        }
        #expect(arrived.count == stored.count + unstored.count)
        #expect(Set(arrived).count == arrived.count)
        for (raise, end) in [("duty-room-99-0", "duty-room-99-1"), ("duty-room-0-0", "duty-room-0-2")] {
            #expect((arrived.firstIndex(of: raise) ?? .max) < (arrived.firstIndex(of: end) ?? -1))
        }
        #expect(queue.count == 0)
    }

    @Test func heldChangeThatIsWrittenDownComesOnceAndInOrder() {
        var queue = EndpointQueue()
        var stored = (0..<30).map { delivery($0, fire: true) }
        var change = unstored(25, step: 1, active: false)
        #expect(queue.enqueued([change]).new == 1)
        // The store works again.
        change.sequence = 10_000
        stored.append(change)
        #expect(queue.enqueued([change]) == (new: 0, lost: 0), "it waits already")
        var arrived: [String] = []
        working: while true {
            switch queue.next(at(1)) {
            case .send(let deliveries):
                guard let delivery = deliveries.first else { continue }
                arrived.append(delivery.id)
                _ = end(&queue, delivery.id, .delivered, 1)
            case .fetch(let fire, let after, let limit):
                let page = fire ? stored.filter { $0.sequence > after }.prefix(limit) : []
                queue.fetched(Array(page), fire: fire, limit: limit, now: at(1), wall: wall)
            case .fetchReplays(_, let limit):
                queue.fetchedReplays([], limit: limit, now: at(1), wall: wall)
            case .wait, .finished: break working
            }
        }
        #expect(arrived.count == 31)
        #expect(arrived.last == "duty-room-25-1")
    }

    @Test func outboxThatCannotBeReadIsAskedAgain() {
        var queue = EndpointQueue()
        #expect(queue.next(start) == .fetch(fire: true, after: 0, limit: 500))
        queue.fetchFailed(fire: true, now: start)
        #expect(queue.next(start) == .fetch(fire: false, after: 0, limit: 500))
        queue.fetched([], fire: false, limit: 500, now: start, wall: wall)
        #expect(queue.next(start) == .fetchReplays(after: 0, limit: 500))
        queue.fetchedReplays([], limit: 500, now: start, wall: wall)
        #expect(queue.next(start) == .wait(until: at(1)))
        #expect(queue.next(at(1)) == .fetch(fire: true, after: 0, limit: 500))
    }

    @Test func refusedDeliveriesLeaveRoomForOthers() {
        var queue = queue(capacity: 20)
        let refused = (0..<20).map { delivery($0) }
        _ = queue.enqueued(refused)
        for now in stride(from: 0.0, to: 10, by: 0.5) {
            for id in sent(&queue, now) { _ = end(&queue, id, failed(400), now) }
            _ = queue.heartbeatEnded(.delivered, startedAt: at(now), now: at(now))
        }
        _ = queue.enqueued([delivery(100)])
        #expect(sent(&queue, 10.1).contains("duty-room-100-0"))
    }

    @Test func drainingSendsOnlyFiresThatWereNeverTried() {
        var queue = queue()
        _ = queue.enqueued([delivery(1), delivery(2, fire: true), delivery(3, fire: true)])
        for id in sent(&queue, 0) where id != "duty-room-3-0" { _ = end(&queue, id, failed(), 0) }
        queue.stopped()
        _ = queue.enqueued([delivery(4), delivery(5, fire: true)])
        #expect(sent(&queue, 5) == ["duty-room-5-0"])
        #expect(queue.next(at(5)) != .finished)
        _ = end(&queue, "duty-room-3-0", .delivered, 5)
        _ = end(&queue, "duty-room-5-0", .delivered, 5)
        #expect(queue.next(at(5)) == .finished)
    }

    // MARK: - Several in one request

    private func batching(_ batch: Int) -> EndpointQueue {
        var queue = queue()
        queue.adopt(batch: batch, allowance: nil)
        return queue
    }

    private func requests(_ queue: inout EndpointQueue, _ seconds: Double) -> [[String]] {
        var all: [[String]] = []
        while case .send(let deliveries) = queue.next(at(seconds)) { all.append(deliveries.map(\.id)) }
        return all
    }

    @Test func requestHoldsChangesOfDifferentAlarmsOfOneLane() {
        var queue = batching(3)
        _ = queue.enqueued(
            [delivery(1), delivery(1, step: 1), delivery(2), delivery(9, fire: true), delivery(3), delivery(4)])
        #expect(
            requests(&queue, 0) == [
                ["duty-room-9-0"], ["duty-room-1-0", "duty-room-2-0", "duty-room-3-0"], ["duty-room-4-0"],
            ])
        let resolutions = queue.attemptEnded("duty-room-1-0", .delivered, now: at(1), wall: wall, random: 0.5)
        #expect(resolutions.map(\.state) == [.delivered, .delivered, .delivered])
        #expect(requests(&queue, 1) == [["duty-room-1-1"]])
    }

    @Test func refusedRequestIsTakenApart() {
        var queue = batching(3)
        _ = queue.enqueued([delivery(1), delivery(2), delivery(3)])
        #expect(requests(&queue, 0).count == 1)
        let resolutions = queue.attemptEnded("duty-room-1-0", failed(400), now: at(0), wall: wall, random: 0.5)
        #expect(resolutions.map(\.state) == [.pending, .pending, .pending])
        #expect(
            requests(&queue, 70) == [["duty-room-1-0"], ["duty-room-2-0"], ["duty-room-3-0"]],
            "one of them may be what the receiver does not want")
    }

    @Test func requestThatFoundNobodyIsNotTakenApart() {
        var queue = batching(3)
        _ = queue.enqueued([delivery(1), delivery(2), delivery(3)])
        #expect(requests(&queue, 0).count == 1)
        let resolutions = queue.attemptEnded("duty-room-1-0", failed(503), now: at(0), wall: wall, random: 0.5)
        #expect(resolutions.count == 3)
        #expect(requests(&queue, 2).map(\.count) == [3])
    }

    // MARK: - What is refused for what it is

    @Test func refusedRequestGoesToTheSlowTailAndFireDoesNot() {
        var queue = queue()
        _ = queue.enqueued([delivery(1), delivery(9, fire: true)])
        #expect(sent(&queue, 0).count == 2)
        #expect(end(&queue, "duty-room-1-0", failed(404), 0).wait == .seconds(60))
        #expect(end(&queue, "duty-room-9-0", failed(404), 0).wait == .seconds(1))
        #expect(sent(&queue, 59) == ["duty-room-9-0"])
        #expect(end(&queue, "duty-room-9-0", .delivered, 59).state == .delivered)
        #expect(sent(&queue, 59) == ["duty-room-1-0"], "it works again for the other, so it may for this one")
    }

    @Test(arguments: [408, 425, 429, 500, 503]) func answerToTheMomentIsTriedAgainSoon(_ status: Int) {
        var queue = queue()
        _ = queue.enqueued([delivery(1)])
        #expect(sent(&queue, 0).count == 1)
        #expect(end(&queue, "duty-room-1-0", failed(status), 0).wait == .seconds(1))
    }

    // MARK: - Gone

    @Test func newFireIsTriedAtOnceWhereTheAddressIsGone() {
        var queue = queue()
        _ = queue.enqueued([delivery(1)])
        #expect(sent(&queue, 0).count == 1)
        _ = end(&queue, "duty-room-1-0", failed(410), 0)
        _ = queue.enqueued([delivery(8, fire: true)])
        #expect(sent(&queue, 1) == ["duty-room-8-0"])
        _ = end(&queue, "duty-room-8-0", failed(410), 1)
        #expect(sent(&queue, 30) == [])
        #expect(sent(&queue, 61) == ["duty-room-8-0"])
    }

    @Test func heartbeatFindsOutWithinTheHourThatAnAddressIsBack() {
        var queue = queue()
        #expect(queue.mayBeat(at(0)))
        _ = queue.heartbeatEnded(failed(410), startedAt: at(0), now: at(0))
        #expect(!queue.mayBeat(at(3599)))
        #expect(queue.mayBeat(at(3600)))
        _ = queue.heartbeatEnded(.delivered, startedAt: at(3600), now: at(3600))
        #expect(queue.mayBeat(at(3601)))
    }

    // MARK: - So many a minute

    @Test func allowanceIsKeptAndAQuarterOfItIsForFires() {
        var queue = queue()
        queue.adopt(batch: 1, allowance: RateAllowance(perMinute: 4, boundsFire: true))
        _ = queue.enqueued((1...6).map { delivery($0) })
        var taken: [String] = []
        func run(_ seconds: Double) -> Int {
            let ids = sent(&queue, seconds)
            for id in ids { _ = end(&queue, id, .delivered, seconds) }
            taken += ids
            return ids.count
        }
        var count = 0
        for _ in 0..<10 { count += run(0) }
        #expect(count == 3)
        _ = queue.enqueued([delivery(21, fire: true), delivery(22, fire: true)])
        #expect(run(1) == 1, "the quarter that is kept")
        #expect(run(59) == 0)
        #expect(run(60) >= 1)
        #expect(taken.contains("duty-room-22-0"), "the fire before the rest")
        guard case .wait(let until?) = queue.next(at(60)) else {
            Issue.record("it must know when to go on")
            return
        }
        #expect(until > at(60) && until <= at(121))
    }

    @Test func whatAReceiverLikesDoesNotBoundFires() {
        var queue = queue()
        queue.adopt(batch: 1, allowance: RateAllowance(perMinute: 1, boundsFire: false))
        _ = queue.enqueued((1...3).map { delivery($0, fire: true) } + [delivery(4)])
        #expect(sent(&queue, 0).count == 3)
    }
}

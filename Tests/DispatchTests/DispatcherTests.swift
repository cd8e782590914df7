import Crypto
import FireModel
import FireTelemetry
import Foundation
import Logging
import Synchronization
import Testing

@testable import FireDispatch

/// The whole stage against a real HTTP receiver.
@Suite struct DispatcherTests {
    private struct Rig: Sendable {
        let outbox = MemoryOutbox()
        let page = MetricPage()
        let dispatcher: Dispatcher

        init(schedule: RetrySchedule = .quick, clockIsSynchronised: Bool = true) {
            var logger = Logger(label: "dispatch")
            logger.logLevel = .critical
            dispatcher = Dispatcher(
                gatewayID: "gw-1", outbox: outbox, logger: logger, metrics: page, version: "1.2.3",
                clockIsSynchronised: { clockIsSynchronised }, schedule: schedule)
        }

        /// What the worker thread does: commit, then hand over.
        func commit(_ deliveries: [Delivery]) { dispatcher.enqueue(outbox.append(deliveries)) }

        func run<R>(_ endpoints: Endpoint..., body: () async throws -> R) async throws -> R {
            await dispatcher.start(endpoints: endpoints)
            do {
                let result = try await body()
                await dispatcher.shutdown(within: .seconds(1))
                return result
            } catch {
                await dispatcher.shutdown(within: .zero)
                throw error
            }
        }
    }

    private func isSigned(_ push: Receiver.Push) -> Bool {
        let content = Data("\(push.id).\(push.headers["webhook-timestamp"] ?? "").\(push.body)".utf8)
        guard let signature = push.headers["webhook-signature"], signature.hasPrefix("v1,"),
            let code = Data(base64Encoded: String(signature.dropFirst(3)))
        else { return false }
        return HMAC<SHA256>.isValidAuthenticationCode(
            code, authenticating: content, using: SymmetricKey(data: secret.bytes))
    }

    @Test func deliveryArrivesSignedWithItsHeaders() async throws {
        try await Receiver.with { receiver in
            let rig = Rig()
            try await rig.run(makeEndpoint(receiver.url())) {
                rig.commit([makeDelivery(1)])
                try await eventually("recorded") { rig.outbox.count(.delivered) == 1 }
                let push = try #require(receiver.pushes.first)
                #expect(push.id == "duty-room-1-0")
                #expect(push.headers["content-type"] == "application/cloudevents+json; charset=utf-8")
                #expect(push.headers["user-agent"] == "FireSense/1.2.3")
                #expect(push.headers["firesense-clock"] == nil)
                let timestamp = try #require(Int64(push.headers["webhook-timestamp"] ?? ""))
                #expect(abs(timestamp - Timestamp.wallClock.milliseconds / 1000) <= 20)
                #expect(isSigned(push))
                let attempt = try #require(rig.outbox.attempts.first)
                #expect(attempt.status == 204)
                #expect(attempt.error == nil)
                #expect(attempt.state == .delivered)
                #expect(rig.dispatcher.figures == DeliveryFigures(pending: 0, delivered: 1, failed: 0))
                #expect(rig.page.render().contains("firesense_publish_to_push_seconds_count 1\n"))
                #expect(rig.page.render().contains("firesense_deliveries_pending{endpoint=\"duty-room\"} 0\n"))
            }
        }
    }

    @Test func unsynchronisedClockIsToldAndNothingIsSignedWithoutSecrets() async throws {
        try await Receiver.with { receiver in
            let rig = Rig(clockIsSynchronised: false)
            var endpoint = makeEndpoint(receiver.url())
            endpoint.secrets = []
            try await rig.run(endpoint) {
                rig.commit([makeDelivery(1)])
                try await eventually("arrived") { receiver.count == 1 }
                #expect(receiver.pushes[0].headers["firesense-clock"] == "unsynchronised")
                #expect(receiver.pushes[0].headers["webhook-signature"] == nil)
            }
        }
    }

    @Test func refusedDeliveryIsRetriedUnderTheSameIDWithAValidSignature() async throws {
        try await Receiver.with(answer: { _, before in
            before.count < 4 ? Receiver.Reply(status: 500, body: String(repeating: "x", count: 5000)) : .ok
        }) { receiver in
            let rig = Rig()
            try await rig.run(makeEndpoint(receiver.url())) {
                rig.commit([makeDelivery(1)])
                try await eventually("delivered") { rig.outbox.count(.delivered) == 1 }
                #expect(receiver.count == 5)
                #expect(Set(receiver.pushes.map(\.id)) == ["duty-room-1-0"])
                #expect(Set(receiver.pushes.map(\.body)).count == 1)
                #expect(receiver.pushes.allSatisfy(isSigned))
                let attempts = rig.outbox.attempts
                #expect(attempts.map(\.status) == [500, 500, 500, 500, 204])
                #expect(attempts[0].answer?.utf8.count == 2048)
                #expect(attempts[0].nextDueAt != nil)
                #expect(attempts[0].error == "500 Internal Server Error")
                #expect(rig.outbox.troubles.map(\.kind) == [.failing, .recovered])
                #expect(
                    rig.page.render().contains(
                        "firesense_deliveries_failed_total{endpoint=\"duty-room\",reason=\"server_error\"} 4\n"))
            }
        }
    }

    @Test func hangingReceiverTimesOutAndIsRetried() async throws {
        try await Receiver.with(answer: { _, before in before.isEmpty ? .hang : .ok }) { receiver in
            let rig = Rig()
            var endpoint = makeEndpoint(receiver.url("/secret-path?token=s3cret"))
            endpoint.timeout = .milliseconds(200)
            try await rig.run(endpoint) {
                rig.commit([makeDelivery(1)])
                try await eventually("delivered") { rig.outbox.count(.delivered) == 1 }
                let attempt = rig.outbox.attempts[0]
                #expect(attempt.error == "no answer within 0.2 s")
                #expect(attempt.milliseconds >= 190)
                #expect(receiver.count == 2)
            }
        }
    }

    @Test func refusedConnectionIsReadableAndNamesNoPath() async throws {
        let port = try await Receiver.with { $0.port }
        let rig = Rig()
        try await rig.run(makeEndpoint("http://user:pass@127.0.0.1:\(port)/secret-path?token=s3cret")) {
            rig.commit([makeDelivery(1)])
            try await eventually("told") { rig.outbox.troubles.contains { $0.kind == .failing } }
            #expect(rig.outbox.attempts[0].error == "connection refused")
            #expect(rig.outbox.troubles.map(\.detail) == ["127.0.0.1: connection refused"])
            #expect(rig.outbox.count(.pending) == 1)
            #expect(rig.dispatcher.figures.pending == 1)
        }
    }

    @Test func unknownHostIsReadable() async throws {
        let rig = Rig()
        try await rig.run(makeEndpoint("http://no-such-host.invalid/hook")) {
            rig.commit([makeDelivery(1)])
            try await eventually("tried") { !rig.outbox.attempts.isEmpty }
            #expect(rig.outbox.attempts[0].error == "the host name cannot be resolved")
        }
    }

    @Test func nameThatIsNotAnsweredKeepsNoOtherBack() async throws {
        try await Receiver.with { receiver in
            let release = DispatchSemaphore(value: 0)
            defer { release.signal() }
            let lookup = HostLookup { host in
                if host == "cloud.invalid" { release.wait() }
                return HostLookup.system(host)
            }
            let client = WebhookClient(version: "1", lookup: lookup, clockIsSynchronised: { true })
            func post(_ url: String) async -> Answer {
                var endpoint = makeEndpoint(url)
                endpoint.timeout = .milliseconds(200)
                return await client.send(
                    Message(id: "1", contentType: "text/plain", body: [1]), to: endpoint,
                    now: .wallClock)
            }
            for _ in 0..<5 { #expect(await post("http://cloud.invalid/").failure?.reason == .timeout) }
            #expect(await post("http://localhost:\(receiver.port)/").status == 204)
            await client.shutdown()
        }
    }

    @Test func namesThatNobodyAnswersForStopNoOtherWork() async throws {
        let release = DispatchSemaphore(value: 0)
        let names = 64
        let lookup = HostLookup { _ in
            release.wait()
            return []
        }
        let lookups = (0..<names).map { name in Task { await lookup.addresses(of: "dead-\(name).invalid") } }
        // The threads that tasks run on are as many as there are cores; what blocked them would block this.
        let began = ContinuousClock.now
        for _ in 0..<200 { await Task { await Task.yield() }.value }
        try await Task.sleep(for: .milliseconds(50))
        #expect(began.duration(to: .now) < .milliseconds(900))
        for _ in 0..<names { release.signal() }
        for lookup in lookups { #expect(await lookup.value == []) }
    }

    @Test func redirectIsAFailureAndIsNotFollowed() async throws {
        try await Receiver.with(answer: { push, _ in
            push.path == "/hook" ? Receiver.Reply(status: 307, location: "/elsewhere") : .ok
        }) { receiver in
            let rig = Rig()
            try await rig.run(makeEndpoint(receiver.url())) {
                rig.commit([makeDelivery(1)])
                try await eventually("tried twice") { rig.outbox.attempts.count >= 2 }
                #expect(receiver.pushes.allSatisfy { $0.path == "/hook" })
                #expect(rig.outbox.attempts[0].status == 307)
                #expect(rig.outbox.attempts[0].state == .pending)
                #expect(rig.outbox.count(.delivered) == 0)
            }
        }
    }

    @Test func goneEndpointHoldsUntilItIsEnabledOrReloaded() async throws {
        let isGone = Mutex(true)
        try await Receiver.with(answer: { _, _ in isGone.withLock { $0 } ? Receiver.Reply(status: 410) : .ok }) {
            receiver in
            // Were it not held, the schedule would try again at once.
            var schedule = RetrySchedule.quick
            schedule.offsets = [.zero, .milliseconds(1), .milliseconds(2)]
            schedule.steady = .milliseconds(1)
            let rig = Rig(schedule: schedule)
            let endpoint = makeEndpoint(receiver.url())
            try await rig.run(endpoint) {
                rig.commit([makeDelivery(1)])
                try await eventually("gone") { rig.outbox.troubles.map(\.kind) == [.gone] }
                rig.commit((2..<10).map { makeDelivery($0) })
                await rig.dispatcher.reload(endpoints: [endpoint])
                try await eventually("tried at the reload") { receiver.count >= 2 }
                try await eventually("held again") { rig.outbox.troubles.map(\.kind) == [.gone, .gone] }
                try await eventually("all answers are in") { rig.outbox.attempts.count == receiver.count }
                let before = receiver.count
                #expect(before <= 5, "the first, and those let go by the reload")
                isGone.withLock { $0 = false }
                #expect(rig.outbox.count(.pending) == 9)
                #expect(rig.dispatcher.enable("duty-room"))
                #expect(!rig.dispatcher.enable("another"))
                try await eventually("all arrive") { rig.outbox.count(.delivered) == 9 }
                #expect(receiver.count == before + 9)
                #expect(rig.outbox.troubles.map(\.kind) == [.gone, .gone, .recovered])
            }
        }
    }

    private func httpDate(in seconds: Double) -> String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "GMT")
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return format.string(from: Date(timeIntervalSinceNow: seconds))
    }

    @Test(arguments: [true, false])
    func retryAfterIsObeyed(asDate: Bool) async throws {
        try await Receiver.with(answer: { _, before in
            guard before.isEmpty else { return .ok }
            return Receiver.Reply(status: 429, retryAfter: asDate ? httpDate(in: 2) : "1")
        }) { receiver in
            var schedule = RetrySchedule.quick
            schedule.fireCeiling = .seconds(60)
            let rig = Rig(schedule: schedule)
            try await rig.run(makeEndpoint(receiver.url())) {
                rig.commit([makeDelivery(1, fire: true)])
                try await eventually("delivered") { rig.outbox.count(.delivered) == 1 }
                let pushes = receiver.pushes
                #expect(pushes.count == 2)
                let gap = pushes[0].at.duration(to: pushes[1].at)
                // The receiver's own `Date`, from which the other is reckoned, has whole seconds.
                #expect(gap >= .seconds(0.98))
                #expect(gap < .seconds(10))
            }
        }
    }

    @Test func changesOfOneAlarmArriveInOrder() async throws {
        try await Receiver.with(answer: { push, before in
            // Every third push is refused.
            before.count % 3 == 2 ? Receiver.Reply(status: 503) : .ok
        }) { receiver in
            let rig = Rig()
            try await rig.run(makeEndpoint(receiver.url())) {
                for step in 0..<10 { rig.commit((0..<10).map { makeDelivery($0, step: step) }) }
                try await eventually("all delivered") { rig.outbox.count(.delivered) == 100 }
                let accepted = rig.outbox.attempts.filter { $0.state == .delivered }.map(\.delivery)
                for alarm in 0..<10 {
                    let steps = accepted.filter { $0.hasPrefix("duty-room-\(alarm)-") }
                    #expect(steps == (0..<10).map { "duty-room-\(alarm)-\($0)" })
                }
            }
        }
    }

    @Test func slowOrDeadEndpointDelaysNoOther() async throws {
        let deadPort = try await Receiver.with { $0.port }
        try await Receiver.with(answer: { push, _ in push.path == "/slow" ? .hang : .ok }) { receiver in
            let rig = Rig(schedule: RetrySchedule())
            // Of the same host and port as the good one: they share its connections.
            let slow = makeEndpoint(receiver.url("/slow"), name: "slow")
            let dead = makeEndpoint("http://127.0.0.1:\(deadPort)/", name: "dead")
            try await rig.run(slow, dead, makeEndpoint(receiver.url("/good"), name: "good")) {
                let started = ContinuousClock.now
                for number in 0..<100 {
                    rig.commit(["slow", "dead", "good"].map { makeDelivery(number, fire: number % 2 == 0, to: $0) })
                }
                try await eventually("the good one has all", within: .seconds(8)) {
                    receiver.pushes.count { $0.path == "/good" } == 100
                }
                #expect(started.duration(to: .now) < .seconds(8), "less than one time-out of the slow one")
                try await eventually("recorded") { rig.outbox.count(.delivered) == 100 }
                #expect(rig.dispatcher.figures.pending == 200)
                #expect(receiver.pushes.count { $0.path == "/slow" } <= 8, "bounded")
            }
        }
    }

    @Test func fireOvertakesABacklogOfAThousand() async throws {
        try await Receiver.with { receiver in
            let rig = Rig()
            _ = rig.outbox.append((0..<1000).map { makeDelivery($0) })
            _ = rig.outbox.append((2000..<2010).map { makeDelivery($0, fire: true) })
            try await rig.run(makeEndpoint(receiver.url())) {
                try await eventually("some have arrived") { receiver.count >= 20 }
                rig.commit((3000..<3010).map { makeDelivery($0, fire: true) })
                let before = receiver.count
                try await eventually("all delivered") { rig.outbox.count(.delivered) == 1020 }
                let ids = receiver.pushes.map(\.id)
                let old = (0..<10).compactMap { ids.firstIndex(of: "duty-room-\(2000 + $0)-0") }
                let new = (0..<10).compactMap { ids.firstIndex(of: "duty-room-\(3000 + $0)-0") }
                #expect(old.count == 10)
                #expect((old.max() ?? 1000) < 20, "fires of the outbox first")
                #expect(new.count == 10)
                #expect((new.max() ?? 1000) < before + 30, "a new fire before what waits")
                #expect(Set(ids).count == ids.count, "each once")
                #expect(rig.outbox.largestPage <= 500)
            }
        }
    }

    @Test func restartTakesUpWhatTheOutboxHolds() async throws {
        try await Receiver.with { receiver in
            let rig = Rig()
            var old = makeDelivery(1)
            old.attempts = 20
            old.dueAt = .wallClock + 3_600_000
            _ = rig.outbox.append([old, makeDelivery(2, to: "removed")])
            try await rig.run(makeEndpoint(receiver.url())) {
                try await eventually("delivered") { rig.outbox.count(.delivered) == 1 }
                #expect(rig.outbox.count(.cancelled) == 1)
                #expect(receiver.pushes[0].body.contains(#""data":{"id":"alarm-1""#))
            }
        }
    }

    @Test func outboxThatCannotBeReadKeepsNoFireBack() async throws {
        try await Receiver.with { receiver in
            let rig = Rig()
            rig.outbox.breaks(true)
            try await rig.run(makeEndpoint(receiver.url())) {
                rig.commit([makeDelivery(1, fire: true), makeDelivery(2)])
                try await eventually("the fire arrives") { receiver.pushes.map(\.id) == ["duty-room-1-0"] }
                rig.outbox.breaks(false)
                try await eventually("the rest arrives") { rig.outbox.count(.delivered) == 2 }
                #expect(receiver.count == 2)
            }
        }
    }

    @Test func newAddressInheritsTheQueueAndARemovedNameIsCancelled() async throws {
        let deadPort = try await Receiver.with { $0.port }
        try await Receiver.with { receiver in
            let rig = Rig(schedule: RetrySchedule())
            let dead = "http://127.0.0.1:\(deadPort)/"
            try await rig.run(makeEndpoint(dead), makeEndpoint(dead, name: "leaving")) {
                rig.commit((0..<5).flatMap { [makeDelivery($0), makeDelivery($0, to: "leaving")] })
                try await eventually("tried") { rig.outbox.attempts.count >= 6 }
                await rig.dispatcher.reload(endpoints: [
                    makeEndpoint(receiver.url()), makeEndpoint(receiver.url("/new"), name: "new"),
                ])
                try await eventually("inherited") { rig.outbox.count(.delivered) == 5 }
                #expect(rig.outbox.count(.cancelled) == 5)
                #expect(receiver.pushes.allSatisfy { $0.path == "/hook" })
                rig.commit([makeDelivery(9, to: "new"), makeDelivery(9, to: "leaving")])
                try await eventually("later changes") { receiver.pushes.contains { $0.path == "/new" } }
                #expect(!rig.page.render().contains("deliveries_pending{endpoint=\"leaving\"}"))
            }
        }
    }

    @Test func troubleOfARemovedNameEnds() async throws {
        let deadPort = try await Receiver.with { $0.port }
        let rig = Rig()
        let dead = "http://127.0.0.1:\(deadPort)/"
        try await rig.run(makeEndpoint(dead), makeEndpoint(dead, name: "leaving")) {
            rig.commit([makeDelivery(1), makeDelivery(1, to: "leaving")])
            try await eventually("both are failing") { rig.outbox.troubles.count { $0.kind == .failing } == 2 }
            await rig.dispatcher.reload(endpoints: [makeEndpoint(dead)])
            try await eventually("told") { rig.outbox.troubles.contains { $0.kind == .recovered } }
            #expect(rig.outbox.troubles.filter { $0.kind == .recovered }.map(\.endpoint) == ["leaving"])
            #expect(rig.outbox.troubles.last?.kind == .recovered, "and nothing of it afterwards")
        }
    }

    @Test func pendingCountsEachDeliveryOnceWheneverTheOutboxAnswers() async throws {
        try await Receiver.with(answer: { _, _ in .hang }) { receiver in
            let rig = Rig(schedule: RetrySchedule())
            // More than memory takes, so that the count of the outbox matters; it cannot be read at first.
            _ = rig.outbox.append((0..<1500).map { makeDelivery($0) })
            rig.outbox.breaks(true)
            try await rig.run(makeEndpoint(receiver.url())) {
                rig.commit((2000..<2300).map { makeDelivery($0) })
                let again = rig.outbox.append([makeDelivery(3000, fire: true)])
                for _ in 0..<3 { rig.dispatcher.enqueue(again) }
                #expect(rig.dispatcher.figures.pending == 301)
                rig.outbox.breaks(false)
                try await eventually("counted") { rig.dispatcher.figures.pending == 1801 }
                rig.commit([makeDelivery(4000)])
                #expect(rig.dispatcher.figures.pending == 1802)
            }
        }
    }

    @Test func heartbeatsComeAtTheirIntervalAndAreNotStored() async throws {
        try await Receiver.with { receiver in
            let rig = Rig()
            var endpoint = makeEndpoint(receiver.url())
            endpoint.heartbeat = .milliseconds(50)
            try await rig.run(endpoint) {
                try await eventually("three") { receiver.count >= 3 }
                let pushes = receiver.pushes
                #expect(Set(pushes.map(\.id)).count == pushes.count)
                #expect(pushes.allSatisfy(isSigned))
                #expect(pushes[0].body.contains(#""type":"firesense.heartbeat","subject":"gw-1""#))
                #expect(pushes[0].body.contains(#""data":{"gateway":"gw-1","#))
                #expect(rig.outbox.attempts.isEmpty)
            }
        }
    }

    @Test func alertmanagerEndpointGetsItsBody() async throws {
        try await Receiver.with { receiver in
            let rig = Rig()
            var endpoint = makeEndpoint(receiver.url())
            endpoint.format = .alertmanager
            endpoint.heartbeat = nil
            #expect(endpoint.heartbeatInterval == .zero)
            try await rig.run(endpoint) {
                rig.commit([makeDelivery(1)])
                try await eventually("delivered") { rig.outbox.count(.delivered) == 1 }
                #expect(receiver.count == 1, "and no heartbeat, for which it was not asked")
                #expect(receiver.pushes[0].headers["content-type"] == "application/json")
                #expect(receiver.pushes[0].headers["webhook-id"] == "duty-room-1-0")
                #expect(receiver.pushes[0].body.contains(#""version":"4""#))
            }
        }
    }

    @Test func shutdownWaitsForWhatIsUnderWayAndCallsOffWhatTakesLonger() async throws {
        let gate = Latch()
        try await Receiver.with(answer: { push, _ in
            if push.path == "/slow" { await gate.wait() }
            return push.path == "/hang" ? .hang : .ok
        }) { receiver in
            let rig = Rig()
            await rig.dispatcher.start(endpoints: [
                makeEndpoint(receiver.url("/slow"), name: "slow"), makeEndpoint(receiver.url("/hang"), name: "hang"),
            ])
            rig.commit([makeDelivery(1, to: "slow"), makeDelivery(2, to: "hang")])
            try await eventually("under way") { receiver.count == 2 }
            let started = ContinuousClock.now
            async let stopped: Void = rig.dispatcher.shutdown(within: .seconds(0.5))
            gate.open()
            await stopped
            #expect(started.duration(to: .now) < .seconds(5))
            #expect(rig.outbox.count(.delivered) == 1)
            #expect(rig.outbox.count(.pending) == 1, "called off, and sent after the next start")
            #expect(rig.outbox.attempts.count == 1)
        }
    }

    @Test func statusInTimeCountsThoughTheBodyHangs() async throws {
        try await Trickler.with { port in
            let rig = Rig()
            var endpoint = makeEndpoint("http://127.0.0.1:\(port)/")
            endpoint.timeout = .milliseconds(300)
            try await rig.run(endpoint) {
                rig.commit([makeDelivery(1)])
                try await eventually("delivered") { rig.outbox.count(.delivered) == 1 }
                #expect(rig.outbox.attempts.count == 1)
                #expect(rig.outbox.attempts[0].answer == "part")
            }
        }
    }
}

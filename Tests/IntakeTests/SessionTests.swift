import FireIntake
import FireModel
import FireMQTT
import Foundation
import Testing

/// A session against a real mosquitto, the test in the place of the worker.
@Suite(.serialized) struct SessionTests {
    /// As shipped: the broker lets a whole burst out before an acknowledgement.
    static let wide = "max_inflight_messages 1000\nmax_queued_messages 100000"

    /// For a bulk session that must not hear the gateway's own status, which the urgent one publishes.
    static let withoutGateway = ["a"]

    private func events(_ count: Int) -> [(topic: String, text: String)] {
        (0..<count).map { ("fire/v1/a/hydrant/h-\($0 % 7)/event", "\($0)") }
    }

    private func telemetry(_ count: Int, kind: String = "smoke") -> [(topic: String, text: String)] {
        (0..<count).map { ("fire/v1/a/\(kind)/d-\($0 % 7)/telemetry", "\($0)") }
    }

    /// A message that the broker delivers after everything it has kept, so that its arrival proves a silence.
    private func expectNothingBefore(_ sentinel: String, _ bench: Bench, _ peer: Peer) async throws {
        try await bench.connected()
        try await peer.publish("fire/v1/a/smoke/s/event", sentinel)
        let messages = try await bench.takeAndCommit(1)
        #expect(messages.map(\.text) == [sentinel])
    }

    // MARK: Acknowledge after commit

    @Test(arguments: [MQTTVersion.v5, .v311])
    func nothingIsAcknowledgedBeforeItIsCommitted(version: MQTTVersion) async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        let first = try Bench(port: broker.port) { $0.version = version }
        try await first.connected()
        try await peer.publish(events(200))
        // The first events end a burst, and no more is read before that is committed.
        #expect(try await first.take(1).first?.text == "0")
        try await eventually("a commit is wanted") { first.handover.wantedSequence > 0 }
        try await first.kill()
        #expect(first.counters.messagesAcknowledged.value == 0)

        let second = try Bench(port: broker.port) { $0.version = version }
        let again = try await second.takeAndCommit(200)
        #expect(again.map(\.text) == events(200).map(\.text))
        #expect(again.count { $0.header.flags.contains(.duplicate) } == 200)
        #expect(again.count { $0.header.flags.contains(.backlog) } == 200)
        #expect(again.count { $0.header.packetID != 0 } == 200)
        #expect(again.map(\.header.sequence) == Array(1...200))
        try await second.acknowledged(200)
        second.stop()

        let third = try Bench(port: broker.port) { $0.version = version }
        try await expectNothingBefore("sentinel", third, peer)
        third.stop()
    }

    @Test func whatWasCommittedIsAcknowledgedAndWhatWasNotComesAgain() async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        let first = try Bench(port: broker.port)
        try await first.connected()
        try await peer.publish(events(10))
        _ = try await first.takeAndCommit(10)
        try await first.acknowledged(10)
        try await peer.publish("fire/v1/a/smoke/s/event", "uncommitted")
        _ = try await first.take(1)
        try await first.kill()

        let second = try Bench(port: broker.port)
        let again = try await second.takeAndCommit(1)
        #expect(again.map(\.text) == ["uncommitted"])
        try await second.acknowledged(1)
        try await expectNothingBefore("sentinel", second, peer)
        second.stop()
    }

    /// No PINGREQ can leave while a burst is open.
    @Test func aLongLingerEndsBeforeTheKeepAliveTime() async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        let bench = try Bench(port: broker.port) {
            $0.keepAlive = .seconds(5)
            $0.linger = .seconds(60)
        }
        try await bench.connected()
        try await peer.publish(telemetry(5))
        #expect(try await bench.takeAndCommit(5, within: 5).count == 5)
        bench.stop()
    }

    @Test func stoppingAcknowledgesWhatIsCommittedMeanwhile() async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        let first = try Bench(port: broker.port) { $0.linger = .seconds(10) }
        try await first.connected()
        try await peer.publish(telemetry(30))
        let taken = try await first.take(30)
        let handover = first.handover
        let worker = Task.detached {
            try await eventually("the intake wants a commit") { handover.wantedSequence == 30 }
            handover.commit(upTo: 30)
        }
        #expect(taken.count == 30)
        let session = first.session
        let isEnded = await Task.detached { session.stop(by: .now + .seconds(10)) }.value
        #expect(isEnded)
        try await worker.value
        #expect(first.counters.messagesAcknowledged.value == 30)

        let second = try Bench(port: broker.port)
        try await expectNothingBefore("sentinel", second, peer)
        second.stop()
    }

    @Test func stoppingGivesUpAtItsDeadlineWithoutAcknowledging() async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        let first = try Bench(port: broker.port)
        try await first.connected()
        try await peer.publish(events(3))
        _ = try await first.take(1)
        let start = ContinuousClock.now
        let session = first.session
        let isEnded = await Task.detached { session.stop(by: start + .milliseconds(300)) }.value
        #expect(isEnded)
        #expect(ContinuousClock.now - start < .seconds(3))
        let second = try Bench(port: broker.port)
        #expect(try await second.takeAndCommit(3).count == 3)
        second.stop()
    }

    /// The worker has thrown the batch away and committed a later one: `committed` is past messages that are in
    /// no store. Also when the mode was changed and changed back before this thread could look.
    @Test(arguments: [false, true])
    func whatWasGivenUpIsNotAcknowledgedWhateverIsCommittedLater(whileStopping: Bool) async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        let bench = try Bench(port: broker.port)
        try await bench.connected()
        try await peer.publish("fire/v1/a/smoke/s/event", "lost with its batch")
        _ = try await bench.take(1)
        try await eventually("a commit is wanted") { bench.handover.wantedSequence == 1 }
        let session = bench.session
        if whileStopping {
            let stopping = Task.detached { session.stop(by: .now + .seconds(20)) }
            try await eventually("stopping") { session.isStopping }
            bench.handover.giveUp()
            bench.handover.commit(upTo: 1)
            #expect(await stopping.value)
        } else {
            bench.handover.giveUp()
            session.setMode(.rescue)
            session.setMode(.persistent)
            bench.handover.commit(upTo: 1)
            let again = try await bench.takeAndCommit(1)
            #expect(again.map(\.text) == ["lost with its batch"])
            try await bench.acknowledged(1)
            bench.stop()
        }
        #expect(bench.counters.messagesAcknowledged.value == (whileStopping ? 0 : 1))
        guard whileStopping else { return }
        let second = try Bench(port: broker.port)
        #expect(try await second.takeAndCommit(1).map(\.text) == ["lost with its batch"])
        second.stop()
    }

    /// Nobody will commit it any more: the time given for stopping need not pass.
    @Test func aChangedModeEndsTheWaitForACommitAlsoWhileStopping() async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        let bench = try Bench(port: broker.port)
        try await bench.connected()
        try await peer.publish(events(1))
        try await eventually("a commit is wanted") { bench.handover.wantedSequence == 1 }
        let session = bench.session
        let start = ContinuousClock.now
        let stopping = Task.detached { session.stop(by: start + .seconds(30)) }
        try await eventually("stopping") { session.isStopping }
        session.setMode(.rescue)
        #expect(await stopping.value)
        #expect(ContinuousClock.now - start < .seconds(15))
        #expect(bench.counters.messagesAcknowledged.value == 0)
    }

    // MARK: Linger

    @Test func routineTelemetryLingersAndIsWantedAtTheEndOfIt() async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        let bench = try Bench(port: broker.port) { $0.linger = .milliseconds(400) }
        try await bench.connected()
        let start = ContinuousClock.now
        try await peer.publish(telemetry(3))
        try await eventually("a commit is wanted") { bench.handover.wantedSequence == 3 }
        #expect(ContinuousClock.now - start >= .milliseconds(390))
        try await bench.kill()
    }

    @Test(arguments: ["fire/v1/a/hydrant/h/event", "fire/v1/a/panel/p/raw"])
    func eventsAndRawEndTheLingerAndTakeAlongWhatWaits(topic: String) async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        let bench = try Bench(port: broker.port) { $0.linger = .seconds(10) }
        try await bench.connected()
        try await peer.publish(telemetry(3))
        _ = try await bench.take(3)
        #expect(bench.handover.wantedSequence == 0)
        let start = ContinuousClock.now
        try await peer.publish(topic, "fire")
        try await eventually("a commit is wanted") { bench.handover.wantedSequence == 4 }
        #expect(ContinuousClock.now - start < .seconds(5))
        try await bench.kill()
    }

    @Test func anEarlyCommitOfTheWorkerEndsTheLinger() async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        let bench = try Bench(port: broker.port) { $0.linger = .seconds(10) }
        try await bench.connected()
        try await peer.publish(telemetry(3))
        _ = try await bench.take(3)
        bench.handover.commit(upTo: 3, inHurry: true)
        try await bench.acknowledged(3)
        bench.stop()
    }

    /// Brokers cap what they send before an acknowledgement, whatever receive maximum they are offered.
    @Test(arguments: [3, 20, 33], [MQTTVersion.v5, .v311])
    func aSmallWindowOfTheBrokerDoesNotStarveALongLinger(window: Int, version: MQTTVersion) async throws {
        let broker = try await Broker("max_inflight_messages \(window)\nmax_queued_messages 100000")
        let peer = try await Peer(port: broker.port)
        let bench = try Bench(port: broker.port) {
            $0.linger = .milliseconds(1000)
            $0.version = version
        }
        try await bench.connected()
        try await peer.publish(telemetry(600))
        // At one linger a window this would take from 18 to 200 s.
        #expect(try await bench.takeAndCommit(600, within: 15).count == 600)
        bench.stop()
    }

    // MARK: Modes

    @Test func theSessionSurvivesARestartOfTheBroker() async throws {
        let broker = try await Broker(
            Self.wide + "\npersistence true\npersistence_location FOLDER/\nautosave_interval 1800")
        let peer = try await Peer(port: broker.port)
        let bench = try Bench(port: broker.port)
        try await bench.connected()
        try await peer.publish(events(20))
        let first = try await bench.take(1)
        broker.stop()
        bench.handover.commit(upTo: 20)
        try await eventually("connection lost") { !bench.session.status.isConnected }
        try await broker.start()
        let again = try await bench.takeAndCommit(20)
        #expect(again.map(\.text) == events(20).map(\.text))
        #expect(again.first.map { $0.header.sequence > first.count } == true)
        try await bench.connected()
        #expect(bench.session.status.sessionPresent)
        #expect(bench.counters.reconnects.value == 1)
        try await bench.acknowledged(20)
        try await eventually("backlog drained") { !bench.session.status.isDraining }
        bench.stop()
    }

    @Test func parkedBeforeTheFirstConnectionTheBrokerQueuesAllTheSame() async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        let bench = try Bench(port: broker.port, mode: .parked)
        try await eventually("registered") { bench.log.contains(.info, "connected to the broker") }
        // Published until the broker queues it: the subscription may be a moment younger than the connection.
        try await eventually("subscribed") { broker.hasSubscribed("test-urgent") }
        try await peer.publish(events(5))
        #expect(bench.counters.messagesReceived.value == 0)
        #expect(!bench.session.status.isConnected)
        bench.session.setMode(.persistent)
        #expect(try await bench.takeAndCommit(5).map(\.text) == events(5).map(\.text))
        bench.stop()
    }

    @Test func rescueHearsWhatHappensWhileThePersistentSessionKeepsIt() async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        let bench = try Bench(port: broker.port)
        try await bench.connected()
        try await peer.publish(events(2))
        _ = try await bench.take(1)
        bench.session.setMode(.rescue)
        try await eventually("rescue session subscribed") { broker.hasSubscribed("test-rescue") }
        try await peer.publish("fire/v1/a/smoke/s/event", "live")
        let live = try await bench.take(1)
        #expect(live.map(\.text) == ["live"])
        #expect(live.map(\.header.packetID) == [0])
        let sequence = try #require(live.first?.header.sequence)
        #expect((2...3).contains(sequence), "sequences continue")
        // Nothing waits for a commit there.
        try await peer.publish("fire/v1/a/smoke/s/event", "live 2")
        #expect(try await bench.take(1).map(\.text) == ["live 2"])

        bench.session.setMode(.persistent)
        let kept = try await bench.takeAndCommit(4)
        #expect(kept.map(\.text) == ["0", "1", "live", "live 2"])
        #expect(kept.map(\.header.sequence) == (2...5).map { sequence + UInt64($0) })
        try await bench.acknowledged(4)
        bench.stop()
    }

    /// A store that is broken at the first start: the broker does not know the session yet in which everything is
    /// to wait, and the clean one keeps nothing.
    @Test func rescueBeforeTheFirstConnectionHasThePersistentSessionKeepEverything() async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        let bench = try Bench(port: broker.port, mode: .rescue)
        try await bench.connected()
        try await peer.publish("fire/v1/a/smoke/s/event", "live")
        #expect(try await bench.take(1).map(\.text) == ["live"])
        // A broker that keeps nothing over a restart has forgotten the session.
        broker.stop()
        try await eventually("connection lost") { !bench.session.status.isConnected }
        try await broker.start()
        try await bench.connected()
        let other = try await Peer(port: broker.port)
        try await other.publish("fire/v1/a/smoke/s/event", "live again")
        #expect(try await bench.take(1).map(\.text) == ["live again"])
        bench.session.setMode(.persistent)
        #expect(try await bench.takeAndCommit(1).map(\.text) == ["live again"])
        try await bench.acknowledged(1)
        bench.stop()
    }

    @Test func bulkHasNoRescue() async throws {
        let broker = try await Broker()
        let bench = try Bench(.bulk, port: broker.port)
        try await bench.connected()
        bench.session.setMode(.rescue)
        #expect(bench.session.mode == .parked)
        try await eventually("parked") { !bench.session.status.isConnected }
    }

    @Test func parkingDoesNotWaitForACommitThatDoesNotCome() async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        let bench = try Bench(port: broker.port)
        try await bench.connected()
        try await peer.publish(events(1))
        try await eventually("a commit is wanted") { bench.handover.wantedSequence == 1 }
        let start = ContinuousClock.now
        try await bench.kill()
        #expect(ContinuousClock.now - start < .seconds(2))
    }

    // MARK: What goes where

    @Test func bulkLetsGoOfWhatUrgentCarriesAndAcknowledgesIt() async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        let urgent = try Bench(port: broker.port)
        try await urgent.connected()
        let bench = try Bench(.bulk, port: broker.port, cover: urgent.cover) {
            $0.linger = .milliseconds(20)
            $0.areas = Self.withoutGateway
        }
        try await bench.connected()
        try await peer.publish(events(5) + telemetry(5, kind: "panel") + telemetry(3, kind: "hydrant"))
        try await peer.publish("fire/v1/a/newfangled/n/telemetry", "unknown kind")
        let messages = try await bench.takeAndCommit(4)
        #expect(messages.map(\.topic).allSatisfy { $0.contains("hydrant") || $0.contains("newfangled") })
        try await bench.acknowledged(14)
        #expect(bench.counters.messagesLetGo.value == 10)
        #expect(bench.counters.messagesReceived.value == 14)
        #expect(try await urgent.takeAndCommit(10).count == 10)
        bench.stop()
        urgent.stop()
    }

    /// Refused, never connected, or without its filters: nothing would ever store what bulk lets go.
    @Test func bulkTakesAllWhileTheUrgentSessionIsNotKnownToHaveIt() async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        let bench = try Bench(.bulk, port: broker.port)
        try await bench.connected()
        try await peer.publish(events(3) + telemetry(2, kind: "panel"))
        #expect(try await bench.takeAndCommit(5).count == 5)
        #expect(bench.counters.messagesLetGo.value == 0)

        let urgent = try Bench(port: broker.port, cover: bench.cover)
        try await urgent.connected()
        // From the first silence of bulk on, at the latest.
        try await eventually("let go") {
            try peer.client.publish("fire/v1/a/smoke/s/event", Array("again".utf8), qos: 0)
            try peer.client.step(.milliseconds(20))
            let messages = bench.take() + urgent.take()
            if let last = messages.last(where: { $0.header.lane == .bulk }) {
                bench.handover.commit(upTo: last.header.sequence)
            }
            if let last = messages.last(where: { $0.header.lane == .urgent }) {
                urgent.handover.commit(upTo: last.header.sequence)
            }
            return bench.counters.messagesLetGo.value > 0
        }
        try await bench.kill()
        try await urgent.kill()
    }

    /// A broker that keeps nothing over a restart, and the bulk session is back first.
    @Test func bulkTakesAllWhenTheBrokerHasForgottenBothSessions() async throws {
        let broker = try await Broker(Self.wide)
        let urgent = try Bench(port: broker.port)
        try await urgent.connected()
        let bulk = try Bench(.bulk, port: broker.port, cover: urgent.cover) { $0.areas = Self.withoutGateway }
        try await bulk.connected()
        broker.stop()
        // As if its thread had not noticed yet.
        try await urgent.kill()
        try await eventually("connection lost") { !bulk.session.status.isConnected }
        try await broker.start()
        try await bulk.connected()
        let peer = try await Peer(port: broker.port)
        try await peer.publish("fire/v1/a/smoke/s/event", "only bulk hears it")
        #expect(try await bulk.takeAndCommit(1).map(\.text) == ["only bulk hears it"])

        urgent.session.setMode(.persistent)
        try await urgent.connected()
        try await peer.publish("fire/v1/a/smoke/s/event", "both")
        #expect(try await urgent.takeAndCommit(1).map(\.text) == ["both"])
        try await bulk.kill()
        try await urgent.kill()
    }

    @Test func flagsRetainedMessagesAndCutsOverlongPayloads() async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        try await peer.publish("fire/v1/a/smoke/s/status", "online", isRetained: true)
        let bench = try Bench(port: broker.port)
        let retained = try await bench.takeAndCommit(1)
        #expect(retained.map { $0.header.flags.contains(.retained) } == [true])
        let long = String(repeating: "x", count: Limits.maximumPayload + 1000)
        try await peer.publish("fire/v1/a/smoke/s/telemetry", long)
        let cut = try await bench.takeAndCommit(1)
        #expect(cut.map(\.payload.count) == [Limits.maximumPayload])
        #expect(cut.map(\.header.publishedLength) == [UInt32(Limits.maximumPayload + 1000)])
        #expect(cut.map { $0.header.flags.isEmpty } == [true])
        #expect(bench.counters.payloadsCut.value == 1)
        bench.stop()
    }

    /// The smallest ring, a worker that takes nothing for a while: the broker keeps what does not fit.
    @Test func aFullRingHoldsBackTheBrokerAndLosesNothing() async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        let bench = try Bench(port: broker.port, slots: 64, bytes: Handover.smallestArena)
        try await bench.connected()
        let load = String(repeating: "y", count: 100_000)
        try await peer.publish((0..<60).map { ("fire/v1/a/smoke/s/telemetry", "\($0)" + load) })
        let messages = try await bench.takeAndCommit(60)
        #expect(messages.map { $0.text.prefix { $0 != "y" } } == (0..<60).map { Substring("\($0)") })
        bench.stop()
    }

    @Test func theGatewayTellsWhetherItIsThere() async throws {
        let broker = try await Broker()
        let peer = try await Peer(port: broker.port)
        try await peer.subscribe("fire/v1/_/gateway/gw-1/status")
        let bench = try Bench(port: broker.port)
        try await peer.until("online") { peer.received.last?.text == #"{"online":true}"# }
        try await bench.kill()
        try await peer.until("will") { peer.received.last?.text == #"{"online":false}"# }
        bench.session.setMode(.persistent)
        try await peer.until("online again") { peer.received.last?.text == #"{"online":true}"# }
        bench.stop()
        try await peer.until("offline") { peer.received.last?.text == #"{"online":false}"# }
        #expect(peer.received.count == 4, "a clean farewell and no will after it")
        let late = try await Peer(port: broker.port)
        try await late.subscribe("fire/v1/_/gateway/gw-1/status")
        try await late.until("retained") { late.received.last?.isRetained == true }
    }

    // MARK: Trouble

    @Test func aWrongExtraTopicIsNamedAndCostsNoOther() async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        let bench = try Bench(.bulk, port: broker.port) { $0.extraTopics = ["city/#/legacy", "city/+/meter"] }
        try await bench.connected()
        #expect(bench.session.status.refusedFilters == ["city/#/legacy"])
        #expect(bench.log.contains(.error, "nothing arrives under this filter"))
        try await peer.publish("city/7/meter", "42")
        #expect(try await bench.takeAndCommit(1).map(\.topic) == ["city/7/meter"])
        bench.stop()
    }

    /// Connected, and yet a fire may pass by: that is not what anybody takes for connected.
    @Test func aRefusedNativeFilterIsNotConnectedUntilItIsGranted() async throws {
        let broker = try await Broker(Self.wide + "\n" + Broker.accessRules, files: ["access.json": Broker.noEvents])
        let peer = try await Peer(port: broker.port)
        let bench = try Bench(port: broker.port)
        try await eventually("refused") { bench.session.status.lastError != nil }
        #expect(bench.session.status.lastError?.contains("fire/v1/+/+/+/event") == true)
        #expect(bench.session.status.refusedFilters == ["fire/v1/+/+/+/event"])
        #expect(!bench.session.status.isConnected)
        #expect(bench.counters.connected.value == 0)
        // What the others bring is taken all the same.
        try await peer.publish("fire/v1/a/smoke/s/telemetry", "1")
        #expect(try await bench.takeAndCommit(1).map(\.text) == ["1"])
        // Bulk takes what urgent is not granted.
        let bulk = try Bench(.bulk, port: broker.port, cover: bench.cover) { $0.areas = Self.withoutGateway }
        try await bulk.connected()
        try await peer.publish("fire/v1/a/hydrant/h/event", "2")
        #expect(try await bulk.takeAndCommit(1).map(\.text) == ["2"])
        bulk.stop()

        // The plugin throws out everybody whose rules have changed.
        try? await peer.publish("$CONTROL/dynamic-security/v1", Broker.allowEvents)
        try await bench.connected()
        #expect(bench.session.status.refusedFilters.isEmpty)
        let other = try await Peer(port: broker.port)
        try await other.publish("fire/v1/a/hydrant/h/event", "3")
        #expect(try await bench.takeAndCommit(1).map(\.text) == ["3"])
        bench.stop()
    }

    /// With QoS 0 nothing waits for us at the broker.
    @Test(arguments: [MQTTVersion.v5, .v311])
    func aDowngradedFilterIsNotConnected(version: MQTTVersion) async throws {
        let broker = try await Broker("max_qos 0")
        let bench = try Bench(.bulk, port: broker.port) { $0.version = version }
        try await eventually("told") { bench.session.status.lastError?.contains("QoS 0") == true }
        #expect(!bench.session.status.isConnected)
        bench.stop()
    }

    /// What was in the ring when the connection was given up is the worker's to forget.
    @Test func aMessageLetGoDoesNotWaitForWhatWasGivenUp() async throws {
        let broker = try await Broker(Self.wide)
        let peer = try await Peer(port: broker.port)
        let urgent = try Bench(port: broker.port)
        try await urgent.connected()
        let bench = try Bench(.bulk, port: broker.port, cover: urgent.cover) { $0.areas = Self.withoutGateway }
        try await bench.connected()
        try await peer.publish(telemetry(1, kind: "hydrant"), qos: 0)
        _ = try await bench.take(1)
        try await bench.kill()
        bench.session.setMode(.persistent)
        try await bench.connected()
        try await peer.publish(telemetry(1, kind: "panel"))
        try await bench.acknowledged(1)
        #expect(bench.handover.committed.load(ordering: .relaxed) == 0)
        bench.stop()
    }

    @Test func waitsForABrokerThatIsNotThereAndSaysSo() async throws {
        let port = try freePort()
        let bench = try Bench(port: port) { $0.host = "127.0.0.1" }
        try await eventually("says so") { bench.log.contains(.warning, "waiting for the broker") }
        #expect(bench.session.status.lastError?.contains("nothing listens at 127.0.0.1:\(port)") == true)
        #expect(!bench.session.status.wasEverConnected)
        bench.stop()
    }

    @Test(arguments: [MQTTVersion.v5, .v311])
    func aWrongPasswordIsNamed(version: MQTTVersion) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "firesense-broker-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let passwords = folder.appending(path: "passwords").path
        try run("/usr/bin/mosquitto_passwd", "-b", "-c", passwords, "gateway", "right")
        let broker = try await Broker("allow_anonymous false\npassword_file FOLDER/passwords", folder: folder)
        let bench = try Bench(port: broker.port) {
            $0.version = version
            $0.username = "gateway"
            $0.password = Secret(Array("wrong".utf8))
        }
        try await eventually("refused") { bench.log.contains(.error, "cannot connect to the broker") }
        let line = bench.log.lines.first { $0.level == .error }
        #expect(line?.metadata["remedy"]?.description.contains("password") == true)
        #expect(bench.session.status.lastError?.contains("the broker refuses the connection") == true)
        #expect(!bench.log.lines.contains { "\($0)".contains("wrong") })
        bench.stop()
        let right = try Bench(port: broker.port) {
            $0.version = version
            $0.username = "gateway"
            $0.password = Secret(Array("right".utf8))
        }
        try await right.connected()
        right.stop()
    }

    @Test func aRenewedPasswordIsTriedAtOnce() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "firesense-broker-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try run(
            "/usr/bin/mosquitto_passwd", "-b", "-c", folder.appending(path: "passwords").path, "gateway", "right")
        let broker = try await Broker("allow_anonymous false\npassword_file FOLDER/passwords", folder: folder)
        let bench = try Bench(port: broker.port) {
            $0.username = "gateway"
            $0.password = Secret(Array("wrong".utf8))
        }
        try await eventually("refused") { bench.session.status.lastError != nil }
        bench.session.renew(password: Secret(Array("right".utf8)))
        try await bench.connected()
        bench.stop()
    }

    @Test(arguments: [MQTTVersion.v5, .v311])
    func anotherClientWithOurIDIsNamed(version: MQTTVersion) async throws {
        let broker = try await Broker()
        let bench = try Bench(port: broker.port) { $0.version = version }
        // Throws us out at once, each time.
        for round in 1...3 {
            try await eventually("connected for the \(round). time") { bench.counters.connections == round }
            _ = try await Peer(port: broker.port) {
                $0.clientID = "test-urgent"
                $0.version = version
            }
        }
        try await eventually("named") { bench.log.contains(.error, "another client") }
        let line = bench.log.lines.first { $0.text.contains("another client") }
        #expect(line?.metadata["remedy"]?.description.contains("mqtt.client_id") == true)
        #expect(line?.metadata["client_id"]?.description == "test-urgent")
        bench.stop()
    }
}

extension IntakeCounters {
    fileprivate var connections: Int { Int(reconnects.value) + (connected.value > 0 || reconnects.value > 0 ? 1 : 0) }
}

extension Broker {
    /// Whether the broker's log tells of a subscription acknowledged to this client.
    func hasSubscribed(_ client: String) -> Bool {
        let log = try? String(contentsOf: folder.appending(path: "log"), encoding: .utf8)
        return log?.contains("Sending SUBACK to \(client)") ?? false
    }
}

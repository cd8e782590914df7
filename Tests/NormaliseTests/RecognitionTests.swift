import FireModel
import Testing

@testable import FireNormalise

/// Messages that come again: from the broker's memory, redelivered, from the quarantine.
struct RecognitionTests {
    let topic = "fire/v1/320102/panel/p-1/event"
    let fire = #"{"event":"fire"}"#
    let day: Int64 = 86_400_000

    private func after(_ milliseconds: Int64) -> Timestamp { Bench.receivedAt + milliseconds }

    // MARK: Retained

    @Test func retainedMessageIsNewAgainAfterSomethingElseCameLive() throws {
        let bench = try Bench()
        bench.read(topic, fire.utf8, retained: true)
        bench.read(topic, #"{"event":"fire","active":false}"#.utf8, at: after(1000))
        let mark = try #require(bench.findings.retained)
        #expect(mark.contentHash == RetainedMark.gone)
        bench.read(topic, fire.utf8, retained: true, at: after(2000))
        #expect(bench.findings.standing == .fresh && bench.findings.readings.count == 1)
        // And after a restart in between.
        let restarted = try Bench(retained: [mark])
        restarted.read(topic, fire.utf8, retained: true, at: after(2000))
        #expect(restarted.findings.readings.count == 1)
    }

    @Test func retainedMessageThatCameLiveTooIsNotNew() throws {
        let bench = try Bench()
        bench.read(topic, fire.utf8, retained: true)
        bench.read(topic, fire.utf8, at: after(1000))
        #expect(bench.findings.retained == nil)
        bench.read("fire/v1/320102/panel/p-2/event", #"{"event":"fault"}"#.utf8, at: after(1500))
        #expect(bench.findings.retained == nil)
        bench.read(topic, fire.utf8, retained: true, at: after(2000))
        #expect(bench.findings.standing == .retainedRepeat)
    }

    @Test func retryFromTheQuarantineLeavesTheMark() throws {
        let bench = try Bench()
        bench.read(topic, fire.utf8, retained: true)
        bench.read(topic, #"{"event":"fault"}"#.utf8, isRetry: true)
        #expect(bench.findings.retained == nil)
    }

    // MARK: Redelivered

    /// Acknowledged long ago, the same packet id once more: a new fire, and not the old one.
    @Test func whatWasAcknowledgedIsNotTakenForARedelivery() throws {
        let bench = try Bench()
        bench.read(topic, fire.utf8, packetID: 7)
        bench.read("fire/v1/320102/panel/p-2/event", fire.utf8, packetID: 8, at: after(20 * day))
        bench.read(topic, fire.utf8, duplicate: true, packetID: 7, at: after(20 * day + 1000))
        #expect(bench.findings.readings.map(\.at) == [after(20 * day + 1000)])
    }

    @Test func packetIdUsedAnewForgetsWhatItWasUsedFor() throws {
        let bench = try Bench()
        bench.read(topic, fire.utf8, packetID: 7)
        bench.read(topic, #"{"ts":\#(Bench.receivedAt.milliseconds),"event":"fault"}"#.utf8, packetID: 7, at: after(10))
        bench.read(topic, fire.utf8, duplicate: true, packetID: 7, at: after(20))
        #expect(bench.findings.readings.map(\.at) == [after(20)])
    }

    @Test func redeliveriesComeBeforeEverythingElseOfAConnection() throws {
        let bench = try Bench()
        bench.read(topic, fire.utf8, packetID: 7)
        bench.read(topic, #"{"event":"fault"}"#.utf8, packetID: 8, at: after(10))
        // A new connection: the second is redelivered, the first had been acknowledged.
        bench.read(topic, #"{"event":"fault"}"#.utf8, duplicate: true, packetID: 8, at: after(1000))
        #expect(bench.findings.readings.map(\.at) == [after(10)])
        bench.read(topic, #"{"event":"tamper"}"#.utf8, packetID: 9, at: after(1100))
        // The next connection.
        bench.read(topic, #"{"event":"fault"}"#.utf8, duplicate: true, packetID: 8, at: after(2000))
        #expect(bench.findings.readings.map(\.at) == [after(10)], "redelivered again")
        bench.read(topic, fire.utf8, duplicate: true, packetID: 7, at: after(2100))
        #expect(bench.findings.readings.map(\.at) == [after(2100)])
    }

    /// However long the connection was away.
    @Test func redeliveryAfterALongOutageIsRecognised() throws {
        let bench = try Bench()
        bench.read(topic, fire.utf8, packetID: 7)
        bench.read(topic, fire.utf8, duplicate: true, packetID: 7, at: after(3 * day))
        #expect(bench.findings.readings.map(\.at) == [Bench.receivedAt])
        bench.read(topic, fire.utf8, duplicate: true, packetID: 7, at: after(3 * day + 1000))
        #expect(bench.findings.readings.map(\.at) == [Bench.receivedAt])
    }

    @Test func quietLaneForgetsWhileItsSessionLives() throws {
        let bench = try Bench()
        bench.read(topic, fire.utf8, packetID: 7)
        bench.normaliser.sessionIsAlive(.bulk, at: after(day))
        bench.read(topic, fire.utf8, duplicate: true, packetID: 7, at: after(day))
        #expect(bench.findings.readings.map(\.at) == [Bench.receivedAt], "the other lane proves nothing")
        bench.normaliser.sessionIsAlive(.urgent, at: after(2 * day))
        bench.read(topic, fire.utf8, duplicate: true, packetID: 7, at: after(2 * day + 1000))
        #expect(bench.findings.readings.map(\.at) == [after(2 * day + 1000)])
    }

    @Test func storedMessagesAreCandidatesUntilSomethingComesFirstHand() throws {
        let first = try Bench()
        first.read(topic, fire.utf8, packetID: 7)
        let stored = try #require(first.findings.redelivery)
        let restarted = try Bench(redeliveries: [stored], lastSeen: after(30_000))
        restarted.read(topic, fire.utf8, duplicate: true, packetID: 7, at: after(day))
        #expect(restarted.findings.readings.map(\.at) == [Bench.receivedAt])
        let used = try Bench(redeliveries: [stored], lastSeen: after(30_000))
        used.read(topic, #"{"event":"fault"}"#.utf8, packetID: 9, at: after(day))
        used.read(topic, fire.utf8, duplicate: true, packetID: 7, at: after(day))
        #expect(used.findings.readings.map(\.at) == [after(day)])
        // The gateway went on working for weeks after it.
        let old = try Bench(redeliveries: [stored], lastSeen: after(20 * day))
        old.read(topic, fire.utf8, duplicate: true, packetID: 7, at: after(21 * day))
        #expect(old.findings.readings.map(\.at) == [after(21 * day)])
    }

    @Test(arguments: [
        ("fire/v1/320102/panel/p-1/event", #"{"ts":1795429200000,"event":"fire","component":17}"#, 1),
        ("fire/v1/320102/panel/p-1/event", "not json", 0), ("fire/v1/320102/panel", "{}", 0), ("zigbee/1", "{}", 0),
    ])
    func redeliveredBadMessageIsQuarantinedOnce(_ topic: String, _ payload: String, _ readings: Int) throws {
        let bench = try Bench()
        bench.read(topic, payload.utf8, packetID: 7)
        #expect(bench.findings.rejection != nil)
        let stored = try #require(bench.findings.redelivery)
        bench.read(topic, payload.utf8, duplicate: true, packetID: 7, at: after(1000))
        #expect(bench.findings.rejection == nil && bench.findings.readings.count == readings)
        let restarted = try Bench(redeliveries: [stored])
        restarted.read(topic, payload.utf8, duplicate: true, packetID: 7, at: after(1000))
        #expect(restarted.findings.rejection == nil)
        bench.read(topic, payload.utf8, packetID: 8, at: after(2000))
        #expect(bench.findings.rejection != nil)
    }

    // MARK: What is known of a device

    @Test func olderMessageMovesNoDeviceAndBringsNoneOnline() throws {
        let bench = try Bench()
        let status = "fire/v1/320102/panel/p-1/status"
        bench.read(status, #"{"ts":\#(Bench.receivedAt.milliseconds),"online":false}"#.utf8, at: after(1000))
        #expect(bench.fleet.devices[0].online == false)
        bench.read(
            "fire/v1/320106/panel/p-1/status", #"{"ts":\#(Bench.receivedAt.milliseconds - 1000),"online":true}"#.utf8,
            isRetry: true, at: Bench.receivedAt)
        #expect(bench.fleet.devices[0].online == false)
        #expect(bench.fleet.areas[bench.fleet.devices[0].area] == "320102")
        bench.read(status, #"{"ts":\#(Bench.receivedAt.milliseconds - 1000),"online":true}"#.utf8, at: after(2000))
        #expect(bench.fleet.devices[0].online == false, "told late")
        bench.read(status, "online".utf8, at: after(3000))
        #expect(bench.fleet.devices[0].online == true)
    }

    @Test func deviceThatWasAheadIsNotStuck() throws {
        let bench = try Bench()
        let status = "fire/v1/320102/panel/p-1/status"
        // Our own clock was a year ahead, and has been put right.
        bench.read(status, "offline".utf8, at: after(365 * day))
        bench.read("fire/v1/320106/panel/p-1/status", "online".utf8)
        #expect(bench.fleet.devices[0].online == true)
        #expect(bench.fleet.areas[bench.fleet.devices[0].area] == "320106")
    }

    @Test func retryCountsNoGap() throws {
        let bench = try Bench()
        bench.read(topic, #"{"seq":9,"event":"fault"}"#.utf8)
        bench.read(topic, #"{"seq":2,"event":"fault"}"#.utf8, isRetry: true)
        bench.read(topic, #"{"seq":10,"event":"fault"}"#.utf8)
        #expect(bench.normaliser.counters.sequenceGaps.value == 0)
        #expect(bench.normaliser.counters.sequenceRestarts.value == 0)
    }
}

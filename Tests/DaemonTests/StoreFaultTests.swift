import Foundation
import Testing

/// A store that cannot be written (contract 3.5): nothing is acknowledged, fires still go out, and work
/// resumes by itself.
@Suite(.serialized) struct StoreFaultTests {
    private let now = Int64(Date().timeIntervalSince1970 * 1000)

    /// Starts on a store that is broken, sees a fire go out, mends the store, and finds everything in it.
    private func liveThrough(_ box: Box, _ broker: Broker, _ receiver: Receiver, mend: () async throws -> Void)
        async throws
    {
        try await box.start(waitUntilReady: false)
        try await eventually("the trouble is shown") {
            let (ready, healthy) = (await box.status("/readyz"), await box.status("/healthz"))
            return ready == 503 && healthy == 200
        }
        try await eventually("the rescue session is there", within: .seconds(20)) {
            box.log.contains("rescue") || box.log.contains("store cannot be written")
        }
        // The clean session holds nothing for us: publish until it is there to hear.
        var attempt = 0
        try await eventually("a fire goes out from memory", within: .seconds(30), every: .milliseconds(200)) {
            attempt += 1
            try await broker.publish("fire/v1/320102/panel/p-1/event", #"{"ts":\#(now),"event":"fire"}"#)
            return receiver.accepted.contains { $0.category == "fire" }
        }
        try await broker.publish("fire/v1/320102/hydrant/h-1/telemetry", #"{"ts":\#(now),"values":{"pressure":0.3}}"#)
        try await mend()
        try await eventually("it is ready again", within: .seconds(90)) { await box.status("/readyz") == 200 }
        try await eventually("what the broker kept is stored", within: .seconds(30)) {
            try await box.exported().contains { $0.contains("h-1") }
        }
        // One fire, however often it was told: in the list, and at the receiver under one id.
        let fires = try await box.items("/api/v1/alarms?category=fire")
        #expect(fires.count == 1)
        #expect(
            Set(receiver.accepted.filter { $0.category == "fire" && $0.type.hasSuffix("raised") }.map(\.id)).count == 1)
        try await eventually("the trouble is over") {
            try await !box.items("/api/v1/alarms?category=system&state=active").contains {
                $0["rule"] as? String == "store-not-writable"
            }
        }
    }

    @Test func missingDirectoryIsWaitedFor() async throws {
        let (broker, receiver, scratch) = (try await Broker(), try await Receiver(), try Scratch())
        let folder = scratch.path("missing")
        let box = try Box(
            broker: broker.port, webhooks: [("duty-room", receiver.url)], store: folder + "/firesense.sqlite")
        try await liveThrough(box, broker, receiver) {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
    }

    @Test func corruptFileIsToldAndWaitedFor() async throws {
        let (broker, receiver, scratch) = (try await Broker(), try await Receiver(), try Scratch())
        let file = try scratch.write("firesense.sqlite", String(repeating: "this is no database ", count: 1000))
        let box = try Box(broker: broker.port, webhooks: [("duty-room", receiver.url)], store: file)
        try await liveThrough(box, broker, receiver) { try FileManager.default.removeItem(atPath: file) }
        #expect(box.log.contains("not a database") || box.log.contains("corrupt") || box.log.contains("damaged"))
    }

    @Test(.enabled(if: geteuid() == 0)) func readOnlyFileSystemIsWaitedFor() async throws {
        let (broker, receiver, scratch) = (try await Broker(), try await Receiver(), try Scratch())
        let disk = scratch.path("disk")
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
        let mounted = try await Program("/bin/mount", ["-t", "tmpfs", "-o", "ro,size=16m", "tmpfs", disk]).ended()
        guard mounted == 0 else { return }
        defer { _ = try? Program("/bin/umount", ["-l", disk]) }
        let box = try Box(
            broker: broker.port, webhooks: [("duty-room", receiver.url)], store: disk + "/firesense.sqlite")
        try await liveThrough(box, broker, receiver) {
            let remounted = try await Program("/bin/mount", ["-o", "remount,rw", disk]).ended()
            #expect(remounted == 0)
        }
        #expect(box.log.contains("ead-only"))
        try await box.stop()
    }

    /// A small file system of its own that is full; needs the right to mount one.
    @Test(.enabled(if: geteuid() == 0)) func fullDiskStopsAcknowledgingAndResumes() async throws {
        let (broker, receiver, scratch) = (try await Broker(), try await Receiver(), try Scratch())
        let disk = scratch.path("disk")
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
        guard try await Program("/bin/mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", disk]).ended() == 0 else {
            return
        }
        defer { _ = try? Program("/bin/umount", ["-l", disk]) }
        let box = try Box(
            broker: broker.port, webhooks: [("duty-room", receiver.url)], store: disk + "/firesense.sqlite",
            linger: "50ms")
        try await box.start()
        try await broker.publish("fire/v1/320102/hydrant/h-0/telemetry", #"{"ts":\#(now),"values":{"pressure":0.3}}"#)
        try await eventually("it works") { try await box.stat("readings_stored") == 1 }
        // Somebody else fills the disk.
        let filler = disk + "/filler"
        _ = try await Program("/bin/dd", ["if=/dev/zero", "of=\(filler)", "bs=64k"]).ended()
        let lines = (0..<3000).map {
            #"{"ts":\#(now + Int64($0)),"values":{"pressure":0.3,"flow":1.5,"temperature":11.25}}"#
        }
        try await broker.publishLines("fire/v1/320102/hydrant/h-1/telemetry", lines)
        try await eventually("the trouble is shown", within: .seconds(60)) { await box.status("/readyz") == 503 }
        var attempt = 0
        try await eventually("a fire goes out from memory", within: .seconds(30), every: .milliseconds(200)) {
            attempt += 1
            try await broker.publish("fire/v1/320102/panel/p-1/event", #"{"ts":\#(now),"event":"fire"}"#)
            return receiver.accepted.contains { $0.category == "fire" }
        }
        try FileManager.default.removeItem(atPath: filler)
        _ = try await Program("/bin/mount", ["-o", "remount,size=64m", disk]).ended()
        try await eventually("it is ready again", within: .seconds(90)) { await box.status("/readyz") == 200 }
        try await eventually("nothing is missing", within: .seconds(60)) {
            try await box.exported().filter { $0.contains(",h-1,") }.count == 9000
        }
        #expect(try await box.items("/api/v1/alarms?category=fire").count == 1)
        try await box.stop()
    }

    @Test func secondDaemonOnOneDatabaseRefusesToStart() async throws {
        let broker = try await Broker()
        let first = try Box(broker: broker.port)
        try await first.start()
        let second = try Box(broker: broker.port, store: first.scratch.path("firesense.sqlite"))
        try await second.start(waitUntilReady: false)
        #expect(try await second.daemon?.ended() == 1)
        try await eventually("it says why") { second.log.contains("firesense.sqlite") }
        #expect(await first.status("/readyz") == 200)
    }

    @Test func newerSchemaIsRefused() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port)
        try await box.start()
        try await box.stop()
        _ = try await Program(
            "/usr/bin/sqlite3", [box.scratch.path("firesense.sqlite"), "INSERT INTO grdb_migrations VALUES('9999')"]
        ).ended()
        try await box.start(waitUntilReady: false)
        #expect(try await box.daemon?.ended() == 1)
        try await eventually("it says why") { box.log.contains("newer") }
    }
}

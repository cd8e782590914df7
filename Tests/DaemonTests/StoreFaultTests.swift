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
        try await eventually("the rescue session is there", within: .seconds(20)) { box.log.contains("mode=rescue") }
        try await expectFire("p-1", broker, receiver)
        try await expectFire("p-2", broker, receiver)
        try await broker.publish(topic("p-2"), #"{"ts":\#(now + 1000),"event":"reset"}"#)
        try await eventually("its end goes out from memory, too") {
            receiver.accepted.contains { $0.device == "p-2" && $0.type.hasSuffix("cleared") }
        }
        try await broker.publish("fire/v1/320102/hydrant/h-1/telemetry", #"{"ts":\#(now),"values":{"pressure":0.3}}"#)
        try await mend()
        try await eventually("it is ready again", within: .seconds(90)) { await box.status("/readyz") == 200 }
        try await eventually("what the broker kept is stored, of both lanes", within: .seconds(30)) {
            let lines = try await box.exported()
            return ["h-1,,pressure", "p-1,,event.fire", "p-2,,event.fire", "p-2,,event.reset"].allSatisfy { part in
                lines.contains { $0.contains(",\(part),") }
            }
        }
        // One fire each, however often it was told: in the list, and at the receiver under one id.
        let fires = try await box.items("/api/v1/alarms?category=fire")
        #expect(fires.count { $0["state"] as? String == "active" } == 1)
        func raises(_ device: String) -> Int {
            Set(receiver.accepted.filter { $0.device == device && $0.type.hasSuffix("raised") }.map(\.id)).count
        }
        #expect(raises("p-1") == 1)
        let told = receiver.accepted.filter { $0.device == "p-2" }.map(\.revision)
        #expect(told == told.sorted())
        // What memory has decided, beginning and end, is not decided again.
        #expect(fires.count == 2)
        #expect(raises("p-2") == 1)
        try await eventually("the trouble is over") {
            try await !box.items("/api/v1/alarms?category=system&state=active").contains {
                $0["rule"] as? String == "store-not-writable"
            }
        }
    }

    private func topic(_ device: String) -> String { "fire/v1/320102/panel/\(device)/event" }

    /// The clean session holds nothing for us: publishes until it is there to hear.
    private func expectFire(_ device: String, _ broker: Broker, _ receiver: Receiver) async throws {
        try await eventually("a fire goes out from memory: \(device)", within: .seconds(30), every: .milliseconds(200))
        {
            try await broker.publish(topic(device), #"{"ts":\#(now),"event":"fire"}"#)
            return receiver.accepted.contains { $0.device == device && $0.category == "fire" }
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

    /// Needs no right to mount anything: every write of the daemon fails from some moment on.
    @Test func storeThatFailsAtWorkStopsAcknowledgingAndResumes() async throws {
        let (broker, receiver) = (try await Broker(), try await Receiver())
        let box = try Box(broker: broker.port, webhooks: [("duty-room", receiver.url)], linger: "50ms")
        try await box.start(canLoseFiles: true)
        try await broker.publish("fire/v1/320102/hydrant/h-0/telemetry", #"{"ts":\#(now),"values":{"pressure":0.3}}"#)
        try await eventually("it works") { try await box.stat("readings_stored") == 1 }
        try await box.limitFiles(true)
        try await broker.publishLines(
            "fire/v1/320102/hydrant/h-1/telemetry",
            (0..<500).map { #"{"ts":\#(now + Int64($0)),"values":{"pressure":0.3}}"# })
        try await eventually("the trouble is shown") { await box.status("/readyz") == 503 }
        #expect(await box.status("/healthz") == 200)
        try await expectFire("p-1", broker, receiver)
        try await expectIdle(box)
        try await box.limitFiles(false)
        try await eventually("it is ready again", within: .seconds(90)) { await box.status("/readyz") == 200 }
        try await eventually("nothing is missing") {
            let lines = try await box.exported()
            return lines.count { $0.contains(",h-1,") } == 500 && lines.contains { $0.contains(",p-1,,event.fire,") }
        }
        let fires = try await box.items("/api/v1/alarms?category=fire")
        #expect(fires.count == 1)
        let id = try #require(fires.first?["id"] as? String)
        try await eventually("what became of the push is known") {
            try await box.items("/api/v1/deliveries?state=delivered").contains { $0["alarm"] as? String == id }
        }
    }

    /// Results of deliveries wait for a store that is not there; nothing may turn round meanwhile. This is a
    /// measurement over a time, the only way to see that nothing happens.
    private func expectIdle(_ box: Box) async throws {
        let (start, before) = (ContinuousClock.now, try box.processorTime())
        try await Task.sleep(for: .seconds(2))
        let used = try box.processorTime() - before
        #expect(used < 0.5 * (start.duration(to: .now) / .seconds(1)), "\(used) s of processor time")
    }

    /// Mounting is a right of its own, which root does not have in every container.
    private static let canMount: Bool = {
        guard geteuid() == 0, let scratch = try? Scratch() else { return false }
        let mount = Process()
        mount.executableURL = URL(filePath: "/bin/sh")
        mount.arguments = [
            "-c", "mount -t tmpfs tmpfs '\(scratch.url.path)' 2>/dev/null && umount '\(scratch.url.path)'",
        ]
        guard (try? mount.run()) != nil else { return false }
        mount.waitUntilExit()
        return mount.terminationStatus == 0
    }()

    private func mount(_ options: String, at disk: String) async throws {
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
        let mounted = try await Program("/bin/mount", ["-t", "tmpfs", "-o", options, "tmpfs", disk]).ended()
        try #require(mounted == 0)
    }

    @Test(.enabled(if: canMount, "no right to mount")) func readOnlyFileSystemIsWaitedFor() async throws {
        let (broker, receiver, scratch) = (try await Broker(), try await Receiver(), try Scratch())
        let disk = scratch.path("disk")
        try await mount("ro,size=16m", at: disk)
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
    @Test(.enabled(if: canMount, "no right to mount")) func fullDiskStopsAcknowledgingAndResumes() async throws {
        let (broker, receiver, scratch) = (try await Broker(), try await Receiver(), try Scratch())
        let disk = scratch.path("disk")
        try await mount("size=2m", at: disk)
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
        try await expectFire("p-1", broker, receiver)
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

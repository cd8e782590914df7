import FireTelemetry
import Foundation
import Testing

/// Backup, restore and conversion with the real binary, a real broker, and messages that flow meanwhile.
@Suite(.serialized) struct BackupCommandTests {
    private let now = Int64(Date().timeIntervalSince1970 * 1000)

    private func program(_ box: Box, _ arguments: [String]) throws -> Program {
        try Program(
            Program.products.appending(path: "firesense").path, arguments + ["--config", box.configuration])
    }

    private func names(_ box: Box, _ prefix: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: box.scratch.url.path).filter { $0.hasPrefix(prefix) }
            .sorted()
    }

    /// Publishes until it is told to end.
    private func flood(_ broker: Broker, from start: Int64, until isOver: Counter) -> Task<Void, any Error> {
        Task {
            var sent = 0
            while isOver.value == 0 {
                let first = start + Int64(sent)
                try await broker.publishLines(
                    "fire/v1/320102/hydrant/h-2/telemetry",
                    (0..<1000).map { #"{"ts":\#(first + Int64($0)),"values":{"pressure":0.30\#($0 % 10)}}"# })
                sent += 1000
            }
        }
    }

    /// A database that takes a while to copy: 400 KB of what cannot be compressed each, in the quarantine.
    private func fill(_ broker: Broker, _ box: Box, payloads: Int) async throws {
        let random = try FileHandle(forReadingFrom: URL(filePath: "/dev/urandom"))
        defer { try? random.close() }
        let lines = try (0..<payloads).map { _ in try random.read(upToCount: 300_000)?.base64EncodedString() ?? "" }
        try await broker.publishLines("fire/v1/320102/hydrant/h-3/telemetry", lines)
        try await eventually("all of it is stored", within: .seconds(60)) {
            try await box.stat("messages_quarantined") >= payloads
        }
    }

    @Test func whatWasStoredWhenItBeganIsInTheRestored() async throws {
        let (broker, receiver) = (try await Broker(), try await Receiver())
        let box = try Box(broker: broker.port, webhooks: [("duty-room", receiver.url)], linger: "50ms")
        try await box.start()
        try await fill(broker, box, payloads: 30)
        let isOver = Counter()
        let traffic = flood(broker, from: now, until: isOver)
        try await eventually("it flows") { try await box.stat("readings_stored") > 3000 }
        try await broker.publish("fire/v1/320102/panel/p-1/event", #"{"ts":\#(now),"event":"fire"}"#)
        try await eventually("the fire is told") { receiver.accepted.count == 1 }
        try await eventually("and that is written down") {
            try await !box.items("/api/v1/deliveries?state=delivered").isEmpty
        }
        let before = try await box.exported()
        let file = box.scratch.path("saved.sqlite")
        let said = try await box.command("backup", file)
        isOver.increment()
        try await traffic.value
        #expect(said.contains("readings, from ") && said.contains("\n1 alarms"))
        #expect(try names(box, "saved") == ["saved.sqlite"])
        // It is a database like any other.
        #expect(try await box.command("alarms", "list", "--database", file).contains("p-1"))
        _ = try await box.command("backup", file, expecting: 1)
        try await box.stop()

        let fresh = try Box(broker: broker.port)
        #expect(try await fresh.command("restore", file).contains(" readings, from "))
        _ = try await fresh.command("restore", file, expecting: 1)
        let restored = Set(try await fresh.exported())
        #expect(Set(before).subtracting(restored).isEmpty)
        #expect(before.count > 3000)
        #expect(Set(try await box.exported()).isSuperset(of: restored))
        let doctor = try program(fresh, ["doctor", "--format", "csv"])
        try await doctor.ended()
        #expect(doctor.standardOutput.contains("\nOK,database,"), "\(doctor.standardOutput)")
        // The daemon goes on from there: the fire stands, and is not raised twice.
        try await fresh.start()
        try await broker.publish("fire/v1/320102/panel/p-1/event", #"{"ts":\#(now + 1),"event":"fire"}"#)
        try await eventually("it works") { try await fresh.stat("readings_stored") >= 1 }
        #expect(try await fresh.items("/api/v1/alarms?category=fire&state=active").count == 1)
        #expect(try await !fresh.items("/api/v1/quarantine").isEmpty)
        _ = try await fresh.command("restore", file, "--force", expecting: 1)
        try await fresh.stop()
        #expect(try await fresh.command("restore", file, "--force").contains("is now "))
        #expect(Set(try await fresh.exported()) == restored)
    }

    @Test func withTheDaemonStoppedItIsTheSame() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port)
        try await box.start()
        try await broker.publish("fire/v1/320102/hydrant/h-1/telemetry", #"{"ts":\#(now),"values":{"pressure":0.3}}"#)
        try await eventually("it is stored") { try await box.exported().count == 1 }
        // What a killed daemon leaves is in the log alone.
        try await box.kill()
        let file = box.scratch.path("saved.sqlite")
        #expect(try await box.command("backup", file).contains("1 readings"))
        #expect(try await box.command("export", "--format", "csv", "--database", file).contains("pressure"))
        #expect(try names(box, "saved") == ["saved.sqlite"])
        withExtendedLifetime(broker) {}
    }

    @Test func fromAfarItIsRefused() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port)
        try await box.start()
        let refused = try program(
            box, ["backup", box.scratch.path("saved"), "--address", "127.0.0.1:\(box.httpPort)"])
        #expect(try await refused.ended() == 2)
        #expect(refused.standardError.contains("on the gateway itself"))
        #expect(await box.status("/api/v1/backup") == 403)
        #expect(try names(box, "saved") == [])
        withExtendedLifetime(broker) {}
    }

    @Test func whatEndsItLeavesNothingBehind() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port, linger: "50ms")
        try await box.start()
        try await fill(broker, box, payloads: 140)
        let file = box.scratch.path("saved")
        func underWay() async throws -> Program {
            let program = try program(box, ["backup", file])
            try await eventually("it is under way", every: .milliseconds(1)) {
                let size = try? FileManager.default.attributesOfItem(atPath: file + ".part")[.size] as? Int
                return size ?? 0 > 1 << 20
            }
            return program
        }
        for signal in [SIGINT, SIGTERM] {
            let interrupted = try await underWay()
            interrupted.signal(signal)
            #expect(try await interrupted.ended() == signal)
            #expect(try names(box, "saved") == [], "signal \(signal)")
        }
        // The next takes over what could not be cleaned up.
        let killed = try await underWay()
        try await killed.killed()
        #expect(try names(box, "saved") == ["saved.part"])
        try box.scratch.write("saved.part", "rest")

        let broken = try await underWay()
        broken.signal(SIGSTOP)
        try await box.kill()
        broken.signal(SIGCONT)
        #expect(try await broken.ended() == 1)
        #expect(broken.standardError.contains("broken off"), "\(broken.standardError)")
        #expect(try names(box, "saved") == [])
        // Nothing of what was acknowledged is lost by that.
        try await box.start()
        #expect(try await box.command("backup", file).contains("bytes"))
        #expect(try names(box, "saved") == ["saved"])
    }

    @Test func aFullDiskIsTold() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port, linger: "50ms")
        try await box.start()
        try await fill(broker, box, payloads: 30)
        let firesense = Program.products.appending(path: "firesense").path
        let file = box.scratch.path("saved")
        for isRunning in [true, false] {
            if !isRunning { try await box.stop() }
            let full = try Program(
                "/bin/sh",
                [
                    "-c",
                    "trap '' XFSZ; ulimit -f 1000; exec '\(firesense)' backup '\(file)' --config '\(box.configuration)'",
                ])
            #expect(try await full.ended() == 1)
            #expect(full.standardError.contains("cannot write \(file)"), "\(full.standardError)")
            #expect(full.standardError.contains("make room"))
            #expect(try names(box, "saved") == [])
        }
        withExtendedLifetime(broker) {}
    }

    @Test func aDamagedBackupIsRefused() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port, linger: "50ms")
        try await box.start()
        try await fill(broker, box, payloads: 10)
        try await box.stop()
        let before = try await box.exported()
        let file = box.scratch.path("saved")
        _ = try await box.command("backup", file)
        let handle = try FileHandle(forUpdating: URL(filePath: file))
        let size = try handle.seekToEnd()
        for page in stride(from: size / 2, to: size, by: 4096) {
            try handle.seek(toOffset: page / 4096 * 4096)
            handle.write(Data(repeating: 0xFF, count: 16))
        }
        try handle.close()
        _ = try await box.command("restore", file, "--force", expecting: 1)
        #expect(try await box.exported() == before)
        #expect(try names(box, "firesense.sqlite.") == ["firesense.sqlite.lock"])
        withExtendedLifetime(broker) {}
    }

    // MARK: The form with a row per reading

    /// As an older version has left it.
    private func makeOldForm(_ path: String, devices: Int, readings: Int) async throws {
        let made = try Program(
            "/usr/bin/sqlite3",
            [
                path,
                """
                PRAGMA application_id = 1179210309; PRAGMA journal_mode = WAL;
                CREATE TABLE grdb_migrations(identifier TEXT NOT NULL PRIMARY KEY);
                INSERT INTO grdb_migrations VALUES ('1');
                \(OldForm.schema)
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(devices))
                INSERT INTO device SELECT i, 'h-' || i, 'hydrant', '320102', 0, 0, NULL FROM n;
                INSERT INTO series SELECT id, id, NULL, 'pressure', 0 FROM device;
                WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < \(readings - 1))
                INSERT INTO reading SELECT d.id, \(now - 86_400_000) + n.i * 60000, (random() % 1000) / 100.0, 0, NULL
                  FROM device d, n;
                UPDATE meta SET value = \(devices * readings) WHERE name = 'readings';
                """,
            ])
        guard try await made.ended(within: .seconds(120)) == 0 else {
            throw Overdue(description: made.standardError)
        }
    }

    @Test func aConversionThatIsKilledBeginsAnewAndLosesNothing() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port)
        let path = box.scratch.path("firesense.sqlite")
        try await makeOldForm(path, devices: 100, readings: 2000)
        _ = try await box.command("export", "--format", "csv", expecting: 1)
        // Killed at different moments of it.
        for words in ["converting", "converting the database to its new form: 100 %"] {
            let socket = try NotifySocket()
            try await box.start(waitUntilReady: false, environment: socket.environment)
            try await eventually("it is converting", every: .milliseconds(2)) {
                socket.assignments.contains { $0.hasPrefix("STATUS=\(words)") }
            }
            #expect(socket.count("EXTEND_TIMEOUT_USEC=600000000") > 0, "systemd is asked for patience")
            try await box.kill()
        }
        #expect(try await box.command("migrate").contains("is converted"))
        #expect(try await box.command("migrate").contains("has today's form"))
        #expect(try await box.exported().count == 200_000)
        try await box.start()
        try await eventually("the daemon goes on") {
            try await (box.get("/api/v1/stats")["store"] as? [String: Any])?["readings"] as? Int == 200_000
        }
        _ = try await box.command("migrate", expecting: 1)
    }

    /// On a terminal, which `script` is for it.
    @Test func theBarIsShownOnATerminal() async throws {
        let broker = try await Broker()
        let box = try Box(broker: broker.port)
        try await makeOldForm(box.scratch.path("firesense.sqlite"), devices: 200, readings: 12_000)
        let firesense = Program.products.appending(path: "firesense").path
        let seen = try Program(
            "/usr/bin/script",
            ["-q", "-e", "-c", "'\(firesense)' migrate --config '\(box.configuration)'", "/dev/null"])
        #expect(try await seen.ended(within: .seconds(120)) == 0)
        #expect(seen.standardOutput.contains("converting  ["))
        #expect(seen.standardOutput.contains("is converted"))
        withExtendedLifetime(broker) {}
    }
}

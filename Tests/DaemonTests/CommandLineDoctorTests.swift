import FireModel
import Foundation
import Testing

@testable import firesense

@Suite struct CommandLineDoctorTests {
    // MARK: Judgements

    @Test func clockIsJudgedByTheKernelAndItsDaemon() {
        func status(_ now: Timestamp, _ synchronised: Bool, _ daemon: String?) -> Finding.Status? {
            MachineChecks.clock(.init(now: now, isSynchronised: synchronised, disciplinedBy: daemon)).first?.status
        }
        let now = Timestamp(milliseconds: 1_795_429_200_000)
        #expect(status(now, true, "chrony") == .ok)
        #expect(status(now, false, "chrony") == .warn)
        #expect(status(now, false, nil) == .warn)
        #expect(status(Timestamp(milliseconds: 0), true, "chrony") == .fail)
    }

    @Test func spaceIsJudgedByWhatTheStoreKeepsFree() {
        func status(free: UInt64, total: UInt64, files: UInt64? = nil, isReadOnly: Bool = false) -> Finding.Status {
            MachineChecks.space("/d", free: free << 20, total: total << 20, freeFiles: files, isReadOnly: isReadOnly)
                .status
        }
        #expect(status(free: 20_000, total: 32_000, files: 1000) == .ok)
        #expect(status(free: 2000, total: 32_000) == .warn)
        #expect(status(free: 400, total: 1000) == .warn)
        #expect(status(free: 10, total: 1000) == .fail)
        #expect(status(free: 20_000, total: 32_000, files: 3) == .fail)
        #expect(status(free: 20_000, total: 32_000, isReadOnly: true) == .fail)
    }

    @Test func aMissingStateDirectoryFails() throws {
        var store = try ConfigurationOption.parse([]).load().configuration.store
        store.path = "/nowhere/at/all/firesense.sqlite"
        #expect(MachineChecks.disk(store).first?.status == .fail)
        let scratch = try Scratch()
        store.path = scratch.path("firesense.sqlite")
        #expect(MachineChecks.disk(store).map(\.check) == ["disk", "state directory"])
        #expect(MachineChecks.disk(store).last?.status == .ok)
    }

    @Test func someEndpointMustTakeFire() {
        var endpoint = Endpoint(name: "duty-room", url: "http://example")
        #expect(MachineChecks.fireEndpoints([]).first?.status == .fail)
        #expect(MachineChecks.fireEndpoints([endpoint]).first?.status == .ok)
        endpoint.excludeFire = true
        #expect(MachineChecks.fireEndpoints([endpoint]).first?.status == .fail)
    }

    @Test func brokerLimitsAreJudgedByWhatArrived() {
        typealias Measured = BrokerChecks.Measured
        let wide = Measured(sent: 200, window: 200, total: 200)
        let narrow = Measured(sent: 200, window: 20, total: 200)
        #expect(BrokerChecks.judge(window: wide, queue: nil).map(\.status) == [.ok])
        #expect(BrokerChecks.judge(window: narrow, queue: nil).map(\.status) == [.warn])
        let short = BrokerChecks.judge(window: wide, queue: Measured(sent: 1200, window: 20, total: 1020))
        #expect(short.map(\.status) == [.ok, .warn])
        #expect(short.last?.text.contains("only 1000 messages") == true)
        #expect(
            BrokerChecks.judge(window: wide, queue: Measured(sent: 1200, window: 20, total: 1200)).map(\.status) == [
                .ok
            ])
    }

    @Test func persistenceIsReadFromTheBrokersFiles() {
        func status(_ text: String?, isLocal: Bool = true) -> Finding.Status {
            BrokerSettings.finding(text.map(BrokerSettings.init(text:)), isLocal: isLocal).status
        }
        #expect(status("persistence true\nautosave_interval 15\n") == .ok)
        #expect(status("# persistence true\n") == .warn)
        #expect(status("persistence true\n") == .warn)
        #expect(status(nil) == .ok)
        #expect(status("persistence false", isLocal: false) == .ok)
    }

    @Test func includedFilesOfTheBrokerCount() throws {
        let scratch = try Scratch()
        let folder = scratch.url.appending(path: "conf.d")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try "persistence true\nautosave_interval 30\n".write(
            to: folder.appending(path: "firesense.conf"), atomically: true, encoding: .utf8)
        let file = try scratch.write("mosquitto.conf", "persistence false\ninclude_dir \(folder.path)\n")
        let settings = try #require(BrokerSettings(file: file))
        #expect(settings.persistence)
        #expect(settings.autosaveInterval == 30)
    }

    @Test func addressesAreShownWithoutTheirSecrets() {
        #expect(RemoteChecks.host("https://user:pass@duty.example:8443/hook?token=x") == "https://duty.example:8443")
    }

    @Test func whatDoesNotComeBackIsLeftBehind() async {
        let block = DispatchSemaphore(value: 0)
        let late: Int? = await onOwnThread(within: .milliseconds(20)) {
            block.wait()
            return 1
        }
        block.signal()
        #expect(late == nil)
        #expect(await onOwnThread(within: .seconds(30)) { 2 } == 2)
    }

    // MARK: A real broker

    private func findings(_ broker: Broker, _ mqtt: String = "") async throws -> [Finding] {
        let scratch = try Scratch()
        let path = try scratch.write(
            "firesense.yaml", "gateway: { id: box-1 }\nmqtt: { host: 127.0.0.1, port: \(broker.port) \(mqtt) }\n")
        let loaded = try ConfigurationOption.parse(["--config", path]).load()
        return await onOwnThread(within: .seconds(60)) { BrokerChecks(loaded).run() } ?? []
    }

    @Test func aGenerousBrokerPassesAndStrangersAreTold() async throws {
        let found = try await findings(try await Broker())
        #expect(found.map(\.check) == ["broker", "broker access", "broker limits", "broker strangers"])
        #expect(found.map(\.status) == [.ok, .ok, .ok, .warn])
    }

    @Test func theBrokersOwnLimitsAreFound() async throws {
        let broker = try await Broker(extra: "max_inflight_messages 20\nmax_queued_messages 1000")
        func limits(_ mqtt: String) async throws -> [Finding] {
            try await findings(broker, mqtt).filter { $0.status == .warn && $0.check != "broker strangers" }
        }
        // Under MQTT 5 Mosquitto goes by what the client allows.
        #expect(try await limits("").map(\.check) == ["broker queue"])
        let old = try await limits(", protocol: 3.1.1")
        #expect(old.map(\.check) == ["broker limits", "broker queue"])
        #expect(old.first?.text.contains("only 20 messages") == true)
    }

    @Test func theShippedAccessRulesPass() async throws {
        let scratch = try Scratch()
        let passwords = scratch.path("passwd")
        _ = try await Program("/usr/bin/mosquitto_passwd", ["-c", "-b", passwords, "firesense", "right"]).ended()
        let rules = try scratch.write(
            "acl",
            """
            pattern deny fire/v1/+/gateway/#
            pattern deny fire/v1/+/alarm/#
            pattern write fire/v1/+/+/%u/#
            user firesense
            topic read #
            topic read $SYS/#
            topic write fire/v1/+/gateway/#

            """)
        let broker = try await Broker(extra: "password_file \(passwords)\nacl_file \(rules)", anonymous: false)
        let secret = try scratch.write("secret", "right\n")
        let found = try await findings(broker, ", username: firesense, password_file: \(secret)")
        #expect(found.map(\.status) == [.ok, .ok, .ok, .ok], "\(found.map(\.line))")
        #expect(found.first?.text.contains("mosquitto version") == true)
        let wrong = try scratch.write("wrong", "wrong\n")
        let refused = try await findings(broker, ", username: firesense, password_file: \(wrong)")
        #expect(refused.map(\.status) == [.fail])
        #expect(refused.first?.remedy?.contains("password") == true)
    }

    @Test func aBrokerThatIsNotThereFails() async throws {
        let broker = try await Broker()
        try await broker.stop()
        let found = try await findings(broker)
        #expect(found.map(\.status) == [.fail])
        #expect(found.first?.line.contains("nothing listens at 127.0.0.1:\(broker.port)") == true)
    }

    // MARK: Webhooks

    @Test func aReceiverThatAnswersIsReachable() async throws {
        let receiver = try await Receiver()
        let gone = try freePort()
        let found = await RemoteChecks.webhooks([
            Endpoint(name: "duty-room", url: receiver.url),
            Endpoint(name: "gone", url: "http://127.0.0.1:\(gone)/secret-path"),
        ])
        #expect(found.map(\.status) == [.ok, .fail])
        #expect(found.map(\.check) == ["webhook duty-room", "webhook gone"])
        #expect(!found.contains { $0.line.contains("secret-path") })
    }
}

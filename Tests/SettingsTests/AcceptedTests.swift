import FireModel
import Foundation
import Testing

@testable import FireSettings

@Suite struct AcceptedTests {
    private let loader = ConfigurationLoader(hostName: "gw-test", reservedRuleIDs: ["fire"])

    private func folderWithEverything() throws -> Folder {
        try Folder([
            "firesense.yaml": """
            gateway: { id: "${GATEWAY}" }
            rules: { files: ["rules.d/*.yaml"] }
            webhooks: [{ name: a, url: "https://a/", secret_file: secret }]
            """,
            "secret": signingKey,
            "device-kinds.yaml": "kinds: { hydrant: { expected_interval: 2h } }",
            "rules.d/b.yaml":
                "rules: [{ id: b, category: fault, severity: info, title: { zh: b, en: b }, when: { event: fault } }]",
        ])
    }

    @Test func acceptedConfigurationComesBack() throws {
        let folder = try folderWithEverything()
        let loaded = folder.load(environment: ["GATEWAY": "gw-7", "OTHER": "hunter2"])
        #expect(loaded.errors == [])
        let accepted = AcceptedConfiguration(directory: "\(folder.path)/state/accepted")
        try FileManager.default.createDirectory(atPath: "\(folder.path)/state", withIntermediateDirectories: true)
        #expect(accepted.load(with: loader) == nil)
        try accepted.save(loaded)

        // All the files go wrong, and the variable is gone.
        for name in ["firesense.yaml", "device-kinds.yaml", "rules.d/b.yaml"] { try folder.write(name, "{") }
        let again = try #require(accepted.load(with: loader))
        #expect(again.configuration == loaded.configuration)
        #expect(again.catalogue == loaded.catalogue && again.catalogue["hydrant"]?.expectedInterval == .seconds(7200))
        #expect(again.rules == loaded.rules && again.endpoints == loaded.endpoints)
        #expect(again.gatewayID == "gw-7" && again.problems == loaded.problems)
        #expect(again.path == loaded.path && again.files == loaded.files)
    }

    @Test func secretsAndOtherVariablesAreNotCopied() throws {
        let folder = try folderWithEverything()
        let accepted = AcceptedConfiguration(directory: "\(folder.path)/accepted")
        try accepted.save(folder.load(environment: ["GATEWAY": "gw-7", "OTHER": "hunter2"]))
        for name in try FileManager.default.contentsOfDirectory(atPath: accepted.directory) {
            let file = "\(accepted.directory)/\(name)"
            let text = try String(contentsOfFile: file, encoding: .utf8)
            #expect(!text.contains("whsec_") && !text.contains("hunter2"))
            let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
    }

    @Test func lostSecretIsOnlyAWarningThen() throws {
        let folder = try folderWithEverything()
        let accepted = AcceptedConfiguration(directory: "\(folder.path)/accepted")
        try accepted.save(folder.load(environment: ["GATEWAY": "gw-7"]))
        try folder.remove("secret")
        #expect(!folder.load(environment: ["GATEWAY": "gw-7"]).isValid)
        let again = try #require(accepted.load(with: loader))
        #expect(again.isValid && again.warnings.map(\.path) == ["webhooks[0].secret_file"])
        #expect(again.endpoints.map(\.name) == ["a"] && again.endpoints[0].secrets == [])
    }

    @Test func saveReplacesWhatWasKept() throws {
        let folder = try Folder(["firesense.yaml": "gateway: { id: one }"])
        let accepted = AcceptedConfiguration(directory: "\(folder.path)/accepted")
        try accepted.save(folder.load())
        try folder.write("firesense.yaml", "gateway: { id: two }")
        // Left behind by a power cut in an earlier attempt.
        try folder.write("accepted.new/rubbish", "")
        try folder.write("accepted.old/rubbish", "")
        try accepted.save(folder.load())
        #expect(accepted.load(with: loader)?.gatewayID == "two")
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(left == ["accepted", "firesense.yaml"])
    }

    /// The power went between the two renames.
    @Test func oldOneServesWhenTheNewOneIsNotYetInPlace() throws {
        let folder = try Folder(["firesense.yaml": "gateway: { id: one }"])
        let accepted = AcceptedConfiguration(directory: "\(folder.path)/accepted")
        try accepted.save(folder.load())
        try FileManager.default.moveItem(atPath: "\(folder.path)/accepted", toPath: "\(folder.path)/accepted.old")
        #expect(accepted.load(with: loader)?.gatewayID == "one")
    }

    @Test func failureIsToldAndLeavesTheOldOne() throws {
        let folder = try Folder(["firesense.yaml": "gateway: { id: one }"])
        let accepted = AcceptedConfiguration(directory: "\(folder.path)/no/such/folder/accepted")
        #expect(throws: AcceptedConfigurationError.self) { try accepted.save(folder.load()) }
    }

    @Test func defaultsCanBeAcceptedToo() throws {
        let folder = try Folder()
        let loaded = loader.load(
            "\(folder.path)/firesense.yaml", mayBeMissing: true, environment: [:], files: FilesOnDisk(), secrets: .error
        )
        let accepted = AcceptedConfiguration(directory: "\(folder.path)/accepted")
        try accepted.save(loaded)
        try folder.write("firesense.yaml", "{")
        let again = try #require(accepted.load(with: loader))
        #expect(again.isValid && again.configuration == Configuration())
    }

    // MARK: Reload

    @Test func changedKeysOutsideRulesWebhooksAndLevelNeedARestart() {
        let running = Configuration()
        #expect(running.restartRequired(comparedTo: running) == [])
        var changed = running
        changed.rules.defaults = false
        changed.rules.files = []
        changed.rules.flood.moreThan = 0
        changed.webhooks = [.init(endpoint: Endpoint(name: "a", url: "https://a/"))]
        changed.log.level = .debug
        #expect(changed.restartRequired(comparedTo: running) == [])
        changed.gateway.catchAll = false
        changed.mqtt.clientID = "other"
        changed.mqtt.tls.caFile = "/ca.pem"
        changed.store.retention.raw = .seconds(1)
        changed.store.maxSize.bytes = 1
        changed.http.listen.port = 1
        changed.gb26875.listen = ListenAddress(host: "::1", port: 26875)
        changed.log.format = .text
        #expect(
            changed.restartRequired(comparedTo: running) == [
                "gateway.catch_all", "mqtt.client_id", "mqtt.tls.ca_file", "store.retention.raw", "store.max_size",
                "http.listen", "gb26875.listen", "log.format",
            ])
    }
}

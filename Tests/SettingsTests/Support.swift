import FireModel
import Foundation

@testable import FireSettings

/// `Tests/Fixtures/Settings`
let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/Settings").path
/// `Config`
let configFolder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Config").path

/// 32 bytes of no value, as a webhook's secret.
let signingKey = "whsec_" + Data("only for the tests of settings!!".utf8).base64EncodedString()

/// A folder of its own for a test, with the files it names, gone when the test is over.
final class Folder {
    let path: String

    init(_ files: [String: String] = [:]) throws {
        path = FileManager.default.temporaryDirectory.appending(path: "settings-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (name, text) in files { try write(name, text) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws {
        let file = URL(filePath: path).appending(path: name)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
    }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: "\(path)/\(name)") }

    func load(environment: [String: String] = [:]) -> LoadedConfiguration {
        ConfigurationLoader(hostName: "gw-test", reservedRuleIDs: ["fire"]).load(
            path: "\(path)/firesense.yaml", environment: environment)
    }
}

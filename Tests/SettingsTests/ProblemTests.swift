import Foundation
import Testing

@testable import FireSettings

/// Each folder of `Tests/Fixtures/Settings` is a configuration with one kind of mistake: `firesense.yaml` and what it
/// names, `expected.txt` with a problem a line, and where they matter `environment` and `host_name`.
@Suite struct ProblemTests {
    static let cases = ((try? FileManager.default.contentsOfDirectory(atPath: fixtures)) ?? [])
        .filter { !$0.contains(".") }.sorted()

    @Test func casesAreFound() { #expect(Self.cases.count > 50) }

    @Test(arguments: cases) func problemIsToldExactly(_ name: String) throws {
        let folder = "\(fixtures)/\(name)"
        func text(_ file: String) -> String? { try? String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8) }
        var environment: [String: String] = [:]
        for line in (text("environment") ?? "").split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1)
            environment[String(parts[0])] = String(parts[1])
        }
        let host = text("host_name")?.trimmingCharacters(in: .newlines) ?? "gw-test"
        let loaded = ConfigurationLoader(hostName: host, reservedRuleIDs: ["fire"]).load(
            path: "\(folder)/firesense.yaml", environment: environment)
        let actual = loaded.problems.map { $0.description.replacingOccurrences(of: folder, with: "{folder}") + "\n" }
        #expect(actual.joined() == text("expected.txt"))
        #expect(
            actual.allSatisfy { $0.count { $0 == "\n" } == 1 && !$0.contains("hunter2") && !$0.contains("aHVudGVyMg") })
    }
}

import FireJSON
import FireModel
import FireSettings
import Foundation
import Testing

@testable import FireNormalise

/// Walks `Tests/Fixtures/Payloads/<dialect>/<case>/`: a topic, a payload (or a recipe for a large one)
/// and, line by line, what must come out. `FIRESENSE_WRITE_FIXTURES=1` writes what does come out, to be
/// read before it is committed.
struct PayloadFixtureTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/Payloads")

    static let cases: [String] = {
        let manager = FileManager.default
        let dialects = (try? manager.contentsOfDirectory(atPath: folder.path)) ?? []
        return dialects.flatMap { dialect in
            ((try? manager.contentsOfDirectory(atPath: folder.appending(path: dialect).path)) ?? []).map {
                "\(dialect)/\($0)"
            }
        }.sorted()
    }()

    @Test func everyDialectHasCases() {
        #expect(Self.cases.count > 40)
    }

    @Test(arguments: cases) func payloadComesOutAsRecorded(_ name: String) throws {
        let folder = Self.folder.appending(path: name)
        let topic = try String(contentsOf: folder.appending(path: "topic.txt"), encoding: .utf8).trimmingCharacters(
            in: .newlines)
        let flags = (try? String(contentsOf: folder.appending(path: "flags.txt"), encoding: .utf8)) ?? ""
        let bench = try Bench()
        bench.read(topic, try payload(in: folder), retained: flags.contains("retained"))
        let expected = folder.appending(path: "expected.txt")
        if ProcessInfo.processInfo.environment["FIRESENSE_WRITE_FIXTURES"] == "1" {
            try bench.transcript.write(to: expected, atomically: true, encoding: .utf8)
        }
        #expect(bench.transcript == (try String(contentsOf: expected, encoding: .utf8)))
    }

    private func payload(in folder: URL) throws -> [UInt8] {
        if let plain = try? Data(contentsOf: folder.appending(path: "payload.json")) { return Array(plain) }
        var bytes: [UInt8] = []
        let recipe = try String(contentsOf: folder.appending(path: "payload.spec"), encoding: .utf8)
        for line in recipe.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1)
            if words[0] == "text" { bytes += Array(words[1].utf8) }
            if words[0] == "repeat" {
                let parts = words[1].split(separator: " ")
                for _ in 0..<(Int(parts[1]) ?? 0) { bytes += Array(parts[0].utf8) }
            }
        }
        return bytes
    }
}

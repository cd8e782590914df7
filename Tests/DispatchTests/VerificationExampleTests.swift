import Foundation
import Testing

/// The example of docs/webhooks.md is this file's neighbour, word for word; the others are run by Tests/python.
@Suite struct VerificationExampleTests {
    struct Vector: Decodable {
        var name: String
        var valid: Bool
        var secrets: [String]
        var id: String
        var timestamp: String
        var signature: String
        var clock: String?
        var body: String
        var now: Double
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test func exampleJudgesEveryVector() throws {
        let data = try Data(contentsOf: Self.root.appending(path: "Tests/Fixtures/Webhooks/signatures.json"))
        let vectors = try JSONDecoder().decode([Vector].self, from: data)
        #expect(vectors.count { $0.valid } >= 5 && vectors.count { !$0.valid } >= 5)
        for vector in vectors {
            let judged = isGenuine(
                body: Data(vector.body.utf8), id: vector.id, timestamp: vector.timestamp, signatures: vector.signature,
                clock: vector.clock, secrets: vector.secrets, now: Date(timeIntervalSince1970: vector.now))
            #expect(judged == vector.valid, "\(vector.name)")
        }
    }

    @Test(arguments: ["docs/webhooks.md", "docs/webhooks.zh.md"])
    func documentShowsWhatIsTested(_ path: String) throws {
        let document = try String(contentsOf: Self.root.appending(path: path), encoding: .utf8)
        let example = try String(
            contentsOf: Self.root.appending(path: "Tests/DispatchTests/VerificationExample.swift"), encoding: .utf8)
        let blocks = document.components(separatedBy: "```swift\n").dropFirst().map {
            $0.components(separatedBy: "```")[0]
        }
        #expect(blocks == [example])
    }
}

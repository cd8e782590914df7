import FireModel
import Foundation
import Testing

@testable import FireDispatch

/// What goes out, byte for byte, as files that people can read.
@Suite struct GoldenTests {
    private static let secrets: [Secret] = [Secret(Array("SECfiresense-0001".utf8))]

    @Test(arguments: Endpoint.Language.allCases)
    func everySituationInWords(_ language: Endpoint.Language) throws {
        let all = try Situation.allCases.map { situation in
            let message = try form.message(
                for: [situation.change], to: makeEndpoint(.text, language), at: signingTime)
            #expect(message.contentType == "text/plain; charset=utf-8")
            return "--- \(situation.rawValue)\n" + String(decoding: message.body, as: UTF8.self)
        }
        try expectGolden(Array(all.joined(separator: "\n").utf8), "situations.\(language.rawValue).txt")
    }

    @Test(arguments: Endpoint.Format.allCases, Endpoint.Language.allCases)
    func oneFire(_ format: Endpoint.Format, _ language: Endpoint.Language) throws {
        var endpoint = makeEndpoint(format, language)
        endpoint.secrets = Self.secrets
        let change = Situation.fireRaised.change
        let message = try form.message(for: [change], to: endpoint, at: signingTime)
        #expect(message.id == change.delivery.id)
        #expect(message.changes.map(\.delivery.id) == [change.delivery.id])
        try expectGolden(
            message.body, "fire.\(format.rawValue).\(language.rawValue).\(format == .text ? "txt" : "json")")
    }

    @Test(arguments: Endpoint.Format.allCases)
    func severalChanges(_ format: Endpoint.Format) throws {
        var endpoint = makeEndpoint(format)
        endpoint.batch = 10
        let changes = [Situation.waterRaised, .drillRaised, .system].map(\.change)
        let message = try form.message(for: changes, to: endpoint, at: signingTime)
        #expect(message.changes.map(\.delivery.id) == changes.map(\.delivery.id))
        try expectGolden(message.body, "batch.\(format.rawValue).\(format == .text ? "txt" : "json")")
    }

    @Test(arguments: Endpoint.Format.allCases, Endpoint.Language.allCases)
    func testsAndHeartbeats(_ format: Endpoint.Format, _ language: Endpoint.Language) throws {
        let endpoint = makeEndpoint(format, language)
        let figures = DeliveryFigures(pending: 2, delivered: 1234, failed: 5)
        let test = form.test(id: "test-1", to: endpoint, at: signingTime)
        let heartbeat = form.heartbeat(id: "beat-1", to: endpoint, at: signingTime, figures: figures)
        #expect(test.id == "test-1" && heartbeat.id == "beat-1")
        #expect(test.changes.isEmpty && heartbeat.changes.isEmpty)
        let both = test.body + Array("\n".utf8) + heartbeat.body
        try expectGolden(both, "service.\(format.rawValue).\(language.rawValue).txt")
    }
}

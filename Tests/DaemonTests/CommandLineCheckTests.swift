import FireModel
import Foundation
import Testing

@testable import firesense

@Suite struct CommandLineCheckTests {
    private func report(_ yaml: String) throws -> CheckReport {
        let scratch = try Scratch()
        let path = try scratch.write("firesense.yaml", yaml)
        return CheckReport(try ConfigurationOption.parse(["--config", path]).load())
    }

    @Test func mistakesAreNamedWithTheirPlace() throws {
        let report = try report("gateway: { id: box-1 }\nmqtt: { port: abc }\nstorr: {}\n")
        #expect(report.exitCode(strict: false) == 78)
        let lines = report.text.split(separator: "\n")
        #expect(lines.contains { $0.hasPrefix("firesense.yaml:2:15: mqtt.port: found 'abc', expected") })
        #expect(lines.contains { $0.hasPrefix("firesense.yaml:3:1: storr: ") })
        #expect(lines.last?.contains("invalid, 2 errors") == true)
    }

    @Test func whatWouldRunIsSummedUp() throws {
        let report = try report("gateway: { id: box-1, areas: [\"320102\"] }\n")
        #expect(report.exitCode(strict: false) == 0)
        #expect(report.exitCode(strict: true) == 3)
        for part in ["gateway    box-1", "areas      320102", "hydrant", "endpoints  none", "1 warning"] {
            #expect(report.text.contains(part), "\(part)")
        }
    }
}

import Testing

@testable import firesense_simulator

@Suite struct CommandTests {
    @Test func runIsTheDefault() throws {
        let command = try #require(try Simulator.parseAsRoot(["--rate", "5", "--duration", "90s"]) as? RunCommand)
        #expect(command.rate == 5)
        #expect(command.duration.duration == .seconds(90))
    }

    @Test func oneDeviceNeedsNoOptionForItsConnection() throws {
        _ = try #require(try Simulator.parseAsRoot(["--devices", "1", "--rate", "1"]) as? RunCommand)
    }

    @Test func allOptionsAreTaken() throws {
        let command = try #require(
            try Simulator.parseAsRoot([
                "run", "--host", "h", "--port", "1884", "--username", "u", "--password-file", "p", "--kinds",
                "smoke=1,panel=1", "--rate", "0", "--count", "100", "--seed", "5", "--qos", "2", "--area", "320104",
                "--connections", "2", "--payload-size", "190", "--no-timestamps", "--fire-at", "20s", "--ledger", "f",
                "--quiet", "--progress", "--mqtt", "3.1.1",
            ]) as? RunCommand)
        #expect(command.count == 100)
        #expect(command.fireAt?.duration == .seconds(20))
        #expect(command.broker.mqtt == "3.1.1")
    }

    @Test(arguments: [
        ["--qos", "3"], ["--duration", "60"], ["--devices", "0"], ["--connections", "0"],
        ["--devices", "2", "--connections", "3"], ["--rate", "-1"],
        ["--rate", "2000", "--devices", "1", "--connections", "1"],
        ["--area", "a/b"], ["--kinds", "boat=1"], ["--kinds", "hydrant=5", "--fire-at", "5s"], ["--payload-size", "0"],
        ["--mqtt", "4"], ["--password-file", "x"], ["--count", "0"], ["--in-flight", "0"], ["fire-latency"],
        ["fire-latency", "--listen-port", "0", "--count", "0"],
        ["fire-latency", "--listen-port", "0", "--background-rate", "1001", "--background-devices", "1"],
    ])
    func wrongUsageIsRefused(arguments: [String]) {
        #expect(throws: (any Error).self) { try Simulator.parseAsRoot(arguments) }
    }
}

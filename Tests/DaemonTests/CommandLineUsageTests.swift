import FireModel
import Testing

@testable import firesense

@Suite struct CommandLineUsageTests {
    @Test(arguments: [
        ["run", "--config", "f"], ["check", "--config", "f", "--strict"],
        ["query", "--device", "d", "--metric", "m", "--component", "c", "--step", "5m", "--fn", "max"],
        ["export", "--format", "line", "--device", "d", "--kind", "hydrant"], ["alarms", "list", "--limit", "5"],
        ["alarms", "show", "019a"], ["alarms", "acknowledge", "019a", "--by", "王班长", "--note", "-"],
        ["alarms", "verdict", "019a", "true_alarm", "--cause", "cooking", "--force"],
        ["alarms", "reset", "019a", "--force"],
        [
            "deliveries", "list", "--state", "dead", "--endpoint", "e", "--alarm", "019a", "--from", "-1h", "--to",
            "-5m",
        ],
        ["deliveries", "show", "019a", "--format", "csv"], ["deliveries", "replay", "a", "b"],
        ["deliveries", "replay", "--endpoint", "e", "--from", "-24h", "--state", "dead"], ["webhooks", "list"],
        ["webhooks", "test", "duty-room", "--format", "json"], ["webhooks", "enable", "duty-room"],
        ["quarantine", "list"], ["quarantine", "show", "5", "--raw"],
        ["quarantine", "retry", "5", "6"], ["decode", "--dialect", "native", "--kind", "hydrant", "file"],
        ["decode", "--dialect", "native", "--hex", "-"], ["tap", "fire/v1/+/smoke/#", "--count", "3", "--raw"],
        ["doctor", "--format", "json"], ["version", "--format", "json"],
        ["query", "--device", "a", "--device", "b", "--metric", "m", "--limit", "5"],
        ["query", "--latest", "--area", "x"],
        ["query", "--metric", "m", "--kind", "hydrant", "--area", "x", "--by", "area", "--step", "1h"],
        ["query", "--address", "10.0.0.5:8470", "--token-file", "t", "--device", "d", "--metric", "m"],
    ])
    func usageOfTheContractIsTaken(arguments: [String]) throws {
        _ = try FireSense.parse(arguments)
    }

    @Test(arguments: [
        ["--bogus"], ["fly"], ["export"], ["export", "--format", "xml"], ["alarms", "verdict", "019a", "maybe"],
        ["alarms", "list", "--state", "asleep"], ["alarms", "list", "--limit", "0"], ["query", "--step", "5"],
        ["query", "--step", "10ms"], ["query", "--fn", "avg"], ["query", "--from", "yesterday"],
        ["query", "--from", "1700000000"], ["query", "--from", "-1h", "--to", "-2h"], ["export", "--from", "-24h"],
        ["query", "--from", "-h2"], ["query", "--by", "area"], ["query", "--by", "colour"],
        ["query", "--latest", "--step", "1h"], ["query", "--latest", "--from", "-1h"], ["decode"],
        ["decode", "--dialect", "morse"], ["decode", "--dialect", "native", "--topic", "t", "--kind", "k"],
        ["tap", "--count", "0"], ["export", "--format", "csv", "--database", "a", "--address", "b"],
        ["quarantine", "retry"], ["quarantine", "show", "x"], ["deliveries", "replay"], ["deliveries", "show"],
        ["deliveries", "replay", "--state", "lost"], ["webhooks", "test"], ["webhooks", "enable"],
    ])
    func wrongUsageEndsWithTwo(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try FireSense.parse(arguments) }
        if let error { #expect(Ending(error).code == 2) }
    }

    /// Known only when the command runs: it looks for names to say, and is wrong usage whether or not there are any.
    @Test(arguments: [[], ["--device", "hydrant-1"], ["--metric", "pressure"]])
    func queryWithoutItsNamesEndsWithTwo(arguments: [String]) async throws {
        let scratch = try Scratch()
        let command = ["query", "--database", scratch.path("none.sqlite")]
        #expect(await FireSense.run(command + arguments) == 2)
        // That there is no such database is another matter.
        #expect(await FireSense.run(command + ["--device", "a", "--metric", "b"]) == 1)
    }

    @Test func aMomentMayBeginWithADash() throws {
        let command = try #require(
            try FireSense.parse(["alarms", "list", "--from", "-24h", "--to", "-5m"]) as? AlarmsListCommand)
        let from = try #require(command.filter.range.from)
        let to = try #require(command.filter.range.to)
        #expect(abs(Timestamp.now - from - 86_400_000) < 60_000)
        #expect(to > from)
    }

    @Test func aMomentIsMillisecondsOrRFC3339() throws {
        let command = try #require(
            try FireSense.parse([
                "export", "--format", "csv", "--from", "1795429200000", "--to", "2026-11-23T18:21:00+08:00",
            ])
                as? ExportCommand)
        #expect(command.time.from?.rfc3339 == "2026-11-23T10:20:00.000Z")
        #expect(command.time.to?.rfc3339 == "2026-11-23T10:21:00.000Z")
    }

    @Test func aWrongDialectNamesTheKnownOnes() {
        let error = #expect(throws: (any Error).self) { try FireSense.parse(["decode", "--dialect", "morse"]) }
        if let error { #expect(Ending(error).text?.contains("native") == true) }
    }

    @Test func endingsHaveTheCodesOfTheContract() {
        #expect(Ending(Failure("it failed", remedy: "mend it")).text == "firesense: it failed; mend it")
        #expect(Ending(Failure("")).code == 1)
        #expect(Ending(BrokenPipe()).code == 0)
        #expect(Ending(BrokenPipe()).text == nil)
    }

    @Test(arguments: [["--help"], ["alarms", "list", "--help"], ["--version"], ["query", "-h"]])
    func helpIsWanted(arguments: [String]) {
        let error = #expect(throws: (any Error).self) {
            var command = try FireSense.parse(arguments)
            try command.run()
        }
        guard let error else { return }
        #expect(Ending(error).code == 0)
        #expect(Ending(error).isWanted)
        #expect(Ending(error).text?.isEmpty == false)
    }

    @Test func theOneWhoActsIsThePersonBehindSudo() throws {
        let options = try ActOptions.parse([])
        #expect(try options.name(environment: ["SUDO_USER": "li", "USER": "root"]) == "li")
        #expect(try options.name(environment: ["USER": "wang"]) == "wang")
        #expect(try ActOptions.parse(["--by", "王班长"]).name(environment: ["USER": "wang"]) == "王班长")
        #expect(try options.name(environment: [:], account: "root") == "root")
        #expect(throws: Failure.self) { try options.name(environment: [:], account: nil) }
    }
}

import FireModel
import Foundation
import Glibc
import Testing

@testable import FireDispatch

/// Real programs.
@Suite struct CommandTests {
    private let delivery = makeDelivery(1, fire: true)

    private func run(_ script: String, timeout: Duration = .seconds(10), body: [UInt8]? = nil) async -> Answer {
        var endpoint = Endpoint(name: "siren", channel: .command(["/bin/sh", "-c", script, "siren", "on"]))
        endpoint.timeout = timeout
        let message = Message(
            id: delivery.id, contentType: "", body: body ?? Array("{\"a\":1}".utf8),
            changes: [Change(delivery: delivery, snapshot: "{}")])
        return await CommandSender().send(message, to: endpoint, now: .wallClock)
    }

    @Test func commandGetsBodyArgumentsAndEnvironment() async {
        let answer = await run(#"echo "$1 $FIRESENSE_ENDPOINT $FIRESENSE_TYPE $FIRESENSE_FIRE $FIRESENSE_ACTIVE"; cat"#)
        #expect(answer.failure == nil)
        #expect(answer.text == "on siren firesense.alarm.raised 1 1\n{\"a\":1}")
    }

    @Test func exitCodeDecidesAndWhatItSaidIsKept() async {
        let answer = await run("echo no relay >&2; exit 3")
        #expect(answer.failure == Failure(reason: .command, text: "exit code 3, expected 0"))
        #expect(answer.text == "no relay\n")
    }

    @Test func programThatIsNotThereIsTold() async {
        let endpoint = Endpoint(name: "siren", channel: .command(["/no/such/siren"]))
        let answer = await CommandSender().send(
            Message(id: "1", contentType: "", body: []), to: endpoint, now: .wallClock)
        #expect(answer.failure?.reason == .command)
        #expect(answer.failure?.text.hasPrefix("/no/such/siren cannot be run: ") == true)
    }

    @Test func inputThatNobodyReadsBreaksNothing() async {
        #expect(await run("exit 0", body: [UInt8](repeating: 65, count: 60_000)).failure == nil)
        #expect(await run("exit 0", body: [UInt8](repeating: 65, count: 70_000)).failure?.reason == .unsendable)
    }

    @Test func longOutputIsReadAndItsBeginningKept() async {
        let answer = await run("head -c 3000000 /dev/zero | tr '\\0' x")
        #expect(answer.failure == nil)
        #expect(answer.text?.utf8.count == 2048)
    }

    @Test func whatItLeavesRunningHoldsNothingUp() async {
        let answer = await run("echo started; sleep 1000 & echo $!", timeout: .seconds(30))
        #expect(answer.failure == nil)
        #expect(answer.took < .seconds(20))
        if let pid = answer.text?.split(separator: "\n").last.flatMap({ pid_t($0) }) { kill(pid, SIGKILL) }
    }

    @Test func commandThatTakesTooLongIsEndedWithEverythingItStarted() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "pid-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        let answer = await run("sleep 1000 & echo $! > '\(file)'; wait", timeout: .milliseconds(500))
        #expect(answer.failure?.reason == .timeout)
        let text = try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        let pid = try #require(pid_t(text))
        try await eventually("the sleep is gone") { kill(pid, 0) != 0 }
    }
}

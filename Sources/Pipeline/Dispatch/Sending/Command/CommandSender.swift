import FireModel
import Foundation
import Subprocess
import SystemPackage

/// Runs a program of this machine for each message, a siren or a script: the body is its standard input, exit code 0
/// within the time-out is success. One that takes longer is ended, with everything it has started.
struct CommandSender: Sender {
    /// Bytes of what it prints that are kept.
    private static let keptOutput = 2048
    /// From SIGTERM to SIGKILL.
    private static let grace = Duration.seconds(1)
    /// What a pipe holds, so that the body is in it before the program runs: one that ignores its input, as a siren
    /// may, must break nothing.
    private static let largestBody = 64 << 10

    func send(_ message: Message, to endpoint: Endpoint, now: Timestamp) async -> Answer {
        guard case .command(let words) = endpoint.channel, let program = words.first else {
            return Answer(failure: Failure(reason: .unsendable, text: "no command to run"), took: .zero)
        }
        let started = ContinuousClock.now
        // Starting a process takes longer than anything else waits for on the threads that send.
        let answer = await withTaskExecutorPreference(globalConcurrentExecutor) {
            await within(endpoint.timeout) { await run(program, Array(words.dropFirst()), message, endpoint) }
        }
        var result = answer ?? Answer(failure: .timeout(endpoint.timeout), took: .zero)
        result.took = started.duration(to: .now)
        return result
    }

    func shutdown() async {}

    private func run(_ program: String, _ words: [String], _ message: Message, _ endpoint: Endpoint) async -> Answer {
        let output: OutputCapture
        let input: FileDescriptor
        do {
            output = try OutputCapture(keeping: Self.keptOutput)
        } catch {
            let failure = Failure(reason: .unsendable, text: "what the command prints cannot be read: \(error)")
            return Answer(failure: failure, took: .zero)
        }
        do {
            input = try Self.pipe(holding: message.body)
        } catch {
            try? output.writingEnd.close()
            _ = await output.end()
            let failure = Failure(reason: .unsendable, text: "the command cannot be given its input: \(error)")
            return Answer(failure: failure, took: .zero)
        }
        var options = PlatformOptions()
        // A session of its own, so that what it has started ends with it.
        options.createSession = true
        options.teardownSequence = [.gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: Self.grace)]
        do {
            let result = try await Subprocess.run(
                .path(FilePath(program)), arguments: Arguments(words),
                environment: .inherit.updating(Self.environment(message, endpoint)), platformOptions: options,
                input: .fileDescriptor(input, closeAfterSpawningProcess: true),
                output: .fileDescriptor(output.writingEnd, closeAfterSpawningProcess: true),
                error: .combinedWithOutput)
            return Answer(
                failure: Self.failure(result.terminationStatus, endpoint.timeout), text: await output.end(),
                took: .zero)
        } catch {
            _ = await output.end()
            let failure =
                Task.isCancelled
                ? .timeout(endpoint.timeout)
                : Failure(reason: .command, text: "\(program) cannot be run: \(error)", isLasting: true)
            return Answer(failure: failure, took: .zero)
        }
    }

    private static func failure(_ status: TerminationStatus, _ timeout: Duration) -> Failure? {
        if Task.isCancelled { return .timeout(timeout) }
        switch status {
        case .exited(0): return nil
        case .exited(let code): return Failure(reason: .command, text: "exit code \(code), expected 0")
        case .signaled(let signal): return Failure(reason: .command, text: "ended by signal \(signal)")
        }
    }

    /// What a script can use without reading JSON.
    private static func environment(_ message: Message, _ endpoint: Endpoint) -> [Environment.Key: String?] {
        var values: [Environment.Key: String?] = [
            "FIRESENSE_ENDPOINT": endpoint.name, "FIRESENSE_ID": message.id, "FIRESENSE_TYPE": message.type,
        ]
        if let delivery = message.changes.first?.delivery {
            values["FIRESENSE_ALARM"] = delivery.alarm
            values["FIRESENSE_DEVICE"] = delivery.device
            values["FIRESENSE_FIRE"] = delivery.isFire ? "1" : "0"
            values["FIRESENSE_REPLAY"] = delivery.replayedAt == nil ? "0" : "1"
            values["FIRESENSE_ACTIVE"] = delivery.isActive ? "1" : "0"
        }
        // Told to systemd by a child, it would be taken for ours.
        values["NOTIFY_SOCKET"] = .some(nil)
        values["WATCHDOG_USEC"] = .some(nil)
        return values
    }

    /// The reading end of a pipe that has all of it and is at its end then.
    private static func pipe(holding body: [UInt8]) throws -> FileDescriptor {
        guard body.count <= largestBody else { throw Errno.messageTooLong }
        let ends = try FileDescriptor.pipe()
        do {
            try ends.writeEnd.closeAfter {
                // It has room for all of it; should a kernel give it less, this must not wait for a reader.
                guard fcntl(ends.writeEnd.rawValue, F_SETFL, O_NONBLOCK) == 0 else { throw Errno(rawValue: errno) }
                let written = try body.withUnsafeBytes { try ends.writeEnd.write($0) }
                guard written == body.count else { throw Errno.noBufferSpace }
            }
        } catch {
            try? ends.readEnd.close()
            throw error
        }
        return ends.readEnd
    }
}

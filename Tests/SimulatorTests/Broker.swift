import Foundation

/// A real mosquitto on a free port, with a folder of its own.
final class Broker {
    let port: UInt16
    let folder: URL
    private let process: Process

    struct DidNotStart: Error {}

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("broker-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        port = try RawClient.freePort()
        let file = folder.appendingPathComponent("mosquitto.conf")
        let configuration = """
            listener \(port) 127.0.0.1
            allow_anonymous true
            persistence false
            max_queued_messages 0
            set_tcp_nodelay true
            log_dest none
            """
        try configuration.write(to: file, atomically: true, encoding: .utf8)
        process = try Self.start("/usr/sbin/mosquitto", ["-c", file.path])
        let deadline = ContinuousClock.now + .seconds(10)
        while (try? RawClient(port: port)) == nil {
            guard process.isRunning, ContinuousClock.now < deadline else { throw DidNotStart() }
            usleep(10_000)
        }
    }

    /// Not left to `deinit`, which may come before the last message.
    func stop() {
        // Started from a thread of the runtime, it has inherited a mask that blocks SIGTERM.
        kill(process.processIdentifier, SIGKILL)
        try? FileManager.default.removeItem(at: folder)
    }

    /// From now on the broker keeps everything for `collect`.
    func subscribe() throws {
        _ = try Self.output("/usr/bin/mosquitto_sub", session + ["-E"])
    }

    /// What was kept: topic and payload of each message.
    func collect(_ count: Int) throws -> [(topic: String, payload: String)] {
        let text = try Self.output("/usr/bin/mosquitto_sub", session + ["-C", "\(count)", "-W", "20", "-F", "%t %p"])
        return text.split(separator: "\n").map { line in
            let parts = line.split(separator: " ", maxSplits: 1)
            return (String(parts[0]), String(parts.last ?? ""))
        }
    }

    private var session: [String] { ["-p", "\(port)", "-i", "collector", "-c", "-q", "1", "-t", "fire/v1/#"] }

    private static func output(_ program: String, _ arguments: [String]) throws -> String {
        let pipe = Pipe()
        _ = try start(program, arguments, pipe)
        return String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    }

    private static func start(_ program: String, _ arguments: [String], _ output: Pipe? = nil) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = output ?? FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }
}

import Foundation

/// A real mosquitto on a free loopback port, persistent, in a folder of its own.
///
/// `@unchecked Sendable`: started and stopped by the test's own task only; publishing touches constants.
final class Broker: @unchecked Sendable {
    let port: Int
    private let scratch: Scratch
    private let configuration: String
    private var program: Program?

    /// - Parameter extra: lines added to the configuration.
    init(extra: String = "", anonymous: Bool = true) async throws {
        scratch = try Scratch()
        port = try freePort()
        // Debian's mosquitto gives up root for a user that must be able to write here.
        configuration = try scratch.write(
            "mosquitto.conf",
            """
            user root
            listener \(port) 127.0.0.1
            allow_anonymous \(anonymous)
            persistence true
            persistence_location \(scratch.url.path)/
            autosave_interval 1
            max_inflight_messages 10000
            max_queued_messages 500000
            max_packet_size 2097152
            set_tcp_nodelay true
            \(extra)

            """)
        try await start()
    }

    func start() async throws {
        program = try Program(Self.executable, ["-c", configuration])
        try await eventually("the broker listens on \(port)") { self.accepts }
    }

    /// Saves its sessions and queues and ends.
    func stop() async throws {
        try await program?.stopped()
        program = nil
    }

    private static let executable =
        FileManager.default.isExecutableFile(atPath: "/usr/sbin/mosquitto")
        ? "/usr/sbin/mosquitto" : "/usr/bin/mosquitto"

    private var accepts: Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        return connectLoopback(descriptor, port)
    }

    /// Publishes one message at QoS 1 and waits for the broker's acknowledgement.
    func publish(_ topic: String, _ payload: String, retain: Bool = false, arguments: [String] = []) async throws {
        let file = try Scratch()
        try await publish(topic, file: try file.write("payload", payload), retain: retain, arguments: arguments)
    }

    func publish(_ topic: String, file: String, retain: Bool = false, arguments: [String] = []) async throws {
        var all = ["-h", "127.0.0.1", "-p", "\(port)", "-q", "1", "-t", topic, "-f", file] + arguments
        if retain { all.append("-r") }
        let program = try Program("/usr/bin/mosquitto_pub", all)
        let status = try await program.ended()
        guard status == 0 else { throw Overdue(description: "mosquitto_pub: \(program.standardError)") }
    }

    /// One message a line, in order, over one connection.
    func publishLines(_ topic: String, _ payloads: [String]) async throws {
        let file = try Scratch()
        let path = try file.write("lines", payloads.joined(separator: "\n") + "\n")
        let program = try Program(
            "/bin/sh", ["-c", "exec mosquitto_pub -h 127.0.0.1 -p \(port) -q 1 -t '\(topic)' -l < '\(path)'"])
        let status = try await program.ended()
        guard status == 0 else { throw Overdue(description: "mosquitto_pub -l: \(program.standardError)") }
    }
}

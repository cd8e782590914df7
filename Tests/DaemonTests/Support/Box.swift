import Foundation

/// A gateway under test: the real binary with a configuration and a state folder of its own.
final class Box {
    let scratch: Scratch
    let httpPort: Int
    let configuration: String
    private(set) var daemon: Program?

    /// - Parameters:
    ///   - store: path of the database; in the box's own folder when absent.
    ///   - webhooks: name → url.
    ///   - extra: further YAML at top level.
    ///   - endpoints: further entries of `webhooks`, as YAML.
    init(
        broker: Int, webhooks: [(name: String, url: String)] = [], store: String? = nil, mqtt: String = "",
        webhookExtra: String = "",
        linger: String = "500ms", extra: String = "", endpoints: String = ""
    ) throws {
        let scratch = try Scratch()
        self.scratch = scratch
        httpPort = try freePort()
        // The type is spelt out: GRDB, somewhere in this bundle, knows another `joined`.
        let hooks: String =
            try webhooks.map { hook -> String in
                let secret = try scratch.write("secret-\(hook.name)", Self.secret + "\n")
                return
                    "  - { name: \(hook.name), url: \"\(hook.url)\", secret_file: \(secret), heartbeat: 0s, timeout: 2s \(webhookExtra) }"
            }.joined(separator: "\n")
        configuration = try scratch.write(
            "firesense.yaml",
            """
            gateway: { id: box-1 }
            mqtt: { host: 127.0.0.1, port: \(broker) \(mqtt) }
            store: { path: \(store ?? scratch.path("firesense.sqlite")), linger: \(linger) }
            http: { listen: "127.0.0.1:\(httpPort)" }
            webhooks: \(hooks.isEmpty && endpoints.isEmpty ? "[]" : "\n\(hooks)\n\(endpoints)")
            \(extra)

            """)
    }

    static let secret = "whsec_" + Data(repeating: 7, count: 32).base64EncodedString()

    deinit { daemon?.signal(SIGKILL) }

    /// - Parameter canLoseFiles: `limitFiles` will be used: a write beyond the limit is an error and not the end.
    func start(
        waitUntilReady: Bool = true, environment: [String: String] = [:], canLoseFiles: Bool = false
    ) async throws {
        let firesense = Program.products.appending(path: "firesense").path
        let program =
            canLoseFiles
            ? try Program(
                "/bin/sh", ["-c", "trap '' XFSZ; exec '\(firesense)' run --config '\(configuration)'"],
                environment: environment)
            : try Program(firesense, ["run", "--config", configuration], environment: environment)
        daemon = program
        guard waitUntilReady else { return }
        do {
            try await eventually("the daemon is ready", within: .seconds(60)) {
                guard program.isRunning else {
                    throw Overdue(description: "the daemon ended: \(program.standardError)")
                }
                return await self.status("/readyz") == 200
            }
        } catch {
            let text = (try? String(contentsOfFile: configuration, encoding: .utf8)) ?? ""
            throw Overdue(description: "\(error)\n\(program.standardError)\n\(text)")
        }
    }

    /// No file of the daemon can be written any more, as on a disk that is full for all; or all can again.
    func limitFiles(_ isLimited: Bool) async throws {
        guard let pid = daemon?.pid else { return }
        let program = try Program("/usr/bin/prlimit", ["--pid", "\(pid)", "--fsize=\(isLimited ? "1" : "unlimited"):"])
        guard try await program.ended() == 0 else { throw Overdue(description: program.standardError) }
    }

    /// Seconds of processor time the daemon has used.
    func processorTime() throws -> Double {
        let text = try String(contentsOfFile: "/proc/\(daemon?.pid ?? 0)/stat", encoding: .utf8)
        // Behind the name, which may contain anything: state, …, utime and stime as fields 14 and 15.
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
            throw Overdue(description: "no processor time in '\(text)'")
        }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    func kill() async throws { try await daemon?.killed() }
    func stop() async throws { try await daemon?.stopped() }
    var log: String { daemon?.standardError ?? "" }

    // MARK: HTTP

    func status(_ path: String) async -> Int { await httpGet(port: httpPort, path).status }

    func get(_ path: String) async throws -> [String: Any] {
        let (status, data) = await httpGet(port: httpPort, path)
        guard status == 200, let object = try JSONSerialization.jsonObject(with: data) as? [String: Any] else {
            throw Overdue(description: "GET \(path): \(status) \(String(decoding: data, as: UTF8.self))")
        }
        return object
    }

    func items(_ path: String) async throws -> [[String: Any]] {
        try await get(path)["items"] as? [[String: Any]] ?? []
    }

    func stat(_ name: String) async throws -> Int {
        (try await get("/api/v1/stats")[name] as? NSNumber)?.intValue ?? -1
    }

    // MARK: Command line

    /// Standard output of a command on this box's configuration.
    func command(_ arguments: String..., expecting status: Int32 = 0) async throws -> String {
        let program = try Program(
            Program.products.appending(path: "firesense").path, arguments + ["--config", configuration])
        let ended = try await program.ended(within: .seconds(120))
        guard ended == status else {
            throw Overdue(
                description:
                    "firesense \(arguments): exit \(ended)\n\(program.standardOutput)\n\(program.standardError)")
        }
        return program.standardOutput
    }

    /// Lines of `export`, the header left out.
    func exported() async throws -> [String] {
        let path = scratch.path("export-\(UUID().uuidString.prefix(6)).csv")
        let firesense = Program.products.appending(path: "firesense").path
        let program = try Program(
            "/bin/sh", ["-c", "exec '\(firesense)' export --format csv --config '\(configuration)' > '\(path)'"])
        let ended = try await program.ended(within: .seconds(300))
        guard ended == 0 else { throw Overdue(description: "export: exit \(ended) \(program.standardError)") }
        let text = try String(contentsOfFile: path, encoding: .utf8)
        return text.split(separator: "\n").dropFirst().map(String.init)
    }
}

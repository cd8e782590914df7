import Foundation
import Glibc
import Testing

/// A real mosquitto on a free port of the loopback interface, in a folder of its own. Ended with the object.
final class Broker: @unchecked Sendable {
    let port: Int
    let folder: URL
    private let configuration: String
    private var process: pid_t?

    /// - Parameter text: goes into the configuration; `FOLDER` stands for the broker's folder. Without a line
    ///   about it, anonymous users are allowed.
    /// - Parameter files: written into the folder first.
    init(_ text: String = "", folder: URL? = nil, files: [String: String] = [:]) async throws {
        port = try freePort()
        self.folder =
            folder ?? FileManager.default.temporaryDirectory.appending(path: "firesense-broker-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        for (name, content) in files {
            try content.write(to: self.folder.appending(path: name), atomically: true, encoding: .utf8)
        }
        var text = text.replacingOccurrences(of: "FOLDER", with: self.folder.path)
        if !text.contains("allow_anonymous") { text += "\nallow_anonymous true" }
        configuration = """
            listener \(port) 127.0.0.1
            user \(NSUserName())
            log_type all
            \(text)

            """
        try await start()
    }

    /// Access rules that can refuse a subscription: those of a file only keep messages from being delivered.
    static let accessRules = """
        plugin /usr/lib/\(architecture)-linux-gnu/mosquitto_dynamic_security.so
        plugin_opt_config_file FOLDER/access.json
        """
    static let noEvents = #"""
        {"defaultACLAccess":{"publishClientSend":true,"publishClientReceive":true,"subscribe":true,"unsubscribe":true},
         "clients":[],"groups":[{"groupname":"all","roles":[{"rolename":"all"}]}],"anonymousGroup":"all",
         "roles":[{"rolename":"all","acls":[
           {"acltype":"subscribePattern","topic":"fire/v1/+/+/+/event","allow":false},
           {"acltype":"publishClientSend","topic":"$CONTROL/dynamic-security/#","allow":true}]}]}
        """#
    static let allowEvents = #"""
        {"commands":[{"command":"removeRoleACL","rolename":"all","acltype":"subscribePattern",
          "topic":"fire/v1/+/+/+/event"}]}
        """#
    #if arch(arm64)
        private static let architecture = "aarch64"
    #else
        private static let architecture = "x86_64"
    #endif

    func start() async throws {
        let file = folder.appending(path: "mosquitto.conf")
        try configuration.write(to: file, atomically: true, encoding: .utf8)
        let log = folder.appending(path: "log").path
        let identifier = try spawn("/usr/sbin/mosquitto", ["-c", file.path], log: log)
        process = identifier
        try await eventually("mosquitto accepts connections on port \(port)") {
            let isRunning = waitpid(identifier, nil, WNOHANG) == 0
            try #require(isRunning, "mosquitto ended: \((try? String(contentsOfFile: log, encoding: .utf8)) ?? "")")
            return accepts(port)
        }
    }

    /// As systemd stops it: the database of sessions is saved.
    func stop() {
        guard let process else { return }
        self.process = nil
        kill(process, SIGTERM)
        waitpid(process, nil, 0)
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(at: folder)
    }
}

/// Waits for a condition of another process or thread, at most `seconds`.
func eventually(
    _ what: String, within seconds: Double = 15, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while try !condition() {
        try #require(ContinuousClock.now < deadline, "within \(seconds) s: \(what)", sourceLocation: sourceLocation)
        try await Task.sleep(for: .milliseconds(2))
    }
}

/// A port nobody listens on at this moment.
///
/// Below the kernel's ephemeral ports: there, the next outgoing connection of any test could take it, and somebody
/// who asks whether it is open could connect to himself.
func freePort() throws -> Int {
    for _ in 0..<100 {
        let port = Int.random(in: 20_000..<32_000)
        let descriptor = try loopbackSocket()
        defer { close(descriptor) }
        var address = loopback(port)
        let isFree = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        if isFree { return port }
    }
    throw NoFreePort()
}

private struct NoFreePort: Error {}

private func accepts(_ port: Int) -> Bool {
    guard let descriptor = try? loopbackSocket() else { return false }
    defer { close(descriptor) }
    var address = loopback(port)
    return withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}

private func loopbackSocket() throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    try #require(descriptor >= 0)
    return descriptor
}

private func loopback(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
}

/// Starts a program. Not by `Process`, whose end cannot be waited for from within a task.
private func spawn(_ program: String, _ arguments: [String], log: String) throws -> pid_t {
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    // Threads of the concurrency pool block signals, and a child inherits that: SIGTERM would not end it.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    let words: [String] = [program] + arguments
    var strings: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    defer { strings.forEach { free($0) } }
    strings.append(nil)
    var identifier = pid_t()
    try #require(posix_spawn(&identifier, program, &files, &attributes, &strings, environ) == 0)
    return identifier
}

/// Runs a program to its end and expects success.
func run(_ program: String, _ arguments: String...) throws {
    let identifier = try spawn(program, arguments, log: "/dev/null")
    var status: Int32 = -1
    let ended = waitpid(identifier, &status, 0)
    try #require(ended == identifier && status == 0, "\(program) \(arguments.joined(separator: " ")) failed")
}

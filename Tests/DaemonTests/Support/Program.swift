import Foundation

/// A program started by a test: output collected, always ended.
final class Program: @unchecked Sendable {
    private let process = Process()
    /// Output goes to files, which are whole when the program has ended; a pipe's last bytes come when they like.
    private let output: URL
    private let errors: URL

    /// Where the build puts its products: beside the test bundle.
    static let products: URL = {
        let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }
        return (bundle?.bundleURL ?? URL(filePath: CommandLine.arguments[0])).deletingLastPathComponent()
    }()

    init(_ executable: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        process.executableURL = URL(filePath: executable)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, mine in mine }
        process.standardInput = FileHandle.nullDevice
        let name = FileManager.default.temporaryDirectory.appending(path: "firesense-test-\(UUID().uuidString)").path
        output = URL(filePath: name + ".out")
        errors = URL(filePath: name + ".err")
        for url in [output, errors] { try Data().write(to: url) }
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        // A child inherits the signals its parent's thread blocks, and those of the task pool block SIGTERM.
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try process.run()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        for url in [output, errors] { try? FileManager.default.removeItem(at: url) }
    }

    static func firesense(_ arguments: String..., environment: [String: String] = [:]) throws -> Program {
        try Program(products.appending(path: "firesense").path, arguments, environment: environment)
    }

    var pid: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }
    var standardOutput: String { text(output) }
    var standardError: String { text(errors) }
    private func text(_ url: URL) -> String { String(decoding: (try? Data(contentsOf: url)) ?? Data(), as: UTF8.self) }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// The exit status; a program that was killed has none of its own.
    @discardableResult
    func ended(within limit: Duration = .seconds(60)) async throws -> Int32 {
        try await eventually("'\(process.executableURL?.lastPathComponent ?? "")' ends", within: limit) {
            !self.process.isRunning
        }
        return process.terminationStatus
    }

    func killed() async throws {
        signal(SIGKILL)
        try await ended()
    }

    func stopped() async throws {
        signal(SIGTERM)
        try await ended()
    }
}

struct Overdue: Error, CustomStringConvertible {
    var description: String
}

/// Waits for a condition, not for a time.
func eventually(
    _ what: String, within limit: Duration = .seconds(30), every pause: Duration = .milliseconds(20),
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now.advanced(by: limit)
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw Overdue(description: "\(what): not within \(limit)") }
        try await Task.sleep(for: pause)
    }
}

/// A folder of its own for each test, removed with it.
final class Scratch: Sendable {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "firesense-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func path(_ name: String) -> String { url.appending(path: name).path }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        try text.write(toFile: path(name), atomically: true, encoding: .utf8)
        return path(name)
    }
}

/// A port nobody listens on now.
///
/// Below the kernel's ephemeral ports: there, the next outgoing connection of any test could take it, and somebody
/// who asks whether it is open could connect to himself.
func freePort() throws -> Int {
    for _ in 0..<100 {
        let port = Int.random(in: 20_000..<32_000)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        address.sin_port = UInt16(port).bigEndian
        let isFree = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        if isFree { return port }
    }
    throw Overdue(description: "no free port")
}

import FireModel
import FireServe
import Foundation
import Hummingbird
import HummingbirdTesting
import Logging

@testable import FireServe

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A tokens file; the tokens are `reading-token`, `operating-token` and `ruling-token`.
let tokensFile = """
    # name scope sha256-of-token
    prometheus read    49117c0502c7582e3285bd7e29ff02cc6ceb3dcc392486d6dfe180294f24f1d7
    duty-room  operate 3f7122c3631ef18c6e404aff52b3f3252490c3e55f6287389d48cf357d693ef8   # the night shift too

    office     admin   F423C6D959F26CC469E861D61D8CCE4066849C7CCDDA83CA35010FDCCD92F486
    """

extension ServeSettings {
    static func testing(_ change: (inout ServeSettings) -> Void = { _ in }) -> ServeSettings {
        var settings = ServeSettings()
        settings.port = 0
        change(&settings)
        return settings
    }
}

func server(
    _ gateway: MemoryGateway = MemoryGateway(), _ settings: ServeSettings = .testing(),
    onListening: @escaping @Sendable (Int) -> Void = { _ in }
) throws -> HTTPServer {
    try HTTPServer(settings, gateway: gateway.gateway, logger: quiet, clock: { Sample.now }, onListening: onListening)
}

/// Runs the server's listeners while the test runs; gives it the bound TCP port once all are up.
func withServer(
    _ gateway: MemoryGateway = MemoryGateway(), _ settings: ServeSettings = .testing(),
    _ test: @escaping @Sendable (HTTPServer, Int) async throws -> Void
) async throws {
    let (ports, announce) = AsyncStream<Int>.makeStream()
    let server = try server(gateway, settings) { announce.yield($0) }
    try await withThrowingTaskGroup(of: Void.self) { group in
        for service in server.services {
            group.addTask { try await service.runService(gracefulShutdownSignals: []) }
        }
        defer { group.cancelAll() }
        guard let port = await ports.first(where: { _ in true }) else { throw Expired() }
        if let path = settings.controlSocketPath {
            try await eventually { mode(of: path) == 0o660 || mode(of: path) == 0o600 }
        }
        try await test(server, port)
    }
}

struct Expired: Error {}

/// Waits for a condition, at most ten seconds.
func eventually(_ condition: @Sendable () throws -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(10)
    while try !condition() {
        guard ContinuousClock.now < end else { throw Expired() }
        try await Task.sleep(for: .milliseconds(5))
    }
}

func mode(of path: String) -> UInt16? {
    var status = stat()
    return lstat(path, &status) == 0 ? UInt16(status.st_mode & 0o777) : nil
}

/// A folder of its own, removed afterwards. Short, because a socket's path may have 107 bytes.
func withFolder(_ body: (String) async throws -> Void) async throws {
    var template = Array("/tmp/fs-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { throw Expired() }
    let folder = String(cString: made)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await body(folder)
}

extension TestResponse {
    var json: JSON { get throws { try JSONDecoder().decode(JSON.self, from: Data(buffer: body)) } }
    var text: String { String(buffer: body) }
}

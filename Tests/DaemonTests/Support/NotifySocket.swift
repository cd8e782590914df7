import Foundation

/// The service manager's end of sd_notify(3): what the daemon tells systemd.
///
/// `@unchecked Sendable`: read by the test's own task only.
final class NotifySocket: @unchecked Sendable {
    private let scratch: Scratch
    private let descriptor: Int32
    private var told: [String] = []
    let path: String

    init() throws {
        scratch = try Scratch()
        path = scratch.path("notify")
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = path
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(name.utf8)) }
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        guard isBound else { throw Overdue(description: "cannot bind \(path)") }
    }

    deinit { close(descriptor) }

    var environment: [String: String] { ["NOTIFY_SOCKET": path] }

    /// One assignment each, in order.
    var assignments: [String] {
        var buffer = [UInt8](repeating: 0, count: 8192)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            guard count > 0 else { return told }
            told += String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n").map(String.init)
        }
    }

    func count(_ assignment: String) -> Int { assignments.count { $0 == assignment } }
    var status: String { assignments.last { $0.hasPrefix("STATUS=") } ?? "" }
}

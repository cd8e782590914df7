import Glibc

/// The socket file of the daemon on this machine.
enum ControlSocket {
    enum Search: Equatable {
        case found(String)
        /// What was tried, each with the reason why it is not it.
        case none([String])
    }

    /// The first of `paths` behind which somebody listens.
    static func find(_ paths: [String]) -> Search {
        var tried: [String] = []
        for path in paths where !tried.contains(where: { $0.hasPrefix("\(path) (") }) {
            guard let reason = refusal(path) else { return .found(path) }
            tried.append("\(path) (\(reason))")
        }
        return .none(tried)
    }

    /// Why a file cannot be read; `nil`: it can.
    static func unreadable(_ path: String) -> String? { access(path, R_OK) == 0 ? nil : message(errno) }

    /// Why nobody can be talked to through `path`; `nil`: somebody can.
    private static func refusal(_ path: String) -> String? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { place in
            guard bytes.count < place.count else { return false }
            place.copyBytes(from: bytes)
            return true
        }
        guard fits else { return "longer than a socket's path may be" }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return message(errno) }
        defer { close(descriptor) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return result == 0 ? nil : message(errno)
    }

    private static func message(_ code: Int32) -> String {
        code == ECONNREFUSED ? "no daemon is running" : String(cString: strerror(code))
    }
}

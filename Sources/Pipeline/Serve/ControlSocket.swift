import Glibc

/// The socket file of the local command line (contract 1): whoever may open it has scope `admin`.
enum ControlSocket {
    static let group = "firesense"

    /// Called right after the socket was bound. Until then the umask has kept others out: connecting
    /// needs write permission on the file.
    ///
    /// - Returns: what could not be done, for the log.
    static func restrict(_ path: String) -> String? {
        if let gid = groupID(named: group), chown(path, uid_t.max, gid) != 0 {
            // Without the group the socket serves root and the daemon's own user only, never more.
            let cause = "group '\(group)' could not be set: \(message(errno))"
            return chmod(path, 0o600) == 0 ? cause : "mode could not be set: \(message(errno))"
        }
        return chmod(path, 0o660) == 0 ? nil : "mode could not be set: \(message(errno))"
    }

    private static func groupID(named name: String) -> gid_t? {
        var entry = group_entry()
        var found: UnsafeMutablePointer<group_entry>?
        var buffer = [CChar](repeating: 0, count: 16 * 1024)
        guard getgrnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return entry.gr_gid
    }

    private static func message(_ code: Int32) -> String { String(cString: strerror(code)) }
}

private typealias group_entry = Glibc.group

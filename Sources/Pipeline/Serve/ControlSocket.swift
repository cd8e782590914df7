import Glibc

/// The socket file of the local command line (contract 1): whoever may open it has scope `admin`.
enum ControlSocket {
    static let group = "firesense"

    /// Called right after the socket was bound. Until then the umask has kept others out: connecting
    /// needs write permission on the file.
    ///
    /// - Returns: what could not be done, for the log.
    static func restrict(_ path: String, to group: String = group) -> String? {
        let cause: String?
        if let gid = groupID(named: group) {
            cause =
                chown(path, uid_t.max, gid) == 0 ? nil : "group '\(group)' could not be set: \(message(errno))"
        } else {
            cause = "there is no group '\(group)'"
        }
        // Without the group the socket serves root and the daemon's own user only, never more: the group it has
        // by itself may be one that everybody is in.
        guard chmod(path, cause == nil ? 0o660 : 0o600) == 0 else { return "mode could not be set: \(message(errno))" }
        return cause
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

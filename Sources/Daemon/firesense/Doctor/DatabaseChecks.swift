import FireModel
import FireStore
import Glibc

/// Whether the database is whole.
enum DatabaseChecks {
    private static let limit = Duration.seconds(120)

    static func run(_ path: String) async -> [Finding] {
        let check = "database"
        if access(path, F_OK) != 0 {
            return errno == ENOENT
                ? [.ok(check, "\(path) is not there yet: the daemon makes it when it starts")]
                : [.warn(check, "\(path): \(String(cString: strerror(errno)))", "use sudo")]
        }
        return await onOwnThread(within: limit) { inspect(path, check) }
            ?? [.warn(check, "not checked within \(limit.firesense)", "run sqlite3 \(path) 'PRAGMA quick_check'")]
    }
}

private func inspect(_ path: String, _ check: String) -> [Finding] {
    do {
        let damage = try StoreInspector.integrityCheck(path: path)
        guard let first = damage.first else { return [.ok(check, "\(path) is whole, its schema is known")] }
        let more = damage.count > 1 ? " and \(damage.count - 1) more" : ""
        return [
            .fail(
                check, "\(path) is damaged: \(first)\(more)",
                "stop the daemon, keep the file, save what sqlite3 .recover still reads, start with an empty one")
        ]
    } catch {
        return [.fail(check, "\(error)", nil)]
    }
}

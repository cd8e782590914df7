import FireModel
import FireSettings
import FireSystemd
import Foundation
import Glibc

/// What is checked without asking anybody else.
enum MachineChecks {
    static func configuration(_ loaded: LoadedConfiguration) -> [Finding] {
        let check = "configuration"
        if let first = loaded.errors.first {
            let more = loaded.errors.count > 1 ? " and \(loaded.errors.count - 1) more" : ""
            return [.fail(check, "\(first)\(more)", "see firesense check")]
        }
        // An endpoint for fire is a matter of its own.
        let warnings = loaded.warnings.filter { $0.path != "webhooks" }
        guard let first = warnings.first else {
            return [.ok(check, "\(loaded.path) is valid, gateway \(loaded.gatewayID)")]
        }
        let more = warnings.count > 1 ? " and \(warnings.count - 1) more" : ""
        return [.warn(check, "\(first)\(more)", "see firesense check")]
    }

    static func fireEndpoints(_ endpoints: [Endpoint]) -> [Finding] {
        let names = endpoints.filter { !$0.excludeFire }.map(\.name)
        guard !names.isEmpty else {
            return [
                .fail(
                    "fire endpoint", endpoints.isEmpty ? "no webhook is configured" : "every webhook says exclude_fire",
                    "a fire would be seen by nobody: add an endpoint under webhooks that takes fire")
            ]
        }
        return [.ok("fire endpoint", "fire goes to \(names.joined(separator: ", "))")]
    }

    // MARK: Clock

    /// What the kernel says of the clock.
    struct Clock {
        var now: Timestamp
        var isSynchronised: Bool
        /// The daemon that sets it, if one runs.
        var disciplinedBy: String?

        static var current: Clock {
            Clock(
                now: .now, isSynchronised: Systemd.kernelClockIsSynchronised,
                disciplinedBy: daemons.first { access($0.folder, F_OK) == 0 }?.name)
        }

        /// Run-time folders of the daemons that discipline a clock.
        private static let daemons: [(folder: String, name: String)] = [
            ("/run/systemd/timesync", "systemd-timesyncd"), ("/run/chrony", "chrony"), ("/run/ntpd.sock", "ntpd"),
            ("/run/ntpsec", "NTPsec"),
        ]
    }

    static func clock(_ clock: Clock) -> [Finding] {
        let remedy = "alarms carry these times: see timedatectl, install systemd-timesyncd or chrony, allow NTP out"
        if clock.now < .plausibleFloor { return [.fail("clock", "it is \(clock.now.rfc3339), which is wrong", remedy)] }
        if clock.isSynchronised {
            return [
                .ok(
                    "clock", "synchronised" + (clock.disciplinedBy.map { " by \($0)" } ?? "") + ", \(clock.now.rfc3339)"
                )
            ]
        }
        if let daemon = clock.disciplinedBy {
            return [.warn("clock", "\(daemon) runs, but the clock is not synchronised (\(clock.now.rfc3339))", remedy)]
        }
        return [
            .warn(
                "clock", "nothing synchronises it on this machine (\(clock.now.rfc3339))",
                "in a container or virtual machine see to the host's clock; else \(remedy)")
        ]
    }

    // MARK: Disk

    static func disk(_ store: Configuration.Store) -> [Finding] {
        let directory = URL(filePath: store.path).deletingLastPathComponent().path
        guard access(directory, F_OK) == 0 else {
            return [
                .fail(
                    "disk", "the state directory \(directory) cannot be reached: \(String(cString: strerror(errno)))",
                    "create it for the user of the daemon: install -d -o firesense -g firesense -m 0750 \(directory)")
            ]
        }
        return [space(directory), ownership(store.path, directory)]
    }

    private static func space(_ directory: String) -> Finding {
        var system = statvfs()
        guard statvfs(directory, &system) == 0 else {
            return .fail("disk", "no answer about \(directory): \(String(cString: strerror(errno)))", nil)
        }
        let block = UInt64(system.f_frsize)
        return space(
            directory, free: UInt64(system.f_bavail) * block, total: UInt64(system.f_blocks) * block,
            freeFiles: system.f_files == 0 ? nil : UInt64(system.f_favail),
            isReadOnly: system.f_flag & UInt(ST_RDONLY) != 0)
    }

    /// 10 % of the file system, at least 512 MiB, is what `store.max_size: 0` leaves free; 64 MiB is the
    /// reserve for alarms and deliveries (contract 4).
    static func space(
        _ directory: String, free: UInt64, total: UInt64, freeFiles: UInt64?, isReadOnly: Bool
    ) -> Finding {
        let text = "\(free >> 20) MiB of \(total >> 20) MiB free in \(directory)"
        if isReadOnly {
            return .fail("disk", "\(directory) is on a read-only file system", "see dmesg; mount it writable")
        }
        if let freeFiles, freeFiles < 16 {
            return .fail("disk", "no more files fit on \(directory)", "delete files there")
        }
        if free < 64 << 20 { return .fail("disk", text, "make room, or nothing can be stored any more") }
        if free < max(total / 10, 512 << 20) {
            return .warn(
                "disk", text, "raw readings are evicted for lack of space: make room, or shorten store.retention.raw")
        }
        return .ok("disk", text)
    }

    private static func ownership(_ database: String, _ directory: String) -> Finding {
        let check = "state directory"
        var folder = stat()
        guard stat(directory, &folder) == 0 else {
            return .fail(check, "\(directory): \(String(cString: strerror(errno)))", nil)
        }
        // A single run as root leaves files behind that the daemon's user cannot write.
        for name in [database, "\(database)-wal", "\(database)-shm"] {
            var file = stat()
            if stat(name, &file) == 0, file.st_uid != folder.st_uid {
                return .fail(
                    check, "\(name) does not belong to the owner of \(directory)",
                    "chown --reference=\(directory) \(database)*")
            }
        }
        if getuid() != 0, access(directory, W_OK) != 0 {
            return getuid() == folder.st_uid
                ? .fail(
                    check, "\(directory) cannot be written: \(String(cString: strerror(errno)))",
                    "chmod u+rwx \(directory)")
                : .warn(check, "\(directory) belongs to another user, so that it cannot be checked", "use sudo")
        }
        return .ok(check, "\(directory), owner \(userName(folder.st_uid) ?? "\(folder.st_uid)")")
    }
}

import FireModel
import FireSystemd
import Glibc

/// The wall clock and whether it is to be believed.
enum WallClock {
    static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// The kernel says so (adjtimex, STA_UNSYNC). Where nothing on this machine disciplines the clock
    /// (a virtual machine kept right by its host, a container), the kernel's flag means nothing: then
    /// the clock is believed unless it contradicts what is known, a receipt already stored.
    static func isSynchronised(noEarlierThan floor: Timestamp) -> Bool {
        guard now() >= floor else { return false }
        if Systemd.kernelClockIsSynchronised { return true }
        return !timeServiceFolders.contains { access($0, F_OK) == 0 }
    }

    /// Run-time folders of the daemons that discipline a clock: systemd-timesyncd, chrony, ntpd, NTPsec.
    private static let timeServiceFolders = ["/run/systemd/timesync", "/run/chrony", "/run/ntpd.sock", "/run/ntpsec"]
}

import Foundation

/// What the kernel says of this process and thread.
enum Measures {
    /// Seconds this thread has computed, calls of the system included.
    static func threadSeconds() -> Double { seconds(CLOCK_THREAD_CPUTIME_ID) }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Seconds of CPU that a commit's write and sync alone cost here: what no store gets around.
    static func syncSeconds(beside path: String) -> Double {
        let probe = path + ".probe"
        defer { unsafe unlink(probe) }
        let file = unsafe open(probe, O_CREAT | O_RDWR | O_TRUNC, 0o600)
        guard file >= 0 else { return 0 }
        defer { close(file) }
        let rounds = 200
        let page = [UInt8](repeating: 7, count: 4096)
        let start = threadSeconds()
        for round in 0..<rounds {
            for place in 0..<2 {
                unsafe page.withUnsafeBytes {
                    _ = unsafe pwrite(file, $0.baseAddress, $0.count, off_t((round * 2 + place) * 4096))
                }
            }
            fdatasync(file)
        }
        return (threadSeconds() - start) / Double(rounds)
    }

    /// Bytes given to the disk since the process began; zero on a file system in memory.
    static func bytesWritten() -> Int { field("write_bytes:", of: "/proc/self/io") }

    /// Resident, in bytes.
    static func resident() -> Int { field("VmRSS:", of: "/proc/self/status") * 1024 }

    private static func field(_ name: String, of path: String) -> Int {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return 0 }
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            return line.split(whereSeparator: { " \t".contains($0) }).dropFirst().first.flatMap { Int($0) } ?? 0
        }
        return 0
    }

    /// Of a file, in bytes; 0 if there is none.
    static func size(_ path: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    }
}

/// One line a figure, for people and for scripts: name, value, unit.
func tell(_ name: String, _ value: Double, _ unit: String) {
    print("\(name)\t\(String(format: value >= 100 ? "%.0f" : "%.3f", value))\t\(unit)")
}

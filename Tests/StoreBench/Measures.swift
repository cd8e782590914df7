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

import Glibc

/// Nobody reads the output any more, as in `firesense export … | head`: no reason to complain.
struct BrokenPipe: Error {}

/// Standard output and standard error, without buffers of their own: what is printed is out.
enum Output {
    /// - Throws: `BrokenPipe`; `Failure` when it cannot be written for another reason, such as a full disk.
    static func write(_ bytes: [UInt8]) throws {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(STDOUT_FILENO, $0.baseAddress?.advanced(by: written), $0.count - written)
            }
            if count > 0 {
                written += count
            } else if errno == EPIPE {
                throw BrokenPipe()
            } else if errno != EINTR {
                throw Failure("cannot write the output: \(String(cString: strerror(errno)))")
            }
        }
    }

    static func text(_ text: String) throws { try write(Array(text.utf8)) }

    static func line(_ text: String) throws { try write(Array(text.utf8) + [UInt8(ascii: "\n")]) }

    /// A line on standard error. That it cannot be said is nobody's concern.
    static func complain(_ text: String) {
        let bytes = Array(text.utf8) + [UInt8(ascii: "\n")]
        _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}

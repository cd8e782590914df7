import Glibc

/// Waits until a socket can be read (or written, where asked) or the time is over.
///
/// `pselect`, because it waits in nanoseconds: the whole milliseconds of `poll` would show in every latency, and
/// Swift's view of glibc has neither `ppoll` nor timer descriptors.
/// - Returns: there is something to read, or the socket has an end to report.
func waitToRead(_ socket: Int32, orWrite: Bool, atMost pause: Duration) -> Bool {
    // A descriptor beyond the set cannot be asked about; reading it finds out.
    guard (0..<Int32(MemoryLayout<fd_set>.size * 8)).contains(socket) else { return true }
    var readable = only(socket)
    var writable = orWrite ? readable : fd_set()
    let (seconds, attoseconds) = max(.zero, pause).components
    var time = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
    guard pselect(socket + 1, &readable, &writable, nil, &time, nil) > 0 else { return false }
    return withUnsafeBytes(of: &readable) { $0[Int(socket) / 8] & (1 << (socket % 8)) != 0 }
}

/// A set of one: bit `socket`, counted from the lowest bit of the first byte on the little-endian machines we build for.
private func only(_ socket: Int32) -> fd_set {
    var set = fd_set()
    withUnsafeMutableBytes(of: &set) { $0[Int(socket) / 8] = 1 << (socket % 8) }
    return set
}

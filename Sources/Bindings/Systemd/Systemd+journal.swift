import CSystemd
import Glibc

extension Systemd {
    /// Writes one entry with these fields to the journal (sd_journal_sendv(3)). Names are upper-case
    /// letters, digits and underscores; values may be any text, line breaks too.
    ///
    /// `false`: it is not in the journal, say it elsewhere. The library itself reports success when
    /// there is no journal at all, so its socket is looked for first.
    public static func journal(_ fields: [(String, String)]) -> Bool {
        guard !fields.isEmpty, unsafe access("/run/systemd/journal/socket", W_OK) == 0 else { return false }
        var bytes: [UInt8] = []
        var ranges: [Range<Int>] = []
        for (name, value) in fields {
            let start = bytes.count
            bytes.append(contentsOf: name.utf8)
            bytes.append(UInt8(ascii: "="))
            bytes.append(contentsOf: value.utf8)
            ranges.append(start..<bytes.count)
        }
        return unsafe bytes.withUnsafeMutableBytes { buffer in
            let vectors = unsafe ranges.map { range in
                unsafe iovec(iov_base: buffer.baseAddress?.advanced(by: range.lowerBound), iov_len: range.count)
            }
            return unsafe sd_journal_sendv(vectors, Int32(vectors.count)) == 0
        }
    }
}

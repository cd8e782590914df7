import FireModel

/// The header `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
enum RetryAfter {
    /// How long to wait; `nil` for what cannot be read.
    /// - Parameters:
    ///   - date: The answer's own `Date`. A date is measured from it where there is one, so a gateway
    ///     whose clock is wrong waits as long as it was asked to.
    ///   - now: Wall clock, used where the answer has no `Date`.
    static func wait(_ text: String, date: String?, now: Timestamp) -> Duration? {
        let text = text.drop { $0 == " " }
        if !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            // More digits than fit mean "very long"; the schedule bounds it.
            return .seconds(min(Int64(text) ?? .max, 1_000_000_000))
        }
        guard let until = time(text) else { return nil }
        return .milliseconds(max(0, until - (date.flatMap { time($0) } ?? now)))
    }

    /// The three forms of an HTTP date (RFC 9110, 5.6.7):
    /// `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`, `Sun Nov  6 08:49:37 1994`.
    static func time(_ text: some StringProtocol) -> Timestamp? {
        let parts = text.split { $0 == " " || $0 == "-" }
        let day: Substring, month: Substring, year: Substring, clock: Substring
        switch parts.count {
        case 6:
            (day, month, year, clock) = (
                Substring(parts[1]), Substring(parts[2]), Substring(parts[3]), Substring(parts[4])
            )
        case 5:
            (day, month, year, clock) = (
                Substring(parts[2]), Substring(parts[1]), Substring(parts[4]), Substring(parts[3])
            )
        default: return nil
        }
        guard let index = months.firstIndex(where: { $0 == month }), (1...2).contains(day.count) else { return nil }
        let century = year.count == 2 ? (year < "70" ? "20" : "19") : ""
        return Timestamp(
            rfc3339: "\(century)\(year)-\(twoDigits(index + 1))-\(day.count == 1 ? "0" : "")\(day)T\(clock)Z")
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

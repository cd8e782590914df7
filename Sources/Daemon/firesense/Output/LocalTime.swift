import FireModel
import Foundation

/// Times as the duty room reads them: RFC 3339 with the offset of `gateway.time_zone`.
struct LocalTime {
    private let zone: TimeZone

    /// - Parameter name: an IANA name; one that is not known here means UTC.
    init(zone name: String) { zone = TimeZone(identifier: name) ?? .gmt }

    func text(_ time: Timestamp) -> String {
        let date = Date(timeIntervalSince1970: Double(time.milliseconds) / 1000)
        let seconds = zone.secondsFromGMT(for: date)
        guard seconds != 0 else { return time.rfc3339 }
        let minutes = abs(seconds) / 60
        return (time + Int64(seconds) * 1000).rfc3339.dropLast() + (seconds < 0 ? "-" : "+") + padded(minutes / 60)
            + ":" + padded(minutes % 60)
    }

    func text(_ time: Timestamp?) -> String { time.map { text($0) } ?? "" }

    private func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

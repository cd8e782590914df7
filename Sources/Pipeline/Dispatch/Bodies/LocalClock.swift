import FireModel
import Foundation

/// Times as a duty officer reads them, `2026-11-24 02:20:00` in the gateway's zone.
struct LocalClock {
    private let zone: TimeZone?

    /// - Parameter name: An IANA name; one that is not known here means UTC, and is said.
    init(zone name: String) { zone = TimeZone(identifier: name) }

    func text(_ time: Timestamp) -> String {
        let date = Date(timeIntervalSince1970: Double(time.milliseconds) / 1000)
        let offset = Int64(zone?.secondsFromGMT(for: date) ?? 0) * 1000
        let text = (time + offset).rfc3339
        return text.prefix(10) + " " + text.dropFirst(11).prefix(8) + (zone == nil ? " UTC" : "")
    }
}

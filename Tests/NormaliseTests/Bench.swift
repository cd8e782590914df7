import FireJSON
import FireModel
import FireSettings
import Foundation

@testable import FireNormalise

/// A normaliser with the shipped catalogue, fed one message at a time at 2026-11-23T10:20:00Z.
final class Bench {
    static let receivedAt = Timestamp(milliseconds: 1_795_429_200_000)

    let fleet: Fleet
    let normaliser: Normaliser
    var findings = Findings()
    var unknownMetrics: [String] = []
    private var sequence: UInt64 = 0

    init(
        retained: [RetainedMark] = [], redeliveries: [Redelivery] = [], lastSeen: Timestamp? = nil,
        catalogue: Catalogue = Defaults.catalogue, dialects: [any Dialect]? = nil
    ) throws {
        fleet = Fleet(catalogue: catalogue)
        if let lastSeen { _ = fleet.addDevice(id: "other", kind: 0, area: fleet.area("320102"), at: lastSeen) }
        let log = Log()
        normaliser = Normaliser(
            fleet: fleet, counters: NormaliseCounters(), retained: retained, redeliveries: redeliveries,
            dialects: try dialects ?? Dialects.all(),
            onUnknownMetric: { device, metric in log.lines.append("\(device) \(metric)") })
        self.log = log
    }

    final class Log { var lines: [String] = [] }
    let log: Log

    func read(
        _ topic: String, _ payload: some Sequence<UInt8>, retained: Bool = false, duplicate: Bool = false,
        packetID: UInt16 = 1, isRetry: Bool = false,
        at time: Timestamp = Bench.receivedAt, synchronised: Bool = true
    ) {
        let payload = Array(payload)
        sequence += 1
        let kept = payload.prefix(Limits.maximumPayload)
        let bytes = Array(topic.utf8) + kept + [UInt8](repeating: 0, count: 64)
        var flags: MessageHeader.Flags = []
        if retained { flags.insert(.retained) }
        if duplicate { flags.insert(.duplicate) }
        let header = MessageHeader(
            receivedAt: time, sequence: isRetry ? 0 : sequence, publishedLength: UInt32(payload.count),
            topicLength: UInt16(topic.utf8.count),
            packetID: isRetry ? 0 : packetID, lane: .urgent, flags: flags)
        bytes.withUnsafeBytes { all in
            normaliser.read(
                header, UnsafeRawBufferPointer(rebasing: all[..<(all.count - 64)]), clockIsSynchronised: synchronised,
                into: &findings)
        }
    }

    /// What came out, a line each; more than twelve readings are counted.
    var transcript: String {
        var lines: [String] = []
        if findings.standing != .fresh { lines.append("standing \(findings.standing)") }
        if findings.hasEvent { lines.append("ends the linger") }
        for reading in findings.readings.prefix(12) { lines.append(line(reading)) }
        if findings.readings.count > 12 { lines.append("and \(findings.readings.count - 12) readings more") }
        if let rejection = findings.rejection {
            lines.append("quarantine \(rejection.reason): \(rejection.explanation)")
            if rejection.payload.count != rejection.publishedLength {
                lines.append("kept \(rejection.payload.count) of \(rejection.publishedLength) bytes")
            }
        }
        for unknown in log.lines.prefix(3) { lines.append("unknown metric \(unknown)") }
        return lines.joined(separator: "\n") + "\n"
    }

    private func line(_ reading: Reading) -> String {
        let series = fleet.series[Int(reading.series)]
        let component = series.component >= 0 ? fleet.components[series.component] : "-"
        var text = "\(fleet.devices[Int(series.device)].id) \(component) \(fleet.metrics[series.metric]) "
        text += "\(reading.at.rfc3339) \(reading.value)"
        if !reading.quality.isEmpty { text += " \(reading.quality.words)" }
        if reading.backlog { text += " backlog" }
        if let detail = reading.detail { text += " '\(detail)'" }
        return text
    }
}

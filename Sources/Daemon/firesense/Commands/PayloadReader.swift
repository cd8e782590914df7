import FireJSON
import FireModel
import FireNormalise

/// The daemon's own way of reading messages, for looking at them one by one.
final class PayloadReader {
    /// A reading with all its names.
    struct Line: Equatable {
        var at: Timestamp
        var area: String
        var kind: String
        var device: String
        var component: String?
        var metric: String
        var value: Value
        var unit: String?
        var quality: Quality
        var detail: String?
    }

    struct Result: Equatable {
        enum Standing: Equatable {
            case read
            /// The daemon's own topic, which it passes over.
            case own
            /// Equals the retained message before.
            case retainedRepeat
        }
        var topic: String
        var standing = Standing.read
        var lines: [Line] = []
        /// What was refused, each part with its path.
        var faults: String?
        /// Metrics the catalogue does not know.
        var unknownMetrics: [String] = []
    }

    private final class Notes { var unknownMetrics: [String] = [] }

    private let fleet: Fleet
    private let normaliser: Normaliser
    private let notes = Notes()
    private var findings = Findings()
    private var sequence: UInt64 = 0

    /// - Throws: `JSONError.noMemory`.
    init(catalogue: Catalogue) throws {
        fleet = Fleet(catalogue: catalogue)
        let notes = notes
        normaliser = try Normaliser(
            fleet: fleet, counters: NormaliseCounters(), onUnknownMetric: { notes.unknownMetrics.append($1) })
    }

    func read(topic: String, payload: [UInt8], isRetained: Bool = false, at time: Timestamp = .now) -> Result {
        notes.unknownMetrics = []
        sequence += 1
        let topicBytes = Array(topic.utf8.prefix(Int(UInt16.max)))
        let kept = payload.prefix(Limits.maximumPayload)
        let header = MessageHeader(
            receivedAt: time, sequence: sequence, publishedLength: UInt32(clamping: payload.count),
            topicLength: UInt16(topicBytes.count), packetID: 0, lane: .urgent, flags: isRetained ? .retained : [])
        let bytes = topicBytes + kept + [UInt8](repeating: 0, count: JSONParser.padding)
        bytes.withUnsafeBytes { all in
            normaliser.read(
                header, UnsafeRawBufferPointer(rebasing: all[..<(topicBytes.count + kept.count)]),
                clockIsSynchronised: true, into: &findings)
        }
        return Result(
            topic: topic, standing: standing, lines: findings.readings.map(line),
            faults: findings.rejection.map { "\($0.reason.rawValue): \($0.explanation)" },
            unknownMetrics: notes.unknownMetrics)
    }

    private var standing: Result.Standing {
        switch findings.standing {
        case .fresh: .read
        case .own: .own
        case .retainedRepeat: .retainedRepeat
        }
    }

    private func line(_ reading: Reading) -> Line {
        let series = fleet.series[Int(reading.series)]
        let device = fleet.devices[Int(series.device)]
        let metric = fleet.metrics[series.metric]
        return Line(
            at: reading.at, area: fleet.areas[device.area], kind: fleet.kinds[device.kind], device: device.id,
            component: series.component >= 0 ? fleet.components[series.component] : nil, metric: metric,
            value: reading.value, unit: fleet.definition(kind: device.kind, metric: series.metric)?.unit,
            quality: reading.quality, detail: reading.detail)
    }
}

extension PayloadReader.Result {
    /// One object: what was read, what was refused.
    var json: String {
        var json = JSONWriter()
        json.object { json in
            json.field("topic", topic)
            json.key("readings")
            json.array { json in
                for line in lines {
                    json.object {
                        $0.field("at", line.at)
                        $0.field("area", line.area)
                        $0.field("kind", line.kind)
                        $0.field("device", line.device)
                        $0.field("component", line.component)
                        $0.field("metric", line.metric)
                        $0.field("value", line.value)
                        $0.field("unit", line.unit)
                        $0.field("quality", line.quality.words)
                        $0.field("detail", line.detail)
                    }
                }
            }
            json.field("unknown_metrics", unknownMetrics)
            json.field("faults", faults)
        }
        return json.text
    }
}

import FireJSON
import FireModel

/// Raw message in, readings and rejections out. Owned by the worker thread; synchronous; the only
/// state is what recognises messages that come again.
///
///     topic ──▶ own? redelivered? retained repeat? ──▶ dialect ──▶ transcript ──▶ findings
public final class Normaliser {
    public let counters: NormaliseCounters
    private let dialects: [any Dialect]
    private let transcript: Transcript
    /// Content of the last retained message by topic, both as hashes.
    private var retained: [UInt64: UInt64]
    private var urgent: Redeliveries
    private var bulk: Redeliveries

    /// One message on its way.
    private struct Message {
        var header: MessageHeader
        let topic: UnsafeRawBufferPointer
        let payload: UnsafeRawBufferPointer
        /// Made once, and only where something asks for it.
        lazy var contentHash = FireModel.contentHash(payload, seed: FireModel.contentHash(topic))
        /// When it came this time; the header has the time at which it came first.
        let arrivedAt: Timestamp
        var isRedelivered = false

        init(_ header: MessageHeader, _ bytes: UnsafeRawBufferPointer) {
            self.header = header
            topic = UnsafeRawBufferPointer(rebasing: bytes[..<Int(header.topicLength)])
            payload = UnsafeRawBufferPointer(rebasing: bytes[Int(header.topicLength)...])
            arrivedAt = header.receivedAt
        }
    }

    /// Bytes that must be readable behind a message.
    public static var padding: Int { JSONParser.padding }

    /// - Parameters:
    ///   - retained: content hash of the last retained message per topic hash, as stored.
    ///   - redeliveries: what was committed and perhaps not acknowledged when the daemon ended; oldest first in
    ///     each lane.
    ///   - onUnknownMetric: told once per device and metric that the catalogue does not know.
    /// - Throws: `JSONError.noMemory`.
    public convenience init(
        fleet: Fleet, counters: NormaliseCounters, retained: [RetainedMark] = [], redeliveries: [Redelivery] = [],
        onUnknownMetric: @escaping (_ device: String, _ metric: String) -> Void = { _, _ in }
    ) throws(JSONError) {
        self.init(
            fleet: fleet, counters: counters, retained: retained, redeliveries: redeliveries,
            dialects: try Dialects.all(), onUnknownMetric: onUnknownMetric)
    }

    init(
        fleet: Fleet, counters: NormaliseCounters, retained: [RetainedMark], redeliveries: [Redelivery],
        dialects: [any Dialect], onUnknownMetric: @escaping (_ device: String, _ metric: String) -> Void
    ) {
        self.counters = counters
        self.dialects = dialects
        transcript = Transcript(fleet: fleet, counters: counters)
        transcript.onUnknownMetric = onUnknownMetric
        self.retained = Dictionary(
            retained.lazy.filter { $0.contentHash != RetainedMark.gone }.map { ($0.topicHash, $0.contentHash) },
            uniquingKeysWith: { _, later in later })
        // Until then it worked: a device's row is a minute behind at most.
        let aliveAt = fleet.devices.lazy.map(\.lastSeen).max()
        urgent = Redeliveries(redeliveries.filter { $0.lane == .urgent }, aliveAt: aliveAt)
        bulk = Redeliveries(redeliveries.filter { $0.lane == .bulk }, aliveAt: aliveAt)
    }

    /// The lane's session is connected and has nothing left of what the broker had kept for it. Told from time to
    /// time, it lets a lane on which little comes forget what was acknowledged long ago, see `Redeliveries`.
    public func sessionIsAlive(_ lane: Lane, at now: Timestamp) {
        if lane == .urgent { urgent.isAlive(at: now) } else { bulk.isAlive(at: now) }
    }

    /// Reads one message: `bytes` is the topic followed by the payload, with `JSONParser.padding`
    /// readable bytes behind.
    public func read(
        _ header: MessageHeader, _ bytes: UnsafeRawBufferPointer, clockIsSynchronised: Bool,
        into findings: inout Findings
    ) {
        findings.clear()
        var message = Message(header, bytes)
        recognise(&message)
        switch Topic.read(message.topic) {
        case .own:
            counters.ownTopics.increment()
            findings.standing = .own
        case .wrong(let explanation):
            reject(&message, device: nil, .topic, explanation, &findings)
        case .native(let topic): read(&message, topic, clockIsSynchronised, &findings)
        case .foreign: read(&message, Topic(foreign: message.topic), clockIsSynchronised, &findings)
        }
    }

    private func read(
        _ message: inout Message, _ topic: Topic, _ clockIsSynchronised: Bool, _ findings: inout Findings
    ) {
        if message.header.flags.contains(.retained) {
            if isRepeat(message, &findings) {
                counters.retainedRepeats.increment()
                findings.standing = .retainedRepeat
                return
            }
        } else if !retained.isEmpty, !message.isRedelivered, !message.header.isRetry {
            forgetMark(message, &findings)
        }
        swap(&transcript.findings, &findings)
        defer { swap(&transcript.findings, &findings) }
        transcript.clockIsSynchronised = clockIsSynchronised
        transcript.begin(message.header, arrivedAt: message.arrivedAt)
        if let source = topic.source { transcript.about(source) }
        if Int(message.header.publishedLength) > Limits.maximumPayload {
            transcript.refuse(
                .size, "payload of \(message.header.publishedLength) bytes, expected at most \(Limits.maximumPayload)")
        } else if let dialect = dialects.first(where: { $0.claims(topic) }) {
            dialect.read(message.payload, topic: topic, into: transcript)
        } else if let source = topic.source {
            transcript.refuse(
                .dialect,
                "no dialect reads raw payloads of kind \(quoted(source.kind)): it is kept here and can be retried after an update"
            )
        } else {
            transcript.refuse(
                .topic, "no profile takes this topic, expected fire/v1/{area}/{kind}/{device}/{stream}")
        }
        transcript.end()
        if let reason = transcript.faultReason {
            reject(&message, device: transcript.deviceName, reason, transcript.explanation, &transcript.findings)
        } else if transcript.usesReceiptTime {
            remember(&message, &transcript.findings)
        }
    }

    // MARK: - Messages that come again

    private func recognise(_ message: inout Message) {
        let packetID = message.header.packetID
        guard packetID != 0 else { return }
        let lane = message.header.lane
        guard message.header.flags.contains(.duplicate) else {
            if lane == .urgent {
                urgent.received(packetID, at: message.arrivedAt)
            } else {
                bulk.received(packetID, at: message.arrivedAt)
            }
            return
        }
        let hash = message.contentHash
        let recorded =
            lane == .urgent
            ? urgent.recorded(packetID, contentHash: hash) : bulk.recorded(packetID, contentHash: hash)
        guard let recorded else { return }
        message.header.receivedAt = recorded
        message.isRedelivered = true
    }

    /// It lives by its time of receipt, or would be quarantined again.
    private func remember(_ message: inout Message, _ findings: inout Findings) {
        guard message.header.packetID != 0 else { return }
        let redelivery = Redelivery(
            lane: message.header.lane, packetID: message.header.packetID, contentHash: message.contentHash,
            receivedAt: message.header.receivedAt)
        if redelivery.lane == .urgent {
            urgent.remember(redelivery, seenAt: message.arrivedAt)
        } else {
            bulk.remember(redelivery, seenAt: message.arrivedAt)
        }
        if !message.isRedelivered { findings.redelivery = redelivery }
    }

    /// A status topic for each of the largest fleet; beyond it retained messages are only told apart by their identity.
    private static let keptRetained = 3_000_000

    private func isRepeat(_ message: Message, _ findings: inout Findings) -> Bool {
        let topicHash = FireModel.contentHash(message.topic)
        let contentHash = FireModel.contentHash(message.payload)
        let known = retained[topicHash]
        if known == contentHash { return true }
        guard known != nil || retained.count < Self.keptRetained else { return false }
        retained[topicHash] = contentHash
        findings.retained = RetainedMark(topicHash: topicHash, contentHash: contentHash)
        return false
    }

    /// Something else came live meanwhile: the same retained message after it says something new. The topic's
    /// mark goes and is not replaced, as nothing tells whether the broker has kept what came live.
    private func forgetMark(_ message: Message, _ findings: inout Findings) {
        let topicHash = FireModel.contentHash(message.topic)
        guard let known = retained[topicHash], known != FireModel.contentHash(message.payload) else { return }
        retained[topicHash] = nil
        findings.retained = RetainedMark(topicHash: topicHash, contentHash: RetainedMark.gone)
    }

    // MARK: - Rejections

    private func reject(
        _ message: inout Message, device: String?, _ reason: Rejection.Reason, _ explanation: String,
        _ findings: inout Findings
    ) {
        remember(&message, &findings)
        // It was quarantined when it came first.
        guard !message.isRedelivered else { return }
        let header = message.header
        findings.rejection = Rejection(
            reason: reason, explanation: explanation, topic: String(decoding: message.topic, as: UTF8.self),
            payload: Array(message.payload), publishedLength: Int(header.publishedLength),
            receivedAt: header.receivedAt, lane: header.lane, retained: header.flags.contains(.retained),
            device: device)
    }
}

import FireJSON
import FireModel

/// Raw message in, readings and rejections out. Owned by the worker thread; synchronous; the only
/// state is what recognises messages that come again.
///
///     topic ──▶ own? retained repeat? ──▶ dialect ──▶ transcript ──▶ findings
public final class Normaliser {
    public let counters: NormaliseCounters
    private let dialects: [any Dialect]
    private let transcript: Transcript
    private var retained: [UInt64: UInt64]
    private var redeliveries: [RedeliveryKey: Timestamp] = [:]

    private struct RedeliveryKey: Hashable {
        var lane: Lane
        var packetID: UInt16
        var contentHash: UInt64
    }

    /// Bytes that must be readable behind a message.
    public static var padding: Int { JSONParser.padding }

    /// - Parameters:
    ///   - retained: content hash of the last retained message per topic hash, as stored.
    ///   - redeliveries: what was committed and perhaps not acknowledged when the daemon ended.
    ///   - onUnknownMetric: told once per new series whose metric the catalogue does not know.
    /// - Throws: `JSONError.noMemory`.
    public init(
        fleet: Fleet, counters: NormaliseCounters, retained: [RetainedMark] = [], redeliveries: [Redelivery] = [],
        onUnknownMetric: @escaping (_ device: String, _ metric: String) -> Void = { _, _ in }
    ) throws(JSONError) {
        self.counters = counters
        dialects = try Dialects.all()
        transcript = Transcript(fleet: fleet, counters: counters)
        transcript.onUnknownMetric = onUnknownMetric
        self.retained = Dictionary(
            retained.map { ($0.topicHash, $0.contentHash) }, uniquingKeysWith: { _, later in later })
        for known in redeliveries { remember(known) }
    }

    /// Reads one message: `bytes` is the topic followed by the payload, with `JSONParser.padding`
    /// readable bytes behind.
    public func read(
        _ header: MessageHeader, _ bytes: UnsafeRawBufferPointer, clockIsSynchronised: Bool,
        into findings: inout Findings
    ) {
        findings.clear()
        let topicBytes = UnsafeRawBufferPointer(rebasing: bytes[..<Int(header.topicLength)])
        let payload = UnsafeRawBufferPointer(rebasing: bytes[Int(header.topicLength)...])
        switch Topic.read(topicBytes) {
        case .own:
            counters.ownTopics.increment()
            findings.standing = .own
        case .foreign:
            reject(
                header, topicBytes, payload, device: nil, .topic,
                "no profile takes this topic, expected fire/v1/{area}/{kind}/{device}/{stream}", &findings)
        case .wrong(let explanation):
            reject(header, topicBytes, payload, device: nil, .topic, explanation, &findings)
        case .native(let topic):
            read(header, topic, payload, clockIsSynchronised, &findings)
        }
    }

    private func read(
        _ header: MessageHeader, _ topic: Topic, _ payload: UnsafeRawBufferPointer, _ clockIsSynchronised: Bool,
        _ findings: inout Findings
    ) {
        if header.flags.contains(.retained), isRepeat(topic, payload, &findings) {
            counters.retainedRepeats.increment()
            findings.standing = .retainedRepeat
            return
        }
        var header = header
        var contentHash: UInt64?
        if header.flags.contains(.duplicate), header.packetID != 0, !redeliveries.isEmpty {
            let hash = hashOf(topic, payload)
            contentHash = hash
            let key = RedeliveryKey(lane: header.lane, packetID: header.packetID, contentHash: hash)
            if let recorded = redeliveries[key] { header.receivedAt = recorded }
        }
        swap(&transcript.findings, &findings)
        defer { swap(&transcript.findings, &findings) }
        transcript.clockIsSynchronised = clockIsSynchronised
        transcript.begin(header, topic: topic)
        if Int(header.publishedLength) > Limits.maximumPayload {
            transcript.refuse(
                .size, "payload of \(header.publishedLength) bytes, expected at most \(Limits.maximumPayload)")
        } else if let dialect = dialects.first(where: { $0.claims(topic) }) {
            dialect.read(payload, topic: topic, into: transcript)
        } else {
            transcript.refuse(
                .dialect,
                "no dialect reads raw payloads of kind \(quoted(topic.kind)): it is kept here and can be retried after an update"
            )
        }
        transcript.touchDevice()
        if transcript.usesReceiptTime, header.packetID != 0 {
            let redelivery = Redelivery(
                lane: header.lane, packetID: header.packetID, contentHash: contentHash ?? hashOf(topic, payload),
                receivedAt: header.receivedAt)
            remember(redelivery)
            transcript.findings.redelivery = redelivery
        }
        if let reason = transcript.faultReason {
            reject(
                header, topic.bytes, payload, device: String(decoding: topic.device, as: UTF8.self), reason,
                transcript.explanation, &transcript.findings)
        }
    }

    // MARK: - Messages that come again

    /// Packet ids are 16 bits wide and a window holds fewer; twice that many per lane are kept.
    private static let keptRedeliveries = 131_072
    private var redeliveryOrder: [RedeliveryKey] = []
    private var oldestRedelivery = 0

    private func remember(_ redelivery: Redelivery) {
        let key = RedeliveryKey(
            lane: redelivery.lane, packetID: redelivery.packetID, contentHash: redelivery.contentHash)
        guard redeliveries.updateValue(redelivery.receivedAt, forKey: key) == nil else { return }
        if redeliveryOrder.count < Self.keptRedeliveries {
            redeliveryOrder.append(key)
        } else {
            redeliveries[redeliveryOrder[oldestRedelivery]] = nil
            redeliveryOrder[oldestRedelivery] = key
            oldestRedelivery = (oldestRedelivery + 1) % Self.keptRedeliveries
        }
    }

    /// A status topic for each of the largest fleet; beyond it retained messages are only told apart by their identity.
    private static let keptRetained = 3_000_000

    private func isRepeat(_ topic: Topic, _ payload: UnsafeRawBufferPointer, _ findings: inout Findings) -> Bool {
        let topicHash = FireModel.contentHash(topic.bytes)
        let contentHash = FireModel.contentHash(payload)
        if retained[topicHash] == contentHash { return true }
        guard retained.count < Self.keptRetained else { return false }
        retained[topicHash] = contentHash
        findings.retained = RetainedMark(topicHash: topicHash, contentHash: contentHash)
        return false
    }

    private func hashOf(_ topic: Topic, _ payload: UnsafeRawBufferPointer) -> UInt64 {
        contentHash(payload, seed: contentHash(topic.bytes))
    }

    // MARK: - Rejections

    private func reject(
        _ header: MessageHeader, _ topic: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer, device: String?,
        _ reason: Rejection.Reason, _ explanation: String, _ findings: inout Findings
    ) {
        findings.rejection = Rejection(
            reason: reason, explanation: explanation, topic: String(decoding: topic, as: UTF8.self),
            payload: Array(payload), publishedLength: Int(header.publishedLength), receivedAt: header.receivedAt,
            lane: header.lane, retained: header.flags.contains(.retained), device: device)
    }
}

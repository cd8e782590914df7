/// What the intake knows of a message besides its topic and payload: one fixed slot in the ring.
public struct MessageHeader: BitwiseCopyable, Sendable {
    /// Wall clock at receipt.
    public var receivedAt: Timestamp
    /// Counts messages of a lane from 1; the committed sequence releases the PUBACKs up to it. 0: from the quarantine.
    public var sequence: UInt64
    /// Length of the payload as published. Larger than what follows the topic in the ring when the
    /// payload was longer than `maximumPayload` and was cut.
    public var publishedLength: UInt32
    public var topicLength: UInt16
    /// MQTT packet identifier, 0 for QoS 0.
    public var packetID: UInt16
    public var lane: Lane
    public var flags: Flags

    /// Read once more from the quarantine: what has come since knows better.
    public var isRetry: Bool { sequence == 0 }

    public struct Flags: OptionSet, BitwiseCopyable, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// The broker kept it for new subscribers: it states what was, not what happens.
        public static let retained = Flags(rawValue: 1)
        /// The broker has sent it before.
        public static let duplicate = Flags(rawValue: 2)
        /// It was read while the queue the broker had kept for us was still being drained.
        public static let backlog = Flags(rawValue: 4)
    }

    public init(
        receivedAt: Timestamp, sequence: UInt64, publishedLength: UInt32, topicLength: UInt16, packetID: UInt16,
        lane: Lane, flags: Flags
    ) {
        self.receivedAt = receivedAt
        self.sequence = sequence
        self.publishedLength = publishedLength
        self.topicLength = topicLength
        self.packetID = packetID
        self.lane = lane
        self.flags = flags
    }
}

/// Limits of contract 2.
public enum Limits {
    /// Bytes of a payload; what is longer goes to the quarantine, cut to this.
    public static let maximumPayload = 512 * 1024
    public static let maximumElements = 1000
    public static let maximumValuesPerElement = 256
    public static let maximumText = 1024
    public static let maximumNesting = 16
    public static let maximumMetricsPerDevice = 256
    public static let maximumComponentsPerDevice = 4096
    public static let maximumComponentsPerPanel = 65_536
    /// Characters of a metric, an event or a component name.
    public static let maximumName = 64
    /// A `ts` this far ahead of receipt is a clock fault.
    public static let maximumAhead: Int64 = 10 * 60_000
}

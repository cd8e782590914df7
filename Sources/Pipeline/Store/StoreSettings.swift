import FireModel

/// How long and how much is kept; `store` of the configuration (contract 4).
public struct StoreSettings: Sendable, Equatable {
    public struct Retention: Sendable, Equatable {
        /// By the time of the reading.
        public var raw: Duration
        /// Of the roll-ups by the hour, likewise.
        public var rollup: Duration
        /// By `received_at`; active alarms and alarms with pending deliveries stay.
        public var alarms: Duration
        /// By the time of receipt.
        public var quarantine: Duration
        public init(
            raw: Duration = .seconds(90 * 86_400), rollup: Duration = .seconds(3 * 365 * 86_400),
            alarms: Duration = .seconds(3 * 365 * 86_400),
            quarantine: Duration = .seconds(30 * 86_400)
        ) {
            self.raw = raw
            self.rollup = rollup
            self.alarms = alarms
            self.quarantine = quarantine
        }
    }

    public var retention: Retention
    /// Of the database file; the write-ahead log beside it, normally below 64 MiB, comes on top.
    /// Zero: leave 10 % of the file system, at least 512 MiB, free.
    public var maxSize: ByteSize
    /// Age, number and memory of what is in no segment at which it becomes one, and size of its journal: the longer,
    /// the better it is compressed and the less is written; and the longer takes a start, which reads it all again.
    public var sealInterval = Duration.seconds(12 * 3600)
    public var sealCount = 10_000_000
    /// In bytes.
    public var sealSize = 96 << 20
    public var journalSize = 128 << 20

    /// What is sealed is there twice for a moment, and small stores have little room.
    var journalLimit: Int { maxSize.bytes > 0 ? min(journalSize, Int(maxSize.bytes / 8)) : journalSize }
    /// A real "disk full" for tests: pages of 4 KiB.
    public var maxPageCount: Int?

    public init(
        retention: Retention = Retention(), maxSize: ByteSize = ByteSize(bytes: 0), maxPageCount: Int? = nil
    ) {
        self.retention = retention
        self.maxSize = maxSize
        self.maxPageCount = maxPageCount
    }
}

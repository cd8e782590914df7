import FireModel

/// How long and how much is kept; `store` of the configuration (contract 4).
public struct StoreSettings: Sendable, Equatable {
    public struct Retention: Sendable, Equatable {
        /// By the time of the reading.
        public var raw: Duration
        /// By `received_at`; active alarms and alarms with pending deliveries stay.
        public var alarms: Duration
        /// By the time of receipt.
        public var quarantine: Duration
        public init(
            raw: Duration = .seconds(90 * 86_400), alarms: Duration = .seconds(3 * 365 * 86_400),
            quarantine: Duration = .seconds(30 * 86_400)
        ) {
            self.raw = raw
            self.alarms = alarms
            self.quarantine = quarantine
        }
    }

    public var retention: Retention
    /// Of the database file; the write-ahead log beside it, normally below 64 MiB, comes on top.
    /// Zero: leave 10 % of the file system, at least 512 MiB, free.
    public var maxSize: ByteSize
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

/// Which deliveries are to be sent once more: those that all of it lets through.
public struct ReplaySelection: Sendable, Equatable {
    /// At most so many ids.
    public static let mostIDs = 1000

    /// Empty: any.
    public var ids: [String] = []
    public var filter = DeliveryFilter()
    public init() {}

    /// Whoever says nothing does not mean everything.
    public var hasCriterion: Bool { !ids.isEmpty || filter != DeliveryFilter() }
}

/// What became of a replay. What was not marked was left as it is.
public struct ReplayOutcome: Sendable, Equatable {
    /// They will be sent once more.
    public var replayed = 0
    /// They wait for their endpoint anyway.
    public var stillPending = 0
    /// Their endpoint is not in the configuration any more.
    public var endpointNotConfigured = 0
    /// What they told is not kept any more.
    public var snapshotNotKept = 0
    /// Ids that no delivery has.
    public var unknown = 0
    public init() {}

    /// The names of the interface.
    public var counts: KeyValuePairs<String, Int> {
        [
            "replayed": replayed, "still_pending": stillPending, "endpoint_not_configured": endpointNotConfigured,
            "snapshot_not_kept": snapshotNotKept, "unknown": unknown,
        ]
    }

    public static func += (sum: inout ReplayOutcome, more: ReplayOutcome) {
        sum.replayed += more.replayed
        sum.stillPending += more.stillPending
        sum.endpointNotConfigured += more.endpointNotConfigured
        sum.snapshotNotKept += more.snapshotNotKept
        sum.unknown += more.unknown
    }
}

/// What a slice of a replay has marked for one endpoint.
public struct ReplayMark: Sendable, Equatable {
    public var endpoint: String
    /// The lowest sequence among them.
    public var first: Int64
    public var count: Int
    public init(endpoint: String, first: Int64, count: Int) {
        self.endpoint = endpoint
        self.first = first
        self.count = count
    }
}

/// How an import is to go about it.
public struct ImportOptions: Sendable, Equatable {
    public var format: ExportFormat
    /// Of times; `nil`: CSV milliseconds, line protocol as the number of digits says.
    public var precision: ImportPrecision?
    /// Only look: nothing is stored.
    public var isDryRun = false
    /// Go on behind what is refused, instead of ending there.
    public var keepsGoing = false
    public init(_ format: ExportFormat) { self.format = format }
}

/// What one of a time is.
public enum ImportPrecision: String, Sendable, CaseIterable { case s, ms, us, ns }

/// One reading that was not taken, and why.
public struct ImportRefusal: Sendable, Equatable, Codable {
    /// Counted from 1; of a record of several lines the first.
    public var line: Int
    public var found: String
    public var expected: String
    public init(line: Int, found: String, expected: String) {
        self.line = line
        self.found = found
        self.expected = expected
    }
}

/// What has become of an import; also the answer of the interface.
public struct ImportSummary: Sendable, Equatable, Codable {
    /// It was read to its end. Else it ended at the first refusal; what came before that is stored.
    public var complete = true
    public var dryRun = false
    /// Readings found. A line that cannot be read at all counts as one.
    public var read = 0
    /// New, and durable now.
    public var stored = 0
    /// Stored before with the same value.
    public var duplicate = 0
    /// Stored before with another value, which stays.
    public var conflicting = 0
    public var refused = 0
    /// Stored, but older than `store.retention.raw`: they are deleted within the hour.
    public var beyondRetention = 0
    public var newDevices = 0
    public var newSeries = 0
    /// The first of those refused.
    public var refusals: [ImportRefusal] = []

    public static let shownRefusals = 20

    public init() {}

    enum CodingKeys: String, CodingKey {
        case complete, read, stored, duplicate, conflicting, refused, refusals
        case dryRun = "dry_run"
        case beyondRetention = "beyond_retention"
        case newDevices = "new_devices"
        case newSeries = "new_series"
    }

    public mutating func refuse(_ refusal: ImportRefusal) {
        refused += 1
        if refusals.count < Self.shownRefusals { refusals.append(refusal) }
    }

    public func writeJSON(to json: inout JSONWriter) {
        json.object { json in
            json.field("complete", complete)
            json.field("dry_run", dryRun)
            for (name, count) in counts { json.field(name, count) }
            json.key("refusals")
            json.array { json in
                for refusal in refusals {
                    json.object {
                        $0.field("line", refusal.line)
                        $0.field("found", refusal.found)
                        $0.field("expected", refusal.expected)
                    }
                }
            }
        }
    }

    /// By the names of the interface.
    public var counts: KeyValuePairs<String, Int> {
        [
            "read": read, "stored": stored, "duplicate": duplicate, "conflicting": conflicting, "refused": refused,
            "beyond_retention": beyondRetention, "new_devices": newDevices, "new_series": newSeries,
        ]
    }
}

import FireModel

/// What a gateway knows, for commands that only look: read from its database, or asked of the daemon.
protocol GatewayData: Sendable {
    /// `nil`: no such device.
    func device(_ id: String) async throws -> DeviceSummary?
    /// Ordered by id.
    func devices(limit: Int, cursor: String?) async throws -> Page<DeviceSummary>
    /// `nil`: no such series. Oldest first, all of them.
    func readings(_ query: ReadingQuery, progress: ProgressCount) async throws -> (unit: String?, points: [Point])?
    /// Every stored reading that fits, as lines in batches, without the header.
    func export(
        _ filter: ExportFilter, _ format: ExportFormat, progress: ProgressCount, each: ([UInt8]) async throws -> Void
    ) async throws
    /// Raw readings held now.
    func readingCount() async throws -> Int64
    /// Newest first.
    func alarms(_ filter: AlarmFilter, limit: Int, cursor: String?) async throws -> Page<Alarm>
    /// With its history, oldest change first.
    func alarm(_ id: String) async throws -> (alarm: Alarm, history: [AlarmHistoryItem])?
    /// Newest first.
    func deliveries(_ state: Delivery.State?, limit: Int, cursor: String?) async throws -> Page<DeliverySummary>
    /// Newest first. A page of large payloads is shorter than `limit`.
    func quarantine(limit: Int, cursor: String?) async throws -> Page<QuarantineItem>
    func quarantineItem(_ id: Int64) async throws -> QuarantineItem?
    func close() async
}

/// Items of one page asked for at a time.
private let pageSize = 1000

/// The first `limit` items of a list, page after page.
func collect<Item>(
    _ limit: Int, _ page: (_ limit: Int, _ cursor: String?) async throws -> Page<Item>
) async throws -> Page<Item> {
    var items: [Item] = []
    var cursor: String?
    repeat {
        let next = try await page(min(pageSize, limit - items.count), cursor)
        items += next.items
        cursor = next.next
    } while cursor != nil && items.count < limit
    return Page(items: items, next: cursor)
}

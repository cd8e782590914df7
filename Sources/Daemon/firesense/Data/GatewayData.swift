import FireModel

/// What a gateway knows, for commands that only look: read from its database, or asked of the daemon.
protocol GatewayData: Sendable {
    /// `nil`: no such device.
    func device(_ id: String) async throws -> DeviceSummary?
    /// Ordered by id.
    func devices(limit: Int, cursor: String?) async throws -> Page<DeviceSummary>
    /// `nil`: no such series. Oldest first, all of them.
    func readings(_ query: ReadingQuery, progress: ProgressCount) async throws -> (unit: String?, points: [Point])?
    /// One page of what many series come to.
    func series(_ query: SeriesQuery) async throws -> Page<SeriesPoints>
    /// Newest values, in the order in which the series were first heard of.
    func latest(_ filter: SeriesFilter, limit: Int, cursor: String?) async throws -> Page<LatestReading>
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
    /// What was kept of it when somebody judged it.
    func context(of alarm: String) async throws -> [VerdictContext.Series]?
    /// Newest first.
    func deliveries(_ filter: DeliveryFilter, limit: Int, cursor: String?) async throws -> Page<DeliverySummary>
    /// With all that is kept of it.
    func delivery(_ id: String) async throws -> DeliveryRecord?
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

extension GatewayData {
    /// The first `limit` groups of an answer about many series, each with all its points.
    func allSeries(
        _ query: SeriesQuery, limit: Int, progress: ProgressCount
    ) async throws -> Page<SeriesPoints> {
        var page = try await collect(limit) { limit, cursor in
            var query = query
            query.limit = limit
            query.cursor = cursor
            let page = try await series(query)
            progress.add(page.items.reduce(0) { $0 + $1.points.count })
            return page
        }
        for index in page.items.indices {
            // An answer that did not move on would be asked for without end.
            while let next = page.items[index].next, next > query.range.from ?? Timestamp(milliseconds: .min) {
                let rest = try await series(query.rest(of: page.items[index], from: next)).items.first
                guard let rest, rest.next ?? next + 1 > next else { break }
                page.items[index].points += rest.points
                page.items[index].next = rest.next
                progress.add(rest.points.count)
            }
        }
        return page
    }
}

extension SeriesQuery {
    /// The same about one of its groups, for what comes after.
    fileprivate func rest(of group: SeriesPoints, from next: Timestamp) -> SeriesQuery {
        var query = self
        query.limit = 1
        query.cursor = nil
        query.range.from = next
        switch grouping {
        case nil: query.filter.component = group.component ?? ""
        case .device: break
        case .area: query.filter.area = group.area
        case .kind: query.filter.kind = group.kind
        }
        if let device = group.device { query.filter.devices = [device] }
        return query
    }
}

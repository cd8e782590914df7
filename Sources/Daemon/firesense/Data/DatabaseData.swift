import FireModel
import FireStore
import Foundation

/// The gateway's database, read from this process: works while the daemon is stopped, and beside it.
struct DatabaseData: GatewayData {
    let reader: StoreReader
    /// For units, which are not stored.
    let catalogue: Catalogue

    /// Bytes of quarantined payload in one page.
    private static let pageBytes = 4 << 20

    func device(_ id: String) async throws -> DeviceSummary? {
        try await blocking { try reader.device(id, now: .now) }
    }

    func devices(limit: Int, cursor: String?) async throws -> Page<DeviceSummary> {
        try await blocking { try reader.devices(DeviceFilter(), limit: limit, cursor: cursor, now: .now) }
    }

    func readings(_ query: ReadingQuery, progress: ProgressCount) async throws -> (unit: String?, points: [Point])? {
        var points: [Point] = []
        var query = query
        while true {
            guard let page = try await blocking({ [query] in try reader.readings(query) }) else { return nil }
            guard page.count >= query.limit, let last = page.last, last.at > page[0].at else {
                points += page
                break
            }
            // Start and end of an event may fall on one millisecond: the last one is read again as a whole.
            let whole = page.prefix { $0.at < last.at }
            points += whole
            progress.add(whole.count)
            query.range.from = last.at
        }
        let kind = try await blocking { [query] in try reader.kind(ofDevice: query.device) }
        return (kind.flatMap { catalogue.unit(kind: $0, metric: query.metric) }, points)
    }

    func series(_ query: SeriesQuery) async throws -> Page<SeriesPoints> {
        var page = try await blocking {
            var scan = reader.series(query)
            while true { if let page = try scan.advance() { return page } }
        }
        do throws(MixedUnits) {
            try page.find(units: catalogue, of: query.function)
        } catch {
            throw Failure("\(error)")
        }
        return page
    }

    func latest(_ filter: SeriesFilter, limit: Int, cursor: String?) async throws -> Page<LatestReading> {
        var page = try await blocking { try reader.latest(filter, limit: limit, cursor: cursor) }
        page.find(units: catalogue)
        return page
    }

    func export(
        _ filter: ExportFilter, _ format: ExportFormat, progress: ProgressCount, each: ([UInt8]) async throws -> Void
    ) async throws {
        var export = reader.export(filter)
        while true {
            let (batch, rest) = try await blocking { [export] in
                var export = export
                return (try export.next(), export)
            }
            guard let batch else { return }
            export = rest
            var lines: [UInt8] = []
            for reading in batch { reading.write(format, to: &lines) }
            progress.add(batch.count)
            if !lines.isEmpty { try await each(lines) }
        }
    }

    func readingCount() async throws -> Int64 { try await blocking { try reader.figures().readings } }

    func alarms(_ filter: AlarmFilter, limit: Int, cursor: String?) async throws -> Page<Alarm> {
        try await blocking { try reader.alarms(filter, limit: limit, cursor: cursor) }
    }

    func alarm(_ id: String) async throws -> (alarm: Alarm, history: [AlarmHistoryItem])? {
        try await blocking { try reader.alarm(id) }
    }

    func context(of alarm: String) async throws -> [VerdictContext.Series]? {
        try await blocking { try reader.context(of: alarm) }
    }

    func deliveries(_ filter: DeliveryFilter, limit: Int, cursor: String?) async throws -> Page<DeliverySummary> {
        try await blocking { try reader.deliveries(filter, limit: limit, cursor: cursor) }
    }

    func delivery(_ id: String) async throws -> DeliveryRecord? { try await blocking { try reader.delivery(id) } }

    func quarantine(limit: Int, cursor: String?) async throws -> Page<QuarantineItem> {
        try await blocking { try reader.quarantine(limit: limit, byteLimit: Self.pageBytes, cursor: cursor) }
    }

    func quarantineItem(_ id: Int64) async throws -> QuarantineItem? {
        try await blocking { try reader.quarantineItem(id) }
    }

    func close() async {}

    /// - Throws: `Failure` in the words of the store.
    private func blocking<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
        do {
            return try await firesense.blocking(body)
        } catch let error as StoreError {
            throw Failure("\(error)")
        }
    }
}

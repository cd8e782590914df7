import FireModel
import Foundation

/// The same over the HTTP interface of a running daemon.
struct HTTPData: GatewayData {
    let gateway: HTTPGateway

    func device(_ id: String) async throws -> DeviceSummary? {
        let body: DeviceBody? = try await gateway.find("/api/v1/devices/\(percentEncoded(id))")
        return body?.summary
    }

    func devices(limit: Int, cursor: String?) async throws -> Page<DeviceSummary> {
        try await list("/api/v1/devices", [], limit, cursor) { (body: DeviceBody) in body.summary }
    }

    func readings(_ query: ReadingQuery, progress: ProgressCount) async throws -> (unit: String?, points: [Point])? {
        var unit: String?
        var points: [Point] = []
        var from = query.range.from
        repeat {
            let body: ReadingsBody? = try await gateway.find(
                "/api/v1/readings",
                [
                    ("device", query.device), ("component", query.component), ("metric", query.metric),
                    ("from", from.map { "\($0.milliseconds)" }), ("to", query.range.to.map { "\($0.milliseconds)" }),
                    ("step", query.step?.firesense), ("fn", query.step == nil ? nil : query.function.rawValue),
                ])
            guard let body else { return nil }
            unit = body.unit
            points += body.points.map(\.point)
            progress.add(body.points.count)
            // An answer that did not move on would be asked for without end.
            let next = body.next.map { Timestamp(milliseconds: $0) }
            guard let next, next > from ?? Timestamp(milliseconds: .min) else { break }
            from = next
        } while true
        return (unit, points)
    }

    func series(_ query: SeriesQuery) async throws -> Page<SeriesPoints> {
        try await list(
            "/api/v1/readings",
            parameters(query.filter) + [
                ("from", query.range.from.map { "\($0.milliseconds)" }),
                ("to", query.range.to.map { "\($0.milliseconds)" }), ("step", query.step?.firesense),
                ("fn", query.step == nil ? nil : query.function.rawValue), ("by", query.grouping?.rawValue),
            ], query.limit, query.cursor
        ) { (body: SeriesBody) in body.series }
    }

    func latest(_ filter: SeriesFilter, limit: Int, cursor: String?) async throws -> Page<LatestReading> {
        try await list("/api/v1/readings/latest", parameters(filter), limit, cursor) { (body: LatestBody) in
            body.reading
        }
    }

    private func parameters(_ filter: SeriesFilter) -> [(String, String?)] {
        [
            ("metric", filter.metric), ("kind", filter.kind), ("area", filter.area),
            ("device", filter.devices.isEmpty ? nil : filter.devices.joined(separator: ",")),
            ("component", filter.component),
        ]
    }

    func export(
        _ filter: ExportFilter, _ format: ExportFormat, progress: ProgressCount, each: ([UInt8]) async throws -> Void
    ) async throws {
        var header = format.header.utf8.count
        try await gateway.stream(
            "/api/v1/export",
            [
                ("format", format.rawValue), ("from", filter.range.from.map { "\($0.milliseconds)" }),
                ("to", filter.range.to.map { "\($0.milliseconds)" }), ("device", filter.device), ("kind", filter.kind),
            ]
        ) { part in
            let lines = Array(part.dropFirst(header))
            header -= min(header, part.count)
            progress.add(lines.reduce(0) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) })
            if !lines.isEmpty { try await each(lines) }
        }
    }

    func readingCount() async throws -> Int64 {
        struct Stats: Decodable {
            struct Store: Decodable { var readings: Int64 }
            var store: Store
        }
        let stats: Stats = try await gateway.get("/api/v1/stats")
        return stats.store.readings
    }

    func alarms(_ filter: AlarmFilter, limit: Int, cursor: String?) async throws -> Page<Alarm> {
        try await list(
            "/api/v1/alarms",
            [
                ("state", filter.state?.rawValue), ("acknowledged", filter.acknowledged.map { "\($0)" }),
                ("verdict", filter.verdict?.rawValue), ("severity", filter.severity?.rawValue),
                ("category", filter.category?.rawValue), ("kind", filter.kind), ("area", filter.area),
                ("device", filter.device), ("from", filter.range.from.map { "\($0.milliseconds)" }),
                ("to", filter.range.to.map { "\($0.milliseconds)" }),
            ], limit, cursor
        ) { (alarm: Alarm) in alarm }
    }

    func alarm(_ id: String) async throws -> (alarm: Alarm, history: [AlarmHistoryItem])? {
        let body: AlarmBody? = try await gateway.find("/api/v1/alarms/\(percentEncoded(id))")
        return body.map { ($0.alarm, $0.history) }
    }

    func context(of alarm: String) async throws -> [VerdictContext.Series]? {
        struct Body: Decodable { var context: [VerdictContext.Series]? }
        let body: Body? = try await gateway.find("/api/v1/alarms/\(percentEncoded(alarm))")
        return body?.context
    }

    func deliveries(_ filter: DeliveryFilter, limit: Int, cursor: String?) async throws -> Page<DeliverySummary> {
        try await list(
            "/api/v1/deliveries",
            [
                ("state", filter.state?.rawValue), ("endpoint", filter.endpoint), ("alarm", filter.alarm),
                ("from", filter.range.from.map { "\($0.milliseconds)" }),
                ("to", filter.range.to.map { "\($0.milliseconds)" }),
            ], limit, cursor
        ) { (body: DeliveryBody) in body.summary }
    }

    func delivery(_ id: String) async throws -> DeliveryRecord? {
        let body: DeliveryRecordBody? = try await gateway.find("/api/v1/deliveries/\(percentEncoded(id))")
        return body?.record
    }

    func quarantine(limit: Int, cursor: String?) async throws -> Page<QuarantineItem> {
        try await list("/api/v1/quarantine", [], limit, cursor) { (body: QuarantineBody) in body.item }
    }

    /// The interface has no way to ask for one.
    func quarantineItem(_ id: Int64) async throws -> QuarantineItem? {
        var cursor: String?
        repeat {
            let page = try await quarantine(limit: 100, cursor: cursor)
            if let item = page.items.first(where: { $0.id == id }) { return item }
            cursor = page.next
        } while cursor != nil
        return nil
    }

    func close() async { await gateway.close() }

    private func list<Body: Decodable, Item>(
        _ path: String, _ parameters: [(String, String?)], _ limit: Int, _ cursor: String?, _ item: (Body) -> Item
    ) async throws -> Page<Item> {
        let page: PageBody<Body> = try await gateway.get(
            path, parameters + [("limit", "\(limit)"), ("cursor", cursor)])
        return Page(items: page.items.map(item), next: page.next)
    }
}

/// What an operator changes, for which the daemon must run.
extension HTTPGateway {
    func act(_ act: OperatorAct, on id: String) async throws -> Alarm {
        let name: String
        var fields: [(name: String, value: Value)] = []
        switch act.deed {
        case .acknowledge: name = "acknowledge"
        case .verdict(let verdict, let cause, let force):
            name = "verdict"
            fields.append(("verdict", .text(verdict.rawValue)))
            if let cause { fields.append(("cause", .text(cause))) }
            if force { fields.append(("force", .boolean(true))) }
        case .reset(let force):
            name = "reset"
            if force { fields.append(("force", .boolean(true))) }
        }
        fields.append(("by", .text(act.by)))
        if let note = act.note { fields.append(("note", .text(note))) }
        var json = JSONWriter()
        json.object { json in for field in fields { json.field(field.name, field.value) } }
        return try await post("/api/v1/alarms/\(percentEncoded(id))/\(name)", json.text)
    }

    /// Takes its time where there are many: each slice is durable before the next.
    func replay(_ selection: ReplaySelection) async throws -> ReplayOutcome {
        var json = JSONWriter()
        json.object { json in
            if !selection.ids.isEmpty { json.field("ids", selection.ids) }
            if let endpoint = selection.filter.endpoint { json.field("endpoint", endpoint) }
            if let from = selection.filter.range.from { json.field("from", from.milliseconds) }
            if let to = selection.filter.range.to { json.field("to", to.milliseconds) }
            if let state = selection.filter.state { json.field("state", state.rawValue) }
        }
        let body: ReplayBody = try await post("/api/v1/deliveries/replay", json.text, within: .seconds(3600))
        return body.outcome
    }

    /// - Returns: readings and events found in the payload, which has left the quarantine.
    func retry(_ id: Int64) async throws -> Int {
        struct Body: Decodable { var readings: Int }
        let body: Body = try await post("/api/v1/quarantine/\(id)/retry", "{}")
        return body.readings
    }
}

import FireModel
import FireServe
import FireTelemetry
import Synchronization

/// A whole gateway in memory: every port does what the store would do, on a few hundred rows.
final class MemoryGateway: Sendable {
    struct State: Sendable {
        var catalogue = Sample.catalogue
        var devices: [DeviceSummary] = Sample.devices
        var alarms: [Alarm] = Sample.alarms
        var history: [String: [AlarmHistoryItem]] = [:]
        /// Alarms whose cause the device still reports.
        var standing: Set<String> = []
        var isWritable = true
        /// In the order they began.
        var silences: [Silence] = []
        var drills: [Drill] = []
        var points: [String: (unit: String?, points: [Point])] = [:]
        var deliveries: [DeliverySummary] = Sample.deliveries
        var endpoints: [EndpointStatus] = Sample.endpoints
        var replays: [ReplaySelection] = []
        var quarantine: [QuarantineItem] = Sample.quarantine
        var readiness = Readiness()
        var stats = Stats()
        /// What the next question throws instead of being answered.
        var failure: (any Error)?
        var acts: [OperatorAct] = []
        /// What was asked about many series.
        var asked: [SeriesQuery] = []
        var filters: [SeriesFilter] = []
        var latest = 250
    }

    let state = Mutex(State())
    /// Rows of the export, and how many were handed out.
    let rows: Int
    let handedOut = Mutex(0)
    /// Bytes of imports.
    let taken = Mutex(0)
    let page = MetricPage()

    init(rows: Int = 1000) {
        self.rows = rows
        state.withLock { state in
            state.points["hydrant-000007//pressure"] = (
                "MPa", (0..<300).map { Point(at: Sample.start + Int64($0) * 1000, value: .number(0.3)) }
            )
            state.standing = ["alarm-003"]
            for alarm in state.alarms {
                let item = AlarmHistoryItem(
                    kind: .raised, revision: 1, at: alarm.receivedAt, cause: "reading", snapshot: alarm.json)
                state.history[alarm.id] = [item]
            }
        }
    }

    var gateway: Gateway {
        Gateway(
            readings: self, devices: self, alarms: self, annunciation: self, deliveries: self, endpoints: self,
            quarantine: self,
            backups: self,
            status: self, imports: self, metrics: page)
    }

    private func ask<Answer: Sendable>(_ question: (inout State) throws -> Answer) throws -> Answer {
        try state.withLock { state in
            if let failure = state.failure { throw failure }
            return try question(&state)
        }
    }
}

/// A cursor is the position of the next item.
private func cut<Item>(_ items: [Item], _ limit: Int, _ cursor: String?) throws -> Page<Item> {
    guard let start = cursor.map(Int.init) ?? 0, (0...items.count).contains(start) else { throw InvalidCursor() }
    let end = min(start + limit, items.count)
    return Page(items: Array(items[start..<end]), next: end < items.count ? String(end) : nil)
}

extension MemoryGateway: ReadingHistory {
    func readings(_ query: ReadingQuery) async throws -> (unit: String?, points: [Point])? {
        try ask { state -> (unit: String?, points: [Point])? in
            guard let found = state.points["\(query.device)/\(query.component ?? "")/\(query.metric)"] else {
                return nil
            }
            var points = found.points.filter { point in
                point.at >= query.range.from ?? point.at && query.range.to.map { point.at < $0 } ?? true
            }
            if let step = query.step?.wholeMilliseconds {
                let first = Dictionary(grouping: points) { $0.at.milliseconds / step * step }
                points = first.keys.sorted().map {
                    Point(at: Timestamp(milliseconds: $0), value: .number(Double(first[$0]?.count ?? 0)))
                }
            }
            return (found.unit, Array(points.prefix(query.limit)))
        }
    }

    func series(_ query: SeriesQuery) async throws -> Page<SeriesPoints> {
        try ask { state in
            state.asked.append(query)
            return try cut(Sample.series, query.limit, query.cursor)
        }
    }

    func latest(_ filter: SeriesFilter, limit: Int, cursor: String?) async throws -> Page<LatestReading> {
        try ask { state in
            state.filters.append(filter)
            return try cut(
                (0..<state.latest).map { number in
                    var reading = LatestReading(
                        device: "hydrant-\(Sample.padded(number, 6))", kind: "hydrant", area: "320102", component: nil,
                        metric: "pressure", value: .number(0.3), at: Sample.now, quality: number == 1 ? [.clock] : [])
                    reading.unit = "MPa"
                    return reading
                }, limit, cursor)
        }
    }

    func export(_ filter: ExportFilter, each: ([ExportedReading]) async throws -> Void) async throws {
        try ask { _ in }
        // The same batch again and again: what is tested is the way out.
        let batch = (0..<500).map { row in
            ExportedReading(
                at: Sample.start + Int64(row), area: "320102", kind: "hydrant", device: "hydrant-000007",
                component: nil, metric: "pressure", value: .number(Double(row) / 1000))
        }
        var left = rows
        while left > 0 {
            let part = left < batch.count ? Array(batch.prefix(left)) : batch
            left -= part.count
            handedOut.withLock { $0 += part.count }
            try await each(part)
        }
    }
}

extension MemoryGateway: ReadingImport {
    /// Counts lines; one that begins with `!` is refused.
    func take(_ options: ImportOptions, _ next: () async throws -> [UInt8]?) async throws -> ImportSummary {
        try ask { _ in }
        var summary = ImportSummary()
        summary.dryRun = options.isDryRun
        var isAtStart = true
        while let bytes = try await next() {
            for byte in bytes {
                if isAtStart, byte == UInt8(ascii: "!") {
                    summary.refuse(ImportRefusal(line: summary.read + 1, found: "!", expected: "anything else"))
                    summary.complete = options.keepsGoing
                    if !options.keepsGoing { return summary }
                }
                isAtStart = byte == UInt8(ascii: "\n")
                if isAtStart { summary.read += 1 }
            }
            taken.withLock { $0 += bytes.count }
        }
        summary.stored = summary.read - summary.refused
        return summary
    }
}

extension MemoryGateway: DeviceDirectory {
    func devices(_ filter: DeviceFilter, limit: Int, cursor: String?) async throws -> Page<DeviceSummary> {
        try ask { state in
            let found = state.devices.filter { summary in
                (filter.kind ?? summary.device.kind) == summary.device.kind
                    && (filter.area ?? summary.device.area) == summary.device.area
                    && filter.state.map { summary.online == ($0 == .online) } ?? true
            }
            return try cut(found, limit, cursor)
        }
    }

    func device(_ id: String) async throws -> DeviceSummary? { try ask { $0.devices.first { $0.device.id == id } } }
}

extension MemoryGateway: AlarmDesk {
    func alarms(_ filter: AlarmFilter, limit: Int, cursor: String?) async throws -> Page<Alarm> {
        try ask { state in
            let found = state.alarms.filter { alarm in
                (filter.state ?? alarm.state) == alarm.state
                    && (filter.acknowledged ?? alarm.acknowledged) == alarm.acknowledged
                    && filter.verdict.map { $0 == alarm.verdict } ?? true
                    && (filter.severity ?? alarm.severity) == alarm.severity
                    && (filter.category ?? alarm.category) == alarm.category
                    && (filter.kind ?? alarm.device.kind) == alarm.device.kind
                    && (filter.area ?? alarm.device.area) == alarm.device.area
                    && (filter.device ?? alarm.device.id) == alarm.device.id
                    && alarm.receivedAt >= filter.range.from ?? alarm.receivedAt
                    && (filter.range.to.map { alarm.receivedAt < $0 } ?? true)
            }
            return try cut(found.sorted { $0.receivedAt > $1.receivedAt }, limit, cursor)
        }
    }

    func alarm(_ id: String) async throws -> (alarm: Alarm, history: [AlarmHistoryItem])? {
        try ask { state in
            state.alarms.first { $0.id == id }.map { ($0, state.history[id] ?? []) }
        }
    }

    func context(of alarm: String) async throws -> [VerdictContext.Series]? {
        guard alarm == "alarm-003" else { return nil }
        let point = Point(at: Sample.start, value: .number(0.05))
        return [VerdictContext.Series(component: nil, metric: "pressure", points: [point])]
    }

    func act(_ act: OperatorAct, on alarm: Alarm) async throws(OperatorActError) -> Alarm {
        let id = alarm.id
        return try state.withLock { state throws(OperatorActError) in
            state.acts.append(act)
            guard state.isWritable else { throw .storeNotWritable }
            guard let index = state.alarms.firstIndex(where: { $0.id == id }) else { throw .unknownAlarm }
            var alarm = state.alarms[index]
            let stands = state.standing.contains(id)
            switch act.deed {
            case .acknowledge:
                alarm.acknowledged = true
                alarm.acknowledgedBy = act.by
                alarm.acknowledgedNote = act.note
            case .verdict(let verdict, let cause, let force):
                guard !verdict.clears || !stands || force else { throw .causeStillReported }
                alarm.verdict = verdict
                alarm.verdictBy = act.by
                alarm.verdictCause = cause
                if verdict.clears { alarm.state = .cleared }
            case .reset(let force):
                guard alarm.state == .active else { throw .alreadyCleared }
                guard !stands || force else { throw .causeStillReported }
                alarm.state = .cleared
                alarm.clearedBy = act.by
                alarm.clearedReason = .operatorReset
            }
            alarm.revision += 1
            state.alarms[index] = alarm
            return alarm
        }
    }
}

extension MemoryGateway: DeliveryLedger {
    func deliveries(_ wanted: DeliveryFilter, limit: Int, cursor: String?) async throws -> Page<DeliverySummary> {
        try ask { state in try cut(state.deliveries.filter { matches($0, wanted) }, limit, cursor) }
    }

    func delivery(_ id: String) async throws -> DeliveryRecord? {
        try ask { state in
            state.deliveries.first { $0.id == id }.map {
                DeliveryRecord(
                    summary: $0, revision: 1, device: "hydrant-000007", time: Sample.start,
                    snapshot: $0.state == .cancelled ? nil : Sample.alarms[3].json)
            }
        }
    }

    func replay(_ selection: ReplaySelection) async throws -> ReplayOutcome {
        try ask { state in
            guard state.isWritable else { throw TemporarilyUnavailable(reason: "The store cannot be written.") }
            state.replays.append(selection)
            let found = state.deliveries.filter { delivery in
                matches(delivery, selection.filter) && (selection.ids.isEmpty || selection.ids.contains(delivery.id))
            }
            var outcome = ReplayOutcome()
            outcome.replayed = found.count { $0.state != .pending }
            outcome.stillPending = found.count - outcome.replayed
            outcome.unknown = selection.ids.count { id in !state.deliveries.contains { $0.id == id } }
            return outcome
        }
    }

    private func matches(_ delivery: DeliverySummary, _ filter: DeliveryFilter) -> Bool {
        (filter.state ?? delivery.state) == delivery.state
            && (filter.endpoint ?? delivery.endpoint) == delivery.endpoint
            && (filter.alarm ?? delivery.alarm) == delivery.alarm
            && delivery.createdAt >= filter.range.from ?? delivery.createdAt
            && (filter.range.to.map { delivery.createdAt < $0 } ?? true)
    }
}

extension MemoryGateway: EndpointDesk {
    func endpoints() async -> [EndpointStatus] { state.withLock { $0.endpoints } }

    func enable(_ name: String) async -> EndpointStatus? {
        state.withLock { state in
            guard let index = state.endpoints.firstIndex(where: { $0.name == name }) else { return nil }
            state.endpoints[index].state = .well
            return state.endpoints[index]
        }
    }

    func test(_ name: String) async -> EndpointTest? {
        guard let endpoint = state.withLock({ $0.endpoints.first { $0.name == name } }) else { return nil }
        let isAccepted = endpoint.state != .held
        return EndpointTest(
            endpoint: name, address: endpoint.address, isSigned: true, status: isAccepted ? 204 : 410,
            error: isAccepted ? nil : "410 Gone", reason: isAccepted ? nil : "gone", answer: isAccepted ? nil : "moved",
            milliseconds: 3)
    }
}

extension MemoryGateway: QuarantineDesk {
    func quarantine(limit: Int, byteLimit: Int, cursor: String?) async throws -> Page<QuarantineItem> {
        try ask { try cut($0.quarantine, limit, cursor) }
    }

    func retry(_ id: Int64) async throws -> RetryOutcome {
        try ask { state in
            guard state.isWritable else { throw TemporarilyUnavailable(reason: "The store cannot be written.") }
            guard let index = state.quarantine.firstIndex(where: { $0.id == id }) else { return .unknown }
            guard id != 1 else { return .stillUnreadable(reason: "ts: came \"yesterday\", expected milliseconds") }
            state.quarantine.remove(at: index)
            return .accepted(readings: 3)
        }
    }
}

extension MemoryGateway: BackupDesk {
    func backup() async throws -> @Sendable () async throws -> [UInt8]? {
        let left = Mutex(3)
        return {
            left.withLock { left in
                left -= 1
                return left >= 0 ? [UInt8](repeating: 7, count: 100_000) : nil
            }
        }
    }
}

extension MemoryGateway: GatewayStatus {
    func stats() async throws -> Stats { try ask { $0.stats } }
    func readiness() async -> Readiness { state.withLock { $0.readiness } }
    func catalogue() async -> Catalogue { state.withLock { $0.catalogue } }
}

enum Sample {
    /// 2026-11-23T10:20:00Z.
    static let start = Timestamp(milliseconds: 1_795_429_200_000)
    static let now = start + 3_600_000

    static let catalogue = Catalogue(kinds: [
        DeviceKind(
            name: "hydrant", title: Title(zh: "市政消火栓", en: "Hydrant"), urgent: false,
            expectedInterval: .seconds(300),
            metrics: [
                Metric(
                    name: "pressure", type: .number, unit: "MPa", plausible: 0...2.5,
                    title: Title(zh: "压力", en: "Pressure")),
                Metric(name: "tilt", type: .boolean, unit: nil, plausible: nil, title: Title(zh: "倾斜", en: "Tilt")),
            ]),
        DeviceKind(
            name: "smoke", title: Title(zh: "独立式感烟", en: "Smoke"), urgent: true, expectedInterval: .seconds(86400),
            metrics: []),
    ])

    static let devices = (0..<250).map { number in
        let isHydrant = number % 2 == 0
        return DeviceSummary(
            device: AlarmDevice(
                id: isHydrant ? "hydrant-\(padded(number, 6))" : "smoke-\(padded(number, 6))",
                kind: isHydrant ? "hydrant" : "smoke", area: "320102"),
            firstSeen: start, lastSeen: now, online: number % 3 == 0 ? nil : number % 3 == 1,
            latest: [
                .init(component: nil, metric: "pressure", value: .number(0.3), at: now, quality: []),
                .init(
                    component: "port-1", metric: "state", value: .text("idle"), at: now, quality: [.clock, .retained]),
                .init(component: nil, metric: "tilt", value: .boolean(false), at: now, quality: .implausiblyHigh),
            ])
    }

    static let alarms = (0..<250).map { number in
        var device = AlarmDevice(id: "hydrant-000007", kind: "hydrant", area: "320102")
        if number == 3 { device.latitude = 32.05 }
        var alarm = Alarm(
            id: "alarm-\(padded(number, 3))", gateway: "nanjing-xuanwu-01", rule: "hydrant-pressure-low",
            category: number == 3 ? .fire : .water, severity: number == 3 ? .critical : .major, latched: number == 3,
            device: device, component: nil, metric: "pressure", title: Title(zh: "消火栓压力低", en: "Pressure low"),
            raisedAt: start + Int64(number) * 1000, receivedAt: start + Int64(number) * 1000)
        alarm.value = .number(0.09)
        alarm.unit = "MPa"
        alarm.limit = 0.1
        if number % 10 == 0 {
            alarm.state = .cleared
            alarm.clearedAt = alarm.receivedAt + 500
            alarm.clearedReason = .condition
            alarm.verdict = .falseAlarm
        }
        return alarm
    }

    static let series = (0..<250).map { number in
        var series = SeriesPoints(
            device: "hydrant-\(padded(number, 6))", kinds: ["hydrant"], area: "320102",
            component: number == 1 ? "c" : nil,
            metric: "pressure", points: [Point(at: start, value: .number(0.25))], next: number == 2 ? now : nil)
        series.unit = "MPa"
        return series
    }

    static let deliveries = Delivery.State.allCases.map { state in
        DeliverySummary(
            id: "00000000-0000-7000-8000-00000000000\(state.rawValue.count)", endpoint: "duty-room", alarm: "alarm-003",
            type: "firesense.alarm.raised", state: state, createdAt: start,
            nextAttemptAt: state == .pending ? now : nil, attemptCount: 77,
            attempts: [
                DeliveryAttempt(
                    delivery: "x", at: start, status: nil, error: "connection refused", answer: nil, milliseconds: 3,
                    state: .pending, nextDueAt: now),
                DeliveryAttempt(
                    delivery: "x", at: now, status: 503, error: "status 503", answer: "busy\n", milliseconds: 12,
                    state: state, nextDueAt: nil),
            ])
    }

    static let endpoints = EndpointStatus.State.allCases.map { state in
        EndpointStatus(
            endpoint: Endpoint(name: "duty-\(state.rawValue)", url: "https://duty.example/secret-path"),
            address: "duty.example", state: state, pending: 3, oldestPendingAt: state == .well ? nil : start,
            lastSuccessAt: state == .held ? nil : now,
            lastAttempt: state == .failing
                ? nil : EndpointStatus.Attempt(at: now, status: 204, error: nil, milliseconds: 4))
    }

    static let quarantine = (1...3).map { id in
        QuarantineItem(
            id: id, receivedAt: start, topic: "fire/v1/320102/hydrant/hydrant-000007/telemetry", reason: "not JSON",
            payload: [0x00, 0xFF, 0x7B], publishedLength: 3, lane: .bulk)
    }

    static func padded(_ number: Int, _ width: Int) -> String {
        String(repeating: "0", count: max(0, width - String(number).count)) + String(number)
    }
}

extension MemoryGateway: AnnunciationDesk {
    func silences(limit: Int, cursor: String?) async throws -> Page<Silence> {
        try ask { try cut($0.silences.reversed(), limit, cursor) }
    }

    func drills(limit: Int, cursor: String?) async throws -> Page<Drill> {
        try ask { try cut($0.drills.reversed(), limit, cursor) }
    }

    func act(_ act: AnnunciationAct) async throws(AnnunciationError) {
        let result: Result<Void, AnnunciationError>? = try? ask { state in
            guard state.isWritable else { return .failure(.storeNotWritable) }
            switch act {
            case .silence(let its):
                guard state.silences.count < 3 else { return .failure(.tooMany(3)) }
                state.silences.append(its)
            case .drill(let its): state.drills.append(its)
            case .endSilence(let id, by: _):
                guard let index = state.silences.firstIndex(where: { $0.id == id }) else { return .failure(.unknown) }
                state.silences.remove(at: index)
            case .endDrill(let id, by: _):
                guard let index = state.drills.firstIndex(where: { $0.id == id }) else { return .failure(.unknown) }
                state.drills.remove(at: index)
            }
            return .success(())
        }
        guard let result else { throw .storeNotWritable }
        try result.get()
    }
}

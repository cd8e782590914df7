import FireModel
import FireStore

/// Everything a store tells about what it holds.
struct Found {
    struct Line: Hashable {
        var at: Timestamp
        var area: String
        var kind: String
        var device: String
        var component: String?
        var metric: String
        var value: Value
    }

    /// And how often each is there.
    private(set) var lines: [Line: Int] = [:]
    private(set) var lineCount = 0
    private(set) var figures: StoreFigures
    private(set) var alarms: [Alarm]
    private(set) var histories: [String: [AlarmHistoryItem]] = [:]
    private(set) var deliveries: [DeliverySummary]
    private(set) var snapshots: [String: String] = [:]
    private(set) var quarantine: [QuarantineItem]
    let state: StoredState
    let fleet: FleetRows

    init(_ reader: StoreReader, _ state: StoredState, _ fleet: Fleet) throws {
        self.state = state
        self.fleet = FleetRows(fleet)
        figures = try reader.figures()
        alarms = try all { try reader.alarms(AlarmFilter(), limit: 500, cursor: $0) }
        deliveries = try all { try reader.deliveries(DeliveryFilter(), limit: 500, cursor: $0) }
        quarantine = try all { try reader.quarantine(limit: 500, cursor: $0) }
        for alarm in alarms { histories[alarm.id] = try reader.alarm(alarm.id)?.history }
        for delivery in deliveries { snapshots[delivery.id] = try reader.deliverySnapshot(delivery.id) }
        try reader.export(ExportFilter()) { readings in
            for it in readings {
                let line = Line(
                    at: it.at, area: it.area, kind: it.kind, device: it.device, component: it.component,
                    metric: it.metric, value: it.value)
                lines[line, default: 0] += 1
            }
            lineCount += readings.count
        }
    }

    /// Batches whose mark is there, and how often.
    var marks: [Int: Int] {
        var marks: [Int: Int] = [:]
        for (line, count) in lines where line.device == Mark.device {
            if case .number(let number) = line.value { marks[Int(number), default: 0] += count }
        }
        return marks
    }
}

private func all<Item>(_ page: (String?) throws -> Page<Item>) throws -> [Item] {
    var items: [Item] = []
    var cursor: String?
    repeat {
        let next = try page(cursor)
        items += next.items
        cursor = next.next
    } while cursor != nil
    return items
}

/// A reading by which a batch is known again. Later than all others: no retention takes it.
enum Mark {
    static let device = "mark"

    static func reading(_ batch: Int) -> GivenReading {
        GivenReading(
            device: device, kind: "hydrant", area: "320102", metric: "pressure",
            at: Workload.start + 1000 * 86_400_000 + Int64(batch), value: .number(Double(batch)))
    }
}

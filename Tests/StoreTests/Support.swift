import FireDevices
import FireModel
import Foundation
import GRDB
import Testing

@testable import FireStore

/// A database in a folder of its own, a fleet, and the writer.
final class Bench {
    let folder: URL
    var path: String { folder.appendingPathComponent("firesense.sqlite").path }
    var fleet: Fleet
    private(set) var writer: StoreWriter?

    init(settings: StoreSettings = StoreSettings()) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("store-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        fleet = Fleet(catalogue: catalogue)
        writer = try StoreWriter(path: path, settings: settings)
    }

    deinit {
        writer = nil
        try? FileManager.default.removeItem(at: folder)
    }

    func open() throws -> StoreWriter { try #require(writer) }
    func reader() throws -> StoreReader { try StoreReader(path: path) }
    func close() { writer = nil }

    /// Opens the writer anew; the fleet stays as it is.
    func reopen() throws { writer = try StoreWriter(path: path, settings: StoreSettings()) }

    /// Ends the writer and starts anew with an empty fleet.
    func restart(settings: StoreSettings = StoreSettings()) throws -> StoredState {
        writer = nil
        fleet = Fleet(catalogue: catalogue)
        writer = try StoreWriter(path: path, settings: settings)
        return try open().load(into: fleet)
    }

    func series(
        _ device: String, _ metric: String, component: String? = nil, kind: String = "hydrant", inactive: Bool = false
    ) -> Int32 {
        let index = fleet.addDevice(id: device, kind: fleet.kind(kind), area: fleet.area("320102"), at: start)
        return fleet.addSeries(
            device: index, component: component.map { fleet.component($0) } ?? -1, metric: fleet.metric(metric),
            inactive: inactive)
    }

    @discardableResult func admit(
        _ series: Int32, _ milliseconds: Int64, _ value: Value, quality: Quality = []
    ) throws -> (admission: Admission, at: Timestamp) {
        var reading = Reading(
            series: series, at: start + milliseconds, receivedAt: start + milliseconds, value: value, quality: quality,
            backlog: false)
        let admission = try open().admit(&reading, fleet: fleet)
        return (admission, reading.at)
    }

    func commit() throws { try open().commit(fleet: fleet) }

    /// What is committed goes into a segment of its own.
    func seal(now: Timestamp = start, checkpoint: StoredCheckpoint = StoredCheckpoint()) throws {
        try open().beginSeal(now: now, checkpoint: checkpoint)
        while try open().sealer.isUnderWay { _ = try open().retentionSlice(now: now) }
    }

    /// A row of the journal.
    func page(_ slot: Int64) throws -> [UInt8] {
        let rows = try Statement(open().connection, "SELECT body FROM journal WHERE slot = ?")
        rows.bind(1, slot)
        return try rows.step() ? rows.bytes(0) : []
    }

    /// Turns a bit of the first row of the journal, behind the writer's back.
    func damage(_ page: [UInt8], at place: Int) throws {
        var page = page
        page[place] ^= 4
        let save = try Statement(open().connection, "UPDATE journal SET body = ? WHERE slot = 1")
        save.bind(1, page)
        try save.run()
    }

    /// Rows as somebody with `sqlite3` sees them.
    func count(_ sql: String) throws -> Int {
        var configuration = Configuration()
        configuration.readonly = true
        return try DatabaseQueue(path: path, configuration: configuration).read { try Int.fetchOne($0, sql: sql) ?? -1 }
    }
}

let start = Timestamp(milliseconds: 1_795_428_000_000)

let catalogue = Catalogue(kinds: [
    kind("hydrant", [("pressure", .number), ("leak", .boolean)]), kind("panel", [("fire", .boolean)]),
    kind("smoke", [("smoke", .boolean)]),
])

private func kind(_ name: String, _ metrics: [(String, Metric.ValueType)]) -> DeviceKind {
    DeviceKind(
        name: name, title: Title(zh: name, en: name), urgent: name == "smoke", expectedInterval: .seconds(60),
        metrics: metrics.map {
            Metric(name: $0.0, type: $0.1, unit: nil, plausible: nil, title: Title(zh: $0.0, en: $0.0))
        })
}

func alarm(
    _ id: String, device: String = "h1", component: String? = nil, category: AlarmCategory = .water,
    severity: AlarmSeverity = .major, receivedAt: Timestamp = start, state: AlarmState = .active, revision: Int = 1
) -> Alarm {
    var alarm = Alarm(
        id: id, gateway: "g", rule: "pressure-low", category: category, severity: severity, latched: false,
        device: AlarmDevice(id: device, kind: "hydrant", area: "320102"), component: component, metric: "pressure",
        title: Title(zh: "压力低", en: "Low \"pressure\""), raisedAt: receivedAt, receivedAt: receivedAt)
    alarm.state = state
    alarm.revision = revision
    alarm.value = .number(0.09)
    alarm.limit = 0.1
    return alarm
}

func change(_ kind: AlarmChange.Kind, _ alarm: Alarm, cause: String = "c", at: Timestamp = start, ordinal: Int = 0)
    -> AlarmChange
{
    AlarmChange(kind: kind, alarm: alarm, at: at, cause: cause, ordinal: ordinal)
}

func delivery(
    _ id: String, endpoint: String = "duty", alarm: Alarm, fire: Bool = false, createdAt: Timestamp = start
) -> Delivery {
    Delivery(
        id: id, endpoint: endpoint, alarm: alarm.id, revision: alarm.revision, type: "firesense.alarm.raised",
        device: alarm.device.id, time: start, receivedAt: start, isFire: fire, isActive: true, createdAt: createdAt,
        dueAt: createdAt, snapshot: alarm.json)
}

func attempt(
    _ delivery: String, at: Int64, state: Delivery.State = .pending, status: Int? = 503
) -> DeliveryAttempt {
    DeliveryAttempt(
        delivery: delivery, at: start + at, status: status, error: status == 200 ? nil : "unavailable", answer: "busy",
        milliseconds: 12, state: state, nextDueAt: state == .pending ? start + at + 1000 : nil)
}

func rejection(_ payload: [UInt8], at: Timestamp = start) -> Rejection {
    Rejection(
        reason: .json, explanation: "not JSON", topic: "fire/v1/a/hydrant/h1/telemetry", payload: payload,
        publishedLength: payload.count, receivedAt: at, lane: .urgent, retained: false, device: "h1")
}

/// The same numbers each time: a failure can be looked at again.
typealias Dice = Randomness

/// Expects a `StoreError` that `matches` takes.
func expectError(_ matches: (StoreError) -> Bool, _ body: () throws -> Void) {
    do {
        try body()
        Issue.record("no error")
    } catch let error as StoreError {
        #expect(matches(error), "\(error)")
        #expect(!error.description.isEmpty)
    } catch {
        Issue.record("\(error)")
    }
}

import FireModel
import FireStore
import GRDB

/// One thing a batch brings. To add one: a case here, its dice in `Workload`, what is done in
/// `Runner.perform`, and what it leaves behind in `Contents.apply`.
enum Deed {
    case reading(GivenReading)
    case change(AlarmChange)
    case delivery(Delivery)
    case attempt(DeliveryAttempt)
    case cancel(exceptFor: [String])
    case quarantine(Rejection)
    /// A retry has read the quarantined payload.
    case retry(payload: [UInt8])
    case redelivery(Redelivery)
    case retained(RetainedMark)
    case device(id: String, area: String, online: Bool)
}

enum Step {
    case batch([Deed])
    /// Rolled back before its commit.
    case abandoned([Deed])
    /// So many slices, each as small as it can be.
    case retention(now: Timestamp, slices: Int)
    case checkpoint(Database.CheckpointMode)
    /// The daemon ends and starts. Whichever closes last takes the log away.
    case restart(writerLast: Bool)
}

struct GivenReading {
    var device: String
    var kind: String
    var area: String
    var component: String?
    var metric: String
    var inactive = false
    var at: Timestamp
    var value: Value
    var quality: Quality = []
    var detail: String?
}

/// What is asked of a store, by the dice of a seed.
struct Workload {
    static let settings = StoreSettings(
        retention: .init(raw: .seconds(2 * 86_400), alarms: .seconds(2 * 86_400), quarantine: .seconds(86_400)),
        // A bound of its own, far away: otherwise a machine whose disk is nearly full has readings evicted.
        maxSize: ByteSize(bytes: 1 << 30))
    static let start = Timestamp(milliseconds: 1_795_428_000_000)
    /// When every workload that began at `start` is over.
    static let later = start + 500 * 86_400_000
    static let catalogue = Catalogue(kinds: [
        DeviceKind(
            name: "hydrant", title: Title(zh: "消火栓", en: "hydrant"), urgent: false, expectedInterval: .seconds(60),
            metrics: [
                Metric(
                    name: "pressure", type: .number, unit: "MPa", plausible: nil,
                    title: Title(zh: "压力", en: "pressure"))
            ])
    ])
    /// Of whom `cancel` takes away what is pending.
    static let leavingEndpoint = "left"
    static let endpoints = ["city", "duty"]

    /// What kind of step comes; the rest is up to the dice.
    enum Plan: CaseIterable {
        case batch, largeBatch, abandoned, retention, checkpoint, restart
        /// Retention after three days in which nothing came: everything before them is over its time.
        case expiry
    }

    private(set) var steps: [Step] = []
    private var dice: Dice
    private var now: Timestamp
    private var number = 0
    private var recent: [GivenReading] = []
    private var active: [Alarm] = []
    private var pending: [(id: String, attempts: Int)] = []
    private var payloads: [[UInt8]] = []

    /// - Parameters:
    ///   - size: largest number of readings in a batch of ordinary size.
    ///   - now: when it begins.
    init(seed: UInt64, _ plan: [Plan], size: Int = 25, now: Timestamp = Workload.start) {
        dice = Dice(seed: seed)
        self.now = now
        for kind in plan { steps.append(step(kind, size)) }
    }

    /// As the dice have it.
    init(seed: UInt64, steps count: Int, without left: [Plan] = []) {
        var dice = Dice(seed: seed)
        let choices = Self.frequencies.flatMap { Array(repeating: $0.key, count: $0.value) }.filter {
            !left.contains($0)
        }
        // A start without a batch behind it would have nothing to lose.
        self.init(seed: dice.next(), [.batch, .batch] + (2..<count).map { _ in dice.pick(choices) })
    }

    private static let frequencies: KeyValuePairs<Plan, Int> = [
        .batch: 12, .largeBatch: 1, .abandoned: 1, .retention: 2, .expiry: 1, .checkpoint: 2, .restart: 1,
    ]

    private mutating func step(_ kind: Plan, _ size: Int) -> Step {
        now = now + Int64.random(in: 60_000...(8 * 3_600_000), using: &dice)
        switch kind {
        case .batch: return .batch(batch(size))
        // Larger than the page cache it need not be to be torn, but many pages.
        case .largeBatch: return .batch(batch(size * 6))
        case .abandoned: return .abandoned(batch(size))
        case .retention: return .retention(now: now, slices: 1 + dice.roll(30))
        case .expiry:
            now = now + 3 * 86_400_000
            return .retention(now: now, slices: 60)
        case .checkpoint: return .checkpoint(dice.pick([.passive, .passive, .full, .restart, .truncate]))
        case .restart: return .restart(writerLast: dice.roll(2) == 0)
        }
    }

    private mutating func batch(_ size: Int) -> [Deed] {
        number += 1
        var deeds: [Deed] = []
        for _ in 0..<dice.roll(size + 1) { deeds.append(.reading(reading())) }
        // Of an earlier batch: what can be retried has been listed.
        if dice.roll(5) == 0, let payload = payloads.randomElement(using: &dice) {
            payloads.removeAll { $0 == payload }
            deeds.append(.retry(payload: payload))
        }
        for _ in 0..<max(0, dice.roll(5) - 2) { deeds.append(.quarantine(rejection())) }
        for _ in 0..<max(0, dice.roll(6) - 3) { deeds.append(.redelivery(redelivery())) }
        if dice.roll(4) == 0 {
            deeds.append(.retained(RetainedMark(topicHash: UInt64(dice.roll(5)), contentHash: dice.next())))
        }
        if dice.roll(3) == 0 {
            deeds.append(
                .device(id: "d\(dice.roll(12))", area: dice.pick(["320102", "320105"]), online: dice.roll(2) == 0))
        }
        deeds.shuffle(using: &dice)
        // These have an order among themselves.
        if dice.roll(2) == 0 { deeds += alarmChanges() }
        if dice.roll(4) == 0 { deeds += attempts() }
        if dice.roll(12) == 0 { deeds.append(.cancel(exceptFor: Self.endpoints)) }
        return deeds
    }

    // MARK: - Readings

    private mutating func reading() -> GivenReading {
        if dice.roll(10) == 0, var again = recent.randomElement(using: &dice) {
            // The same told twice, or another value in its place.
            if dice.roll(3) == 0 { again.value = value(again.metric) }
            return again
        }
        let metric = dice.pick(["pressure", "pressure", "flow", "leak", "note", "event.fault"])
        let device = dice.roll(12)
        let isTimeless = dice.roll(6) == 0
        var given = GivenReading(
            device: "d\(device)", kind: device % 3 == 0 ? "hydrant" : "of-no-catalogue",
            area: device % 2 == 0 ? "320102" : "320105", component: device % 4 == 0 ? "端口-\(dice.roll(2))" : nil,
            metric: metric,
            // Without a time of their own they crowd on one millisecond and make room for each other.
            at: isTimeless ? now : now + -Int64(dice.roll(7_200_000)), value: value(metric))
        given.quality = isTimeless ? .receiptTime : dice.pick([[], [], .implausiblyHigh, .retained])
        if metric == "event.fault" {
            given.inactive = dice.roll(2) == 0
            given.detail = dice.roll(2) == 0 ? "回路 \(dice.roll(100))" : nil
        }
        recent.append(given)
        if recent.count > 60 { recent.removeFirst() }
        return given
    }

    private mutating func value(_ metric: String) -> Value {
        switch metric {
        case "leak", "event.fault": .boolean(dice.roll(2) == 0)
        case "note":
            .text(
                dice.pick([
                    "", "zero\0byte", "换行\n\"quoted\"", String(repeating: "火", count: dice.roll(300)),
                    String(repeating: "x", count: dice.roll(1024)),
                ]))
        default:
            .number(
                dice.roll(8) == 0
                    ? dice.pick([0, -0.0, .infinity, .nan, .leastNonzeroMagnitude, 1e300, 42])
                    : Double.random(in: 0..<10, using: &dice))
        }
    }

    // MARK: - Alarms and who is told

    private mutating func alarmChanges() -> [Deed] {
        if active.isEmpty || dice.roll(2) == 0 { return raise() }
        let index = dice.roll(active.count)
        var alarm = active[index]
        switch dice.roll(4) {
        case 0:
            alarm.occurrences += 1
            active[index] = alarm
            return [.change(change(.occurrence, alarm))]
        case 1:
            alarm.revision += 1
            alarm.acknowledged = true
            alarm.acknowledgedBy = "王"
            active[index] = alarm
            return told(change(.acknowledged, alarm))
        default:
            alarm.revision += 1
            alarm.state = .cleared
            alarm.clearedAt = now
            active.remove(at: index)
            let cleared = told(change(.cleared, alarm))
            guard dice.roll(3) == 0 else { return cleared }
            alarm.revision += 1
            alarm.verdict = .falseAlarm
            return cleared + told(change(.verdict, alarm))
        }
    }

    private mutating func raise() -> [Deed] {
        let device = dice.roll(12)
        var alarm = Alarm(
            id: "alarm-\(number)-\(dice.next())", gateway: "g", rule: dice.pick(["pressure-low", "fault"]),
            category: dice.pick([.fire, .water, .fault]), severity: dice.pick([.critical, .minor]), latched: false,
            device: AlarmDevice(id: "d\(device)", kind: "hydrant", area: "320102"),
            component: dice.roll(2) == 0 ? "端口-1" : nil, metric: "pressure",
            title: Title(zh: "压力低", en: "Low \"pressure\""), raisedAt: now, receivedAt: now)
        alarm.detail = dice.roll(2) == 0 ? String(repeating: "详", count: dice.roll(2000)) : nil
        active.append(alarm)
        return told(change(.raised, alarm))
    }

    private func change(_ kind: AlarmChange.Kind, _ alarm: Alarm) -> AlarmChange {
        AlarmChange(kind: kind, alarm: alarm, at: now, cause: "cause-\(number)", ordinal: number % 3)
    }

    private mutating func told(_ change: AlarmChange) -> [Deed] {
        let alarm = change.alarm
        var deeds: [Deed] = [.change(change)]
        let snapshot = alarm.json
        for endpoint in Self.endpoints + [Self.leavingEndpoint] where dice.roll(3) > 0 {
            let id = "delivery-\(alarm.id)-\(alarm.revision)-\(endpoint)"
            deeds.append(
                .delivery(
                    Delivery(
                        id: id, endpoint: endpoint, alarm: alarm.id, revision: alarm.revision,
                        type: change.kind.eventType, device: alarm.device.id, time: now, receivedAt: now,
                        isFire: alarm.category == .fire, isActive: alarm.state == .active, createdAt: now, dueAt: now,
                        // Not always that of the change before it.
                        snapshot: dice.roll(4) == 0 ? "{\"other\":\(number)}" : snapshot)))
            if endpoint != Self.leavingEndpoint { pending.append((id, 0)) }
        }
        return deeds
    }

    private mutating func attempts() -> [Deed] {
        var deeds: [Deed] = []
        for _ in 0..<min(pending.count, 1 + dice.roll(4)) {
            let index = dice.roll(pending.count)
            pending[index].attempts += 1
            let state = dice.pick([Delivery.State.pending, .delivered, .delivered, .dead])
            deeds.append(
                .attempt(
                    DeliveryAttempt(
                        delivery: pending[index].id, at: now + Int64(pending[index].attempts),
                        status: state == .delivered ? 200 : nil, error: state == .delivered ? nil : "no answer",
                        answer: state == .delivered ? "ok" : nil, milliseconds: Int64(dice.roll(1000)), state: state,
                        nextDueAt: state == .pending ? now + 60_000 : nil)))
            if state != .pending { pending.remove(at: index) }
        }
        return deeds
    }

    // MARK: - The rest

    private mutating func rejection() -> Rejection {
        // Its first bytes tell it from every other.
        var payload = Array("\(number)/\(dice.next())/".utf8)
        for _ in 0..<dice.pick([0, 40, 700, 6000]) { payload.append(UInt8(truncatingIfNeeded: dice.next())) }
        payloads.append(payload)
        return Rejection(
            reason: dice.pick([.json, .shape, .value]), explanation: "at $.values", topic: "fire/v1/a/hydrant/d1/event",
            payload: payload, publishedLength: payload.count + dice.roll(2), receivedAt: now,
            lane: dice.pick([.urgent, .bulk]), retained: false, device: "d1")
    }

    private mutating func redelivery() -> Redelivery {
        Redelivery(
            lane: dice.pick([.urgent, .bulk]), packetID: UInt16(truncatingIfNeeded: dice.next()),
            contentHash: dice.next(), receivedAt: now)
    }
}

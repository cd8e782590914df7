import FireModel
import Foundation
import Synchronization

/// What the connections of a run have in common.
struct PublishSettings: Sendable {
    var broker: BrokerAddress
    var plan: FleetPlan
    var rate: Double
    var limit: Schedule.Limit
    var connections: Int
    var qos: Int
    /// Messages of one connection that may await their acknowledgement.
    var maximumInFlight: Int
    /// Bytes a telemetry message shall have; `nil`: as comes.
    var payloadSize: Int?
    var timestamps: Bool
    /// Each device says `online`, retained, before the run begins.
    var announces: Bool
    var script: FireScript?
}

/// Counts of a run under way, for whoever looks on.
final class Progress: Sendable {
    let sent = Atomic(0)
    let acknowledged = Atomic(0)
}

/// One connection: its devices take turns, each message at its time, never more in flight than allowed.
/// Lives on one thread.
struct Publisher {
    /// The machine has other work too; beyond this it is worth telling.
    static let lateAfter = Duration.milliseconds(10)
    /// Messages handed over between two looks at the socket, so that acknowledgements are read while they are fresh.
    private static let burst = 64
    /// What is in flight at the end has this long to be acknowledged.
    private static let patience = Duration.seconds(15)

    private struct Pending {
        var due: ContinuousClock.Instant
        var topic: String
        var time: Timestamp?
        var sequence: UInt64?
        var readings: Int
    }

    private let settings: PublishSettings
    private let schedule: Schedule
    private let ledger: Ledger?
    private let progress: Progress
    private let stop: StopSignal
    private let link: Link
    private var members: [Member]
    private var steps: [FireScript.Step]
    private var encoder = NativeEncoder()
    private var inFlight: [UInt16: Pending] = [:]
    private var outcome = Outcome()
    /// Index of the next routine message of this connection.
    private var next = 0
    private var turn = 0

    init(
        _ settings: PublishSettings, connection: Int, link: Link, ledger: Ledger?, progress: Progress, stop: StopSignal
    ) {
        self.settings = settings
        self.link = link
        self.ledger = ledger
        self.progress = progress
        self.stop = stop
        let members = settings.plan.members(of: connection, among: settings.connections)
        self.members = members
        steps = (settings.script?.steps ?? []).filter { step in members.contains { $0.id == step.device } }
        schedule = Schedule(
            rate: settings.rate, limit: settings.limit, connection: connection, connections: settings.connections)
    }

    /// Connects, waits for the others, sends, and waits for the last acknowledgement.
    mutating func run(gate: StartGate) -> Outcome {
        do {
            try link.connect()
            if settings.announces { try announce() }
        } catch {
            outcome.failure = "\(error)"
            stop.raise()
        }
        guard let start = gate.arrive(ready: outcome.failure == nil) else { return outcome }
        do {
            while try advance(start) {}
            try drain()
        } catch {
            outcome.failure = "\(error)"
            stop.raise()
        }
        outcome.elapsed = start.duration(to: .now)
        for pending in inFlight.values { record(pending, acknowledged: false) }
        outcome.reconnects = link.reconnects
        link.close()
        return outcome
    }

    // MARK: - Sending

    /// What is due now, then one look at the socket. `false`: the run is over.
    private mutating func advance(_ start: ContinuousClock.Instant) throws -> Bool {
        guard !stop.isRaised else { return false }
        let elapsed = start.duration(to: .now)
        var wake: Duration?
        let open = link.isConnected ? settings.maximumInFlight - inFlight.count : 0
        var room = min(Self.burst, open)

        while room > 0, let step = steps.first {
            guard step.after <= elapsed else {
                wake = step.after
                break
            }
            try play(step, due: start + step.after)
            steps.removeFirst()
            room -= 1
        }
        while room > 0, !schedule.isOver(elapsed: elapsed), let due = schedule.due(next) {
            guard due <= elapsed else {
                wake = min(wake ?? due, due)
                break
            }
            try report(due: schedule.isPaced ? start + due : .now, start)
            next += 1
            room -= 1
        }
        let hasMore = !steps.isEmpty || (!schedule.isOver(elapsed: elapsed) && schedule.due(next) != nil)
        guard hasMore else { return false }
        // A full window waits for an acknowledgement, a spent burst only looks, the rest waits for the next due.
        try look(room == 0 && open > Self.burst ? .zero : wake.map { $0 - elapsed } ?? .milliseconds(100))
        return true
    }

    /// The routine report of the device whose turn it is.
    private mutating func report(due: ContinuousClock.Instant, _ start: ContinuousClock.Instant) throws {
        let clock = Timestamp.now
        let time = members[turn].tick(clock)
        outcome.lead = max(outcome.lead, settings.timestamps ? time - clock : 0)
        let (measurement, sequence) = members[turn].measure(at: time)
        let stated = settings.timestamps ? time : nil
        let readings = encoder.telemetry(measurement, at: stated, sequence: sequence, size: settings.payloadSize)
        outcome.count(members[turn].kind, readings: readings, bytes: encoder.bytes.count)
        try send(
            Pending(
                due: due, topic: members[turn].telemetryTopic, time: stated, sequence: sequence, readings: readings))
        turn = (turn + 1) % members.count

        guard schedule.isPaced else { return }
        let lateness = due.duration(to: .now)
        if lateness > Self.lateAfter { outcome.late += 1 }
        outcome.worstLateness = max(outcome.worstLateness, lateness)
    }

    private mutating func play(_ step: FireScript.Step, due: ContinuousClock.Instant) throws {
        guard let index = members.firstIndex(where: { $0.id == step.device }) else { return }
        let time = members[index].tick(.now)
        members[index].catchFire(at: time)
        let stated = settings.timestamps ? time : nil
        let sequence = members[index].nextEventSequence()
        encoder.event(
            step.event, component: step.component, active: true, detail: step.detail, at: stated, sequence: sequence)
        outcome.count(step.kind, readings: 1, bytes: encoder.bytes.count)
        outcome.firesSent.append((step.device, step.event.rawValue, time.rfc3339))
        ledger?.write(.alarm(step, at: time))
        try send(
            Pending(
                due: due, topic: members[index].topic(.event), time: stated, sequence: sequence, readings: 1))
    }

    private mutating func send(_ pending: Pending, retain: Bool = false) throws {
        let id = try link.publish(pending.topic, encoder.bytes, qos: settings.qos, retain: retain)
        inFlight[id] = pending
        progress.sent.wrappingAdd(1, ordering: .relaxed)
    }

    /// Before the clock runs: it belongs to the start, not to the load.
    private mutating func announce() throws {
        for member in members {
            encoder.status(online: true)
            outcome.statuses += 1
            try send(
                Pending(due: .now, topic: member.topic(.status), time: nil, sequence: nil, readings: 1), retain: true)
            while inFlight.count >= settings.maximumInFlight { try lookOrGiveUp() }
        }
        while !inFlight.isEmpty { try lookOrGiveUp() }
        outcome.latency = LatencyHistogram()
    }

    private mutating func lookOrGiveUp() throws {
        guard !stop.isRaised else { throw LinkError("stopped while the devices were announced") }
        try look(.milliseconds(100))
    }

    // MARK: - Acknowledgements

    private mutating func look(_ pause: Duration) throws {
        let answers = try link.exchange(waitingAtMost: pause)
        guard !answers.isEmpty else { return }
        let now = ContinuousClock.now
        for answer in answers {
            guard let pending = inFlight.removeValue(forKey: answer.packetID) else { continue }
            if let refusal = answer.refusal {
                outcome.refused += 1
                outcome.failure = "the broker refused \(pending.topic) with reason \(refusal)"
                record(pending, acknowledged: false)
                continue
            }
            outcome.latency.record(pending.due.duration(to: now))
            outcome.acknowledged += 1
            progress.acknowledged.wrappingAdd(1, ordering: .relaxed)
            record(pending, acknowledged: true)
        }
    }

    private mutating func drain() throws {
        let deadline = ContinuousClock.now + Self.patience
        while !inFlight.isEmpty, ContinuousClock.now < deadline { try look(.milliseconds(100)) }
    }

    private func record(_ pending: Pending, acknowledged: Bool) {
        ledger?.write(
            .message(
                topic: pending.topic, time: pending.time, sequence: pending.sequence, readings: pending.readings,
                acknowledged: acknowledged))
    }
}

extension Timestamp {
    static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}

import FireModel
import FireStore

/// One set of rules on its way through history.
final class BacktestRun {
    private let rehearsal: Rehearsal
    private let from: Timestamp
    private let to: Timestamp
    /// By place in the scan.
    private let series: [Int32]
    private var outcome: BacktestOutcome
    /// Alarms that are active, by id; -1 were raised before the time that counts.
    private var active: [String: Int] = [:]
    private var latched: [Key: Alarm] = [:]
    private var resets: ArraySlice<Alarm>
    private var isOverfull = false

    private struct Key: Hashable {
        var rule: String
        var device: String
        var component: String?
        var metric: String?
        init(_ alarm: Alarm) {
            rule = alarm.rule
            device = alarm.device.id
            component = alarm.component
            metric = alarm.metric
        }
    }

    init(_ test: Backtest, _ candidate: Backtest.Candidate, _ all: [HistoryScan.Series], at begin: Timestamp) {
        rehearsal = Rehearsal(
            catalogue: test.catalogue, rules: candidate.rules, gateway: test.gateway, at: begin)
        from = test.from
        to = test.to
        let fleet = rehearsal.fleet
        series = all.map { its in
            let device =
                fleet.device(its.device)
                ?? fleet.addDevice(id: its.device, kind: fleet.kind(its.kind), area: fleet.area(its.area), at: begin)
            return fleet.addSeries(
                device: device, component: its.component.map { fleet.component($0) } ?? -1,
                metric: fleet.metric(its.metric), inactive: its.isInactive)
        }
        outcome = BacktestOutcome(from: test.from, to: test.to)
        resets =
            test.resets.filter { $0.clearedAt != nil }
            .sorted { ($0.clearedAt ?? test.to) < ($1.clearedAt ?? test.to) }[...]
    }

    func apply(_ batch: HistoryBatch) throws {
        for item in batch.items {
            let at = Timestamp(milliseconds: item.at)
            if at > rehearsal.now { advance(to: at) }
            rehearsal.apply(
                Reading(
                    series: series[Int(item.series)], at: at, receivedAt: at, value: batch.value(item),
                    quality: item.quality, backlog: false, detail: batch.detail(item)), note)
        }
        if isOverfull { throw Backtest.TooMany() }
    }

    func finish() throws -> BacktestOutcome {
        advance(to: to)
        if isOverfull { throw Backtest.TooMany() }
        return outcome
    }

    private func advance(to time: Timestamp) {
        while let reset = resets.first, let at = reset.clearedAt, at <= time {
            resets.removeFirst()
            rehearsal.advance(to: at, note)
            guard let alarm = latched[Key(reset)] else { continue }
            // One that is over by now refuses, which is as good.
            _ = try? rehearsal.engine.act(
                OperatorAct(deed: .reset(force: true), by: reset.clearedBy ?? "", note: nil), on: alarm, now: at)
            if rehearsal.engine.hasChanges { note(rehearsal.engine.takeChanges()) }
        }
        rehearsal.advance(to: time, note)
    }

    private func note(_ changes: [AlarmChange]) {
        for change in changes {
            switch change.kind {
            case .raised: raised(change.alarm)
            case .cleared: cleared(change.alarm)
            case .updated, .escalated, .acknowledged, .verdict, .occurrence: break
            }
        }
    }

    private func raised(_ alarm: Alarm) {
        if alarm.latched { latched[Key(alarm)] = alarm }
        guard alarm.raisedAt >= from else { return active[alarm.id] = -1 }
        guard outcome.alarms.count < Backtest.mostAlarms else { return isOverfull = true }
        active[alarm.id] = outcome.alarms.count
        outcome.alarms.append(BacktestAlarm(alarm))
    }

    private func cleared(_ alarm: Alarm) {
        if alarm.latched { latched[Key(alarm)] = nil }
        guard let place = active.removeValue(forKey: alarm.id), place >= 0 else { return }
        outcome.alarms[place].clearedAt = alarm.clearedAt
    }
}

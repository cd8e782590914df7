import FireModel
import FireRules

/// Runs one test of rules.
public struct RuleTestRun {
    private let test: RuleTest
    private let rehearsal: Rehearsal
    /// The newest change of each alarm, in the order in which they were raised.
    private var newest: [String: AlarmChange] = [:]
    private var order: [String] = []
    private var notifications: [AlarmChange] = []
    /// Alarms that somebody was told of.
    private var known: Set<String> = []
    private var silences = 0
    /// The newest time of each series, as the store knows it.
    private var lastSeen: [Int32: Timestamp] = [:]
    /// The gateway hears nothing until then; what comes meanwhile is kept by the broker.
    private var isAwayUntil: Timestamp?
    private var kept: [RuleTest.Input] = []
    private var keptAt: [Timestamp] = []
    private var failures: [RuleTestFailure] = []

    /// - Returns: what came otherwise than expected; nothing: it passed.
    public static func failures(of test: RuleTest, in file: RuleTestFile) -> [RuleTestFailure] {
        var run = RuleTestRun(test, file)
        for step in test.steps { run.take(step) }
        return run.failures
    }

    private init(_ test: RuleTest, _ file: RuleTestFile) {
        self.test = test
        rehearsal = Rehearsal(catalogue: file.catalogue, rules: file.rules, gateway: "test", at: test.start)
    }

    private mutating func take(_ step: RuleTest.Step) {
        let time = test.start + step.at
        pass(to: time)
        switch step.deed {
        case .input(let input):
            if isAwayUntil == nil {
                apply(input, at: time, isKept: false)
            } else {
                kept.append(input)
                keptAt.append(time)
            }
        case .act(let act):
            do throws(RuleTestRefusal) {
                try perform(act, at: time)
            } catch {
                failures.append(
                    RuleTestFailure(line: step.line, at: time, what: "act", differences: [.remark(error.reason)]))
            }
        case .expect(let expectation): check(expectation, at: time, line: step.line)
        }
    }

    // MARK: Time

    private mutating func pass(to time: Timestamp) {
        if let back = isAwayUntil {
            guard time >= back else { return rehearsal.lose(until: time) }
            rehearsal.lose(until: back)
            isAwayUntil = nil
            for (input, at) in zip(kept, keptAt) { apply(input, at: at, isKept: true) }
            kept = []
            keptAt = []
        }
        var changes: [AlarmChange] = []
        rehearsal.advance(to: time) { changes += $0 }
        note(changes)
    }

    // MARK: What comes in

    private mutating func apply(_ input: RuleTest.Input, at time: Timestamp, isKept: Bool) {
        let fleet = rehearsal.fleet
        let device =
            fleet.device(input.device)
            ?? fleet.addDevice(
                id: input.device, kind: fleet.kind(input.kind), area: fleet.area(input.area), at: rehearsal.now)
        fleet.touch(device, area: fleet.area(input.area), at: rehearsal.now)
        if input.metric == "online", case .boolean(let online) = input.value {
            fleet.setOnline(device, online, at: time)
        }
        let isEnd = input.metric.hasPrefix(EventName.metricPrefix) && input.value == .boolean(false)
        let series = fleet.addSeries(
            device: device, component: input.component.map(fleet.component) ?? -1, metric: fleet.metric(input.metric),
            inactive: isEnd)
        lastSeen[series] = max(time, lastSeen[series] ?? time)
        var changes: [AlarmChange] = []
        rehearsal.apply(
            Reading(
                series: series, at: time, receivedAt: rehearsal.now, value: input.value, quality: input.quality,
                backlog: isKept, detail: input.detail)
        ) { changes += $0 }
        note(changes)
    }

    private mutating func note(_ changes: [AlarmChange]) {
        for change in changes {
            if newest.updateValue(change, forKey: change.alarm.id) == nil { order.append(change.alarm.id) }
            for kind in told(change) {
                var notification = change
                notification.kind = kind
                notifications.append(notification)
            }
        }
    }

    /// What an endpoint that takes everything is told of it: what is held back only of an alarm that it knows and that
    /// comes to an end; what it is told late it is told as raised.
    private mutating func told(_ change: AlarmChange) -> [AlarmChange.Kind] {
        guard change.kind.isPushed else { return [] }
        let knows = known.contains(change.alarm.id)
        if change.alarm.isHeldBack {
            return knows && [.acknowledged, .verdict, .cleared].contains(change.kind) ? [change.kind] : []
        }
        known.insert(change.alarm.id)
        if knows || change.kind == .raised { return [change.kind] }
        if change.kind == .cleared { return [.raised, .cleared] }
        return change.alarm.state == .active ? [.raised] : [change.kind]
    }

    // MARK: Acts

    private mutating func perform(_ act: RuleTest.Act, at time: Timestamp) throws(RuleTestRefusal) {
        switch act {
        case .restart:
            do throws(CheckpointError) {
                try rehearsal.restart { lastSeen[$0] }
            } catch {
                throw RuleTestRefusal("the engine does not come back from its checkpoint: \(error)")
            }
        case .disconnect(let length): isAwayUntil = max(isAwayUntil ?? time, time + length.wholeMilliseconds)
        case .operate(let act, let reference): try operate(act, on: reference, at: time)
        case .silence(let silence): try begin(silence, at: time)
        }
    }

    private mutating func operate(
        _ act: OperatorAct, on reference: RuleTest.AlarmReference, at time: Timestamp
    ) throws(RuleTestRefusal) {
        let known = order.compactMap { newest[$0]?.alarm }.filter { $0.isMeant(by: reference) }
        // A verdict may still be given when the alarm has ended.
        guard let alarm = known.last(where: { $0.state == .active }) ?? known.last else {
            throw RuleTestRefusal(
                "no alarm of \(reference.rule) on \(reference.device)" + (reference.component.map { "/\($0)" } ?? ""))
        }
        do throws(OperatorActError) {
            _ = try rehearsal.engine.act(act, on: alarm, now: time)
        } catch {
            throw RuleTestRefusal("the gateway refuses it: \(error)")
        }
        note(rehearsal.engine.takeChanges())
    }

    /// From here on notifications of what the silence matches are held back.
    private mutating func begin(_ silence: RuleTest.Silence, at time: Timestamp) throws(RuleTestRefusal) {
        silences += 1
        let its = FireModel.Silence(
            id: "silence-\(silences)", devices: silence.devices, areas: silence.areas, kinds: silence.kinds,
            rules: silence.rules, createdAt: time, until: time + silence.length.wholeMilliseconds, by: "test",
            reason: "test")
        do throws(AnnunciationError) {
            try rehearsal.engine.act(.silence(its), steady: rehearsal.steady, now: time)
        } catch {
            throw RuleTestRefusal("the silence is refused: \(error)")
        }
        note(rehearsal.engine.takeChanges())
    }

    // MARK: Expectations

    private mutating func check(_ expectation: RuleTest.Expectation, at time: Timestamp, line: Int?) {
        let what: String
        let differences: [RuleTestFailure.Difference]
        switch expectation.subject {
        case .alarms(let rule):
            what = "alarms of \(rule)"
            let actual = order.compactMap { newest[$0] }.filter { $0.alarm.rule == rule }
            differences = Comparison(expectation.expected, actual, Times(test)).ofAlarms()
        case .notifications(let from, let rule):
            what = "notifications" + (rule.map { " of \($0)" } ?? "")
            let first = notifications.filter { change in
                change.at >= test.start + from && (rule == nil || change.alarm.rule == rule)
            }
            differences = Comparison(expectation.expected, first, Times(test)).inOrder()
        }
        guard !differences.isEmpty else { return }
        failures.append(
            RuleTestFailure(line: line, at: time, what: "\(expectation.path), \(what)", differences: differences))
    }
}

/// Why an act of a test could not be done.
struct RuleTestRefusal: Error {
    var reason: String

    init(_ reason: String) { self.reason = reason }
}

extension Alarm {
    fileprivate func isMeant(by reference: RuleTest.AlarmReference) -> Bool {
        rule == reference.rule && device.id == reference.device
            && (reference.component == nil || component == reference.component)
            && (reference.metric == nil || metric == reference.metric)
    }
}

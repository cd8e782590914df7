import FireModel
import FireSettings

@testable import FireRules

/// An engine with the shipped catalogue and chosen rules, whose clock the test moves.
final class RuleBench {
    static let start = Timestamp(milliseconds: 1_795_429_200_000)

    let fleet = Fleet(catalogue: Defaults.catalogue)
    let engine: RuleEngine
    private(set) var live: Int64 = 0
    /// `nil`: the engine is not told of a steady clock.
    var steady: Int64?
    /// Wall clock of the gateway.
    private(set) var now = RuleBench.start

    init(_ rules: [RuleDefinition] = [], restoring alarms: [(Alarm, Int)] = [], fleetFrom other: RuleBench? = nil) {
        engine = RuleEngine(gateway: AlarmDevice(id: "box-1", kind: "gateway", area: "_"), fleet: fleet, rules: rules)
        if let other {
            now = other.now
            for series in other.fleet.series {
                let device = other.fleet.devices[Int(series.device)]
                _ = self.series(
                    device.id, other.fleet.kinds[device.kind], other.fleet.metrics[series.metric],
                    component: series.component >= 0 ? other.fleet.components[series.component] : nil,
                    inactive: series.inactive)
            }
        }
        for (alarm, ordinal) in alarms { engine.restore(alarm, ordinal: ordinal, live: live) }
    }

    func series(_ device: String, _ kind: String, _ metric: String, component: String? = nil, inactive: Bool = false)
        -> Int32
    {
        let index =
            fleet.device(device)
            ?? fleet.addDevice(id: device, kind: fleet.kind(kind), area: fleet.area("320102"), at: now)
        return fleet.addSeries(
            device: index, component: component.map(fleet.component) ?? -1, metric: fleet.metric(metric),
            inactive: inactive)
    }

    /// A reading of the device's own time `at` seconds after the start, received now.
    @discardableResult
    func read(
        _ device: String, _ kind: String, _ metric: String, _ value: Value, at seconds: Double? = nil,
        component: String? = nil, quality: Quality = [], backlog: Bool = false, detail: String? = nil,
        receivedAt: Double? = nil, isRetry: Bool = false
    ) -> [AlarmChange] {
        var inactive = false
        if metric.hasPrefix(EventName.metricPrefix), value == .boolean(false) { inactive = true }
        let series = series(device, kind, metric, component: component, inactive: inactive)
        let receivedAt = receivedAt.map { Self.start + Int64($0 * 1000) } ?? now
        engine.apply(
            Reading(
                series: series, at: seconds.map { Self.start + Int64($0 * 1000) } ?? receivedAt, receivedAt: receivedAt,
                value: value, quality: quality, backlog: backlog, detail: detail), live: live, steady: steady,
            isRetry: isRetry)
        return engine.takeChanges()
    }

    @discardableResult
    func event(
        _ device: String, _ name: String, active: Bool = true, at seconds: Double? = nil, component: String? = nil,
        kind: String = "panel", quality: Quality = [], detail: String? = nil, receivedAt: Double? = nil,
        isRetry: Bool = false
    ) -> [AlarmChange] {
        read(
            device, kind, "event.\(name)", .boolean(active), at: seconds, component: component, quality: quality,
            detail: detail, receivedAt: receivedAt, isRetry: isRetry)
    }

    /// Time passes on both clocks.
    @discardableResult
    func wait(_ seconds: Double) -> [AlarmChange] {
        live += Int64(seconds * 1000)
        steady = steady.map { $0 + Int64(seconds * 1000) }
        now = now + Int64(seconds * 1000)
        engine.advance(live: live, steady: steady, now: now)
        return engine.takeChanges()
    }

    /// The daemon is down, or the wall clock is set: only that goes on.
    func lose(_ seconds: Double) { now = now + Int64(seconds * 1000) }

    /// The daemon is up and hears nothing.
    func disconnect(_ seconds: Double) {
        steady = steady.map { $0 + Int64(seconds * 1000) }
        lose(seconds)
    }

    func act(_ act: AnnunciationAct) throws -> [AlarmChange] {
        try engine.act(act, steady: steady, now: now)
        return engine.takeChanges()
    }

    func act(_ deed: OperatorAct.Deed, on alarm: Alarm) throws -> [AlarmChange] {
        _ = try engine.act(OperatorAct(deed: deed, by: "duty", note: nil), on: alarm, now: now)
        return engine.takeChanges()
    }
}

extension RuleDefinition {
    static func lowPressure(for hold: Duration = .seconds(120), clearFor: Duration = .seconds(60)) -> RuleDefinition {
        RuleDefinition(
            id: "hydrant-pressure-low", kinds: ["hydrant"], category: .water, severity: .major,
            title: Title(zh: "消火栓压力低", en: "Hydrant pressure low"),
            when: Condition(subject: .metrics(["pressure"]), test: .below(0.10)),
            clear: Condition(subject: .metrics(["pressure"]), test: .atLeast(0.11)), holdFor: hold, clearFor: clearFor)
    }

    static let faultEvent = RuleDefinition(
        id: "fault-event", kinds: [], category: .fault, severity: .minor, title: Title(zh: "故障", en: "Fault"),
        when: Condition(subject: .events(["fault"]), test: .reported),
        clear: Condition(subject: .events(["restored"]), test: .reported))
}

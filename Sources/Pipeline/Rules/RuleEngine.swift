import FireModel
import HeapModule

/// Readings, events and time in; alarm changes out.
///
///     reading ─▶ program of its (kind, metric) ─▶ condition ─▶ AlarmMachine per key ─▶ AlarmChange
///
/// Rules are compiled at load into flat programs per (kind, metric), and per selection where rules are not the same for
/// all devices: a reading touches only the rules of its metric, and where nothing is wrong and nothing was, it costs a
/// comparison each and no allocation. State per key lies in one dense array. Time is a parameter everywhere; the engine
/// reads no clock. Owned by the worker thread.
public final class RuleEngine {
    /// What has changed since `takeChanges`.
    var changes: [AlarmChange] = []
    let fleet: Fleet
    let gateway: AlarmDevice

    // Rules, see RuleEngine+programs.
    var rules: [CompiledRule] = []
    var unknownEventRule: Int32 = 0
    var implausibleRule: Int32 = 0
    var selection = Selection()
    var programs: [Program] = []
    /// What programs are ranges of.
    var plainUses: [PlainUse] = []
    var rememberingUses: [Int32] = []
    var treeUses: [TreeUse] = []
    var clearedByUses: [Int32] = []
    var programIndex: [ProgramKey: Int32] = [:]

    // Per series, as long as the fleet's list; -1: none yet.
    var programOf: [Int32] = []
    var firstState: [Int32] = []
    /// Time of the newest input applied; what a device dates before it is late.
    var newest: [Int64] = []
    /// When the newest input was received; what a retry brings from before it is late.
    var received: [Int64] = []

    /// Devices, components and groups that have an alarm or a memory of their own, beside those of series.
    var places = Places()
    /// By series, 0: not known yet; as far as trees look at them.
    var placeOf: [Int32] = []

    /// Only of keys that are not idle: an idle one is as if it had never been, so that a fleet of which every
    /// series once misbehaved takes no more room than a new one, and nor does its checkpoint.
    var states: [KeyState] = []
    /// Places in `states` to be used again.
    var vacant: [Int32] = []
    /// Active alarms by id; the gateway's own are in `systemAlarms`.
    var stateOfAlarm: [String: Int32] = [:]
    var systemAlarms: [SystemKey: SystemAlarm] = [:]
    /// How often each was raised at the latest time that one was.
    var systemRaises: (at: Timestamp, count: [SystemKey: Int]) = (Timestamp(milliseconds: 0), [:])
    var timers = Heap<Timer>()
    var implausibleRuns: [Int32: UInt8] = [:]
    var flags: [UInt64: DeviceFlags] = [:]
    /// States with an active alarm per device and component, in no order, to show a change of flags on them. Follows
    /// from `states`; kept by `enlist` and `delist`.
    var activeOn: [UInt64: [Int32]] = [:]

    // What conditions remember, see RuleEngine+memories.
    var memories: [Memory] = []
    var vacantMemories: [Int32] = []
    /// Per series; empty as long as no rule remembers anything.
    var firstMemory: [Int32] = []
    var expiries = Heap<Expiry>()
    var pendingTrees: [PendingTree] = []
    /// By rule and place.
    var crowds: [CrowdKey: CrowdState] = [:]
    var heard = HeardLists()
    /// Some rule does.
    var asksForSilence = false
    /// The lists are those of the rules in force.
    var isHeardArranged = false
    /// By kind and class of devices, -1: of no rule.
    var heardLists: [HeardListKey: Int32] = [:]
    /// Of which a rule that asks for silence has a state.
    var silentDevices: Set<Int32> = []
    /// Of the newest input, on the counting clock.
    var live: Int64 = 0
    /// When schedules next turn a rule on or off, by the wall clock; `nil`: no rule has one.
    public internal(set) var nextTurn: Timestamp?

    /// Who is told of alarms when.
    var annunciation = Annunciation()

    /// - Parameters:
    ///   - gateway: the device of the daemon's own alarms.
    ///   - rules: from the rules files; the built-in ones are added.
    public init(gateway: AlarmDevice, fleet: Fleet, rules: [RuleDefinition]) {
        self.gateway = gateway
        self.fleet = fleet
        compile(rules)
    }

    public func takeChanges() -> [AlarmChange] {
        settle()
        defer { changes.removeAll(keepingCapacity: true) }
        return changes
    }

    /// Of what is settled.
    public var hasChanges: Bool { !changes.isEmpty }

    /// What has changed is known elsewhere: an input is told again. Nothing is settled by it.
    public func dropChanges() { changes.removeAll(keepingCapacity: true) }

    /// Active alarms per category and severity.
    public func activeCounts() -> [AlarmCategory: [AlarmSeverity: Int]] {
        var counts: [AlarmCategory: [AlarmSeverity: Int]] = [:]
        for index in stateOfAlarm.values {
            guard let alarm = states[Int(index)].alarm else { continue }
            counts[alarm.category, default: [:]][alarm.severity, default: 0] += 1
        }
        for system in systemAlarms.values {
            counts[.system, default: [:]][system.alarm.severity, default: 0] += 1
        }
        return counts
    }

    /// Whether the alarm is among the active ones of devices.
    public func isActive(_ id: String) -> Bool { stateOfAlarm[id] != nil }

    // MARK: - Readings

    struct Clocks {
        var live: Int64
        var steady: Int64?
        var isRetry = false
    }

    /// - Parameters:
    ///   - live: the gateway's counting clock, see `AlarmMachine.Input.live`.
    ///   - steady: see `AlarmMachine.Input.steady`.
    ///   - isRetry: from the quarantine, with the original receipt time: newer inputs have the last word also where
    ///     it has no time of its own (contract 2, "Partial failure").
    public func apply(_ reading: Reading, live: Int64, steady: Int64? = nil, isRetry: Bool = false) {
        self.live = live
        grow()
        let anchor = fleet.series[Int(reading.series)].anchor
        annunciation.state.clock.observe(steady, isRetry ? nil : reading.receivedAt)
        if !pendingTrees.isEmpty { settle(before: reading, of: fleet.series[Int(anchor)].device) }
        var index = Int(program(of: anchor))
        if programs[index].looksAtAreas, noteArea(of: fleet.series[Int(anchor)].device) {
            index = Int(program(of: anchor))
        }
        let clocks = Clocks(live: live, steady: isRetry ? nil : steady, isRetry: isRetry)
        let isLate = isLate(reading, on: anchor, isRetry: isRetry)
        if !isLate {
            // Also where no rule looks at it yet: a reload may bring one.
            noteApplied(reading, to: anchor, isRetry: isRetry)
            checkPlausibility(reading, anchor, clocks)
        }
        if !isRetry, !programs[index].isAbsence || reading.value == .boolean(true),
            !reading.quality.contains(.retained)
        {
            noteHeard(reading, anchor, asks: programs[index].asksForSilence, clocks)
        }
        guard !programs[index].isIdle else { return }

        let program = programs[index]
        if let flag = program.flag, !isLate { note(flag, reading, anchor) }
        for place in program.plain {
            let use = plainUses[place]
            let holds = use.holds(reading.value) ?? rules[Int(use.rule)].holds(reading.value)
            if holds || firstState[Int(anchor)] >= 0 {
                applyPlain(use.rule, reading, anchor, holds: holds, isEdge: program.isEvent, isLate: isLate, clocks)
            }
        }
        if !isLate {
            for place in program.remembering {
                applyRemembering(rememberingUses[place], reading, anchor, isEdge: program.isEvent, clocks)
            }
        }
        for place in program.trees { applyTree(treeUses[place], reading, anchor, isLate: isLate, clocks) }
        guard reading.value == .boolean(true), !isLate else { return }
        for place in program.clearedBy { clearByEvent(clearedByUses[place], reading, anchor, clocks) }
        if program.isReset { panelReset(reading, anchor, isRetry: isRetry) }
    }

    /// A rule of which each reading is judged by itself.
    private func applyPlain(
        _ rule: Int32, _ reading: Reading, _ anchor: Int32, holds: Bool, isEdge: Bool, isLate: Bool, _ clocks: Clocks
    ) {
        let isFire = rules[Int(rule)].isFire
        if isLate, !holds || !isFire { return }
        let state = findState(anchor, rule)
        if !holds, state == nil { return }
        if holds, let state, states[Int(state)].restored?.hasSeen(reading, isFire: isFire) == true { return }
        if isLate { return applyLate(reading, reading.value, state ?? addState(anchor, rule)) }
        let clears = rules[Int(rule)].clears(reading.value, reading.quality)
        step(
            state ?? addState(anchor, rule), reading, reading.value,
            input(reading, holds: holds, clears: clears, isEdge: isEdge, clocks))
    }

    func input(_ reading: Reading, holds: Bool, clears: Bool, isEdge: Bool, _ clocks: Clocks) -> AlarmMachine.Input {
        AlarmMachine.Input(
            holds: holds, clears: clears, isEdge: isEdge, at: reading.at, receivedAt: reading.receivedAt,
            isTrusted: Self.isTrusted(reading), live: clocks.live, steady: clocks.steady)
    }

    private func checkPlausibility(_ reading: Reading, _ anchor: Int32, _ clocks: Clocks) {
        let implausible = !reading.quality.isDisjoint(with: .implausible)
        if !implausible, implausibleRuns.isEmpty { return }
        let run = implausible ? min((implausibleRuns[anchor] ?? 0) + 1, BuiltInRules.implausibleInARow) : 0
        let before = implausibleRuns.updateValue(run, forKey: anchor)
        if run == 0 {
            implausibleRuns[anchor] = nil
            guard before != nil else { return }
        }
        let state = findState(anchor, implausibleRule)
        let holds = run >= BuiltInRules.implausibleInARow
        if state == nil, !holds { return }
        step(
            state ?? addState(anchor, implausibleRule), reading, reading.value,
            input(reading, holds: holds, clears: run == 0, isEdge: false, clocks))
    }

    func takeUpImplausible(_ series: Int32) { implausibleRuns[series] = BuiltInRules.implausibleInARow }

    // MARK: - Order

    /// An input older than the newest applied (contract 6, "Time"). One without a time of the device's own is as
    /// new as it can be, unless it is a retry.
    private func isLate(_ reading: Reading, on series: Int32, isRetry: Bool) -> Bool {
        guard reading.quality.hasDeviceTime else {
            return isRetry && reading.receivedAt.milliseconds < received[Int(series)]
        }
        return isBehind(reading, Timestamp(milliseconds: newest[Int(series)]), isRetry: isRetry)
    }

    /// Behind what is known, unless that is dated far ahead. A retry has its old receipt and tells nothing about it.
    func isBehind(_ reading: Reading, _ known: Timestamp, isRetry: Bool) -> Bool {
        reading.at < known
            && (isRetry || !AlarmMachine.isFarAhead(known, of: reading.at, receivedAt: reading.receivedAt))
    }

    private func noteApplied(_ reading: Reading, to series: Int32, isRetry: Bool) {
        received[Int(series)] = max(received[Int(series)], reading.receivedAt.milliseconds)
        guard reading.at - reading.receivedAt <= Limits.maximumAhead else { return }
        if !isBehind(reading, Timestamp(milliseconds: newest[Int(series)]), isRetry: isRetry) {
            newest[Int(series)] = reading.at.milliseconds
        }
    }

    /// A condition may be measured by the device's clock unless that is absent, refused, or a day off
    /// without the excuse of a backlog (contract 6, "Time").
    static func isTrusted(_ reading: Reading) -> Bool {
        reading.quality.hasDeviceTime
            && (reading.backlog || (reading.receivedAt - reading.at).magnitude <= 24 * 3_600_000)
    }

    // MARK: - One key

    /// - Parameter value: what the rule has measured.
    func step(_ state: Int32, _ reading: Reading, _ value: Value?, _ input: AlarmMachine.Input) {
        guard timing(of: states[Int(state)]) != nil else { return }
        // The same event told again: from memory while the disk was full, then by the broker.
        if input.isEdge, input.holds, reading.quality.hasDeviceTime, states[Int(state)].hasAlarm,
            states[Int(state)].machine.statedAt == reading.at
        {
            return
        }
        note(reading, value, on: Int(state), holds: input.holds)
        step(state, input, Occasion(reading: reading, receivedAt: reading.receivedAt))
    }

    /// What its condition has come to goes into its machine, and what that orders is done.
    func step(_ state: Int32, _ input: AlarmMachine.Input, _ occasion: Occasion) {
        guard let timing = timing(of: states[Int(state)]) else { return }
        var (order, again) = states[Int(state)].machine.observed(input, timing)
        obey(order, state, occasion, isEdge: input.isEdge)
        if again {
            (order, _) = states[Int(state)].machine.observed(input, timing)
            obey(order, state, occasion, isEdge: input.isEdge)
        }
        schedule(state)
        releaseIfIdle(state)
    }

    /// What the alarm will show, should it be raised by time alone.
    private func note(_ reading: Reading, _ value: Value?, on state: Int, holds: Bool) {
        states[state].lastValue = value
        guard holds else { return }
        if reading.detail != nil || !states[state].machine.isWaiting { states[state].lastDetail = reading.detail }
        states[state].lastQuality = reading.quality
    }

    func applyLate(_ reading: Reading, _ value: Value?, _ state: Int32) {
        note(reading, value, on: Int(state), holds: true)
        let order = states[Int(state)].machine.raisedLate(at: reading.at)
        obey(order, state, Occasion(reading: reading, receivedAt: reading.receivedAt, isLate: true))
    }

    /// An event that ends what another began, on the same device and component.
    private func clearByEvent(_ rule: Int32, _ reading: Reading, _ anchor: Int32, _ clocks: Clocks) {
        let component = fleet.series[Int(anchor)].component
        forEachState(of: fleet.series[Int(anchor)].device) { state in
            let key = states[Int(state)]
            guard key.rule == rule, key.hasAlarm || key.machine.isWaiting, key.series >= 0,
                fleet.series[Int(key.series)].component == component,
                !isLate(reading, on: key.series, isRetry: clocks.isRetry),
                !clocks.isRetry || !isBefore(reading, key)
            else { return }
            noteApplied(reading, to: key.series, isRetry: clocks.isRetry)
            step(
                state, reading, reading.value,
                input(reading, holds: false, clears: true, isEdge: false, clocks))
        }
    }

    /// An end told late does not end what began after it.
    private func isBefore(_ reading: Reading, _ key: KeyState) -> Bool {
        guard let stated = key.machine.statedAt else { return false }
        return reading.at < stated
    }

    /// A panel's reset ends the latched alarms of its components, if it came after them: not one kept by
    /// the broker, not one made before the alarm was last stated (contract 6, "Latch").
    private func panelReset(_ reading: Reading, _ anchor: Int32, isRetry: Bool) {
        let series = fleet.series[Int(anchor)]
        guard !reading.quality.contains(.retained), fleet.kinds[fleet.devices[Int(series.device)].kind] == "panel"
        else { return }
        forEachState(of: series.device) { state in
            let key = states[Int(state)]
            guard series.component < 0 || component(of: key.series) == series.component,
                timing(of: key)?.isLatched == true
            else { return }
            if isRetry {
                let known = key.series >= 0 ? received[Int(key.series)] : .min
                guard !isBefore(reading, key), reading.receivedAt.milliseconds >= known else { return }
            } else if reading.quality.hasDeviceTime, let stated = key.machine.statedAt,
                isBehind(reading, stated, isRetry: false)
            {
                return
            }
            if key.series >= 0 { noteApplied(reading, to: key.series, isRetry: isRetry) }
            states[Int(state)].machine.panelReset()
            if key.hasAlarm {
                clear(
                    state, at: reading.at, reason: .panelReset, by: nil,
                    cause: "panel_reset@\(reading.at.milliseconds)",
                    inputAt: reading.quality.hasDeviceTime ? reading.at : nil)
            }
            releaseIfIdle(state)
        }
    }
}

import FireModel
import HeapModule

/// Readings, events and time in; alarm changes out.
///
///     reading ─▶ program of its (kind, metric) ─▶ condition ─▶ AlarmMachine per key ─▶ AlarmChange
///
/// Rules are compiled at load into flat programs per (kind, metric): a reading touches only the rules
/// of its metric, and where nothing is wrong and nothing was, it costs a comparison each and no
/// allocation. State per key lies in one dense array. Time is a parameter everywhere; the engine reads
/// no clock. Owned by the worker thread.
public final class RuleEngine {
    /// What has changed since `takeChanges`.
    var changes: [AlarmChange] = []
    let fleet: Fleet
    let gateway: AlarmDevice

    var rules: [CompiledRule] = []
    private var unknownEventRule: Int32 = 0
    private(set) var implausibleRule: Int32 = 0
    private var programs: [Program] = []
    private var programIndex: [UInt64: Int32] = [:]

    // Per series, as long as the fleet's list; -1: none yet.
    private var programOf: [Int32] = []
    private var firstState: [Int32] = []
    /// Time of the newest input applied; what a device dates before it is late.
    var newest: [Int64] = []
    /// When the newest input was received; what a retry brings from before it is late.
    var received: [Int64] = []

    /// Only of keys that are not idle: an idle one is as if it had never been, so that a fleet of which every
    /// series once misbehaved takes no more room than a new one, and nor does its checkpoint.
    var states: [KeyState] = []
    /// Places in `states` to be used again.
    private var vacant: [Int32] = []
    /// Active alarms by id; the gateway's own are in `systemAlarms`.
    var stateOfAlarm: [String: Int32] = [:]
    var systemAlarms: [SystemKey: SystemAlarm] = [:]
    private var timers = Heap<Timer>()
    var implausibleRuns: [Int32: UInt8] = [:]
    var flags: [UInt64: DeviceFlags] = [:]
    /// States with an active alarm per device and component, in no order, to show a change of flags on them. Follows
    /// from `states`; kept by `enlist` and `delist`.
    var activeOn: [UInt64: [Int32]] = [:]

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
        defer { changes.removeAll(keepingCapacity: true) }
        return changes
    }

    public var hasChanges: Bool { !changes.isEmpty }

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

    /// - Parameters:
    ///   - live: the gateway's counting clock, see `AlarmMachine.Input.live`.
    ///   - steady: see `AlarmMachine.Input.steady`.
    ///   - isRetry: from the quarantine, with the original receipt time: newer inputs have the last word also where
    ///     it has no time of its own (contract 2, "Partial failure").
    public func apply(_ reading: Reading, live: Int64, steady: Int64? = nil, isRetry: Bool = false) {
        grow()
        annunciation.state.clock.observe(steady, isRetry ? nil : reading.receivedAt)
        let anchor = fleet.series[Int(reading.series)].anchor
        let program = programs[Int(program(of: anchor))]
        let clocks = Clocks(live: live, steady: isRetry ? nil : steady, isRetry: isRetry)
        let isLate = isLate(reading, on: anchor, isRetry: isRetry)
        if !isLate {
            // Also where no rule looks at it yet: a reload may bring one.
            noteApplied(reading, to: anchor, isRetry: isRetry)
            checkPlausibility(reading, anchor, clocks)
        }
        guard !program.isIdle else { return }

        if let flag = program.flag, !isLate { note(flag, reading, anchor) }
        for rule in program.rules {
            let compiled = rules[Int(rule)]
            let holds = compiled.holds(reading.value)
            if isLate, !holds || !compiled.isFire { continue }
            let state = findState(anchor, rule)
            if !holds, state == nil { continue }
            if holds, let state, states[Int(state)].restored?.hasSeen(reading, isFire: compiled.isFire) == true {
                continue
            }
            if isLate {
                applyLate(reading, state ?? addState(anchor, rule))
                continue
            }
            step(
                state ?? addState(anchor, rule), reading,
                input(
                    reading, holds: holds, clears: compiled.clears(reading.value, reading.quality),
                    isEdge: program.isEvent, clocks))
        }
        guard reading.value == .boolean(true), !isLate else { return }
        for rule in program.clearedBy { clearByEvent(rule, reading, anchor, clocks) }
        if program.isReset { panelReset(reading, anchor, isRetry: isRetry) }
    }

    struct Clocks {
        var live: Int64
        var steady: Int64?
        var isRetry = false
    }

    func input(_ reading: Reading, holds: Bool, clears: Bool, isEdge: Bool, _ clocks: Clocks) -> AlarmMachine.Input {
        AlarmMachine.Input(
            holds: holds, clears: clears, isEdge: isEdge, at: reading.at, receivedAt: reading.receivedAt,
            isTrusted: Self.isTrusted(reading), live: clocks.live, steady: clocks.steady)
    }

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
    private func isBehind(_ reading: Reading, _ known: Timestamp, isRetry: Bool) -> Bool {
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

    // MARK: - Time

    /// Raises and clears what only time has brought about, in the order in which it came about: not in the order
    /// in which timers happen to lie, which a restart does not bring back.
    /// - Parameter steady: see `AlarmMachine.Input.steady`.
    /// - Returns: whether it was time for anything. A state may have gone on without an alarm that changed, and an
    ///   engine that is brought back from a checkpoint must be shown this moment.
    @discardableResult
    public func advance(live: Int64, steady: Int64? = nil, now: Timestamp) -> Bool {
        let isTelling = isAnnunciationDue(steady: steady, now: now)
        let due = takeDue(live)
        if isTelling || !due.isEmpty { annunciation.state.clock.observe(steady, now) }
        for state in due {
            guard let timing = timing(of: states[Int(state)]) else { continue }
            let order = states[Int(state)].machine.timePassed(live: live, timing)
            obey(order, state, Occasion(reading: nil, receivedAt: now))
            schedule(state)
            releaseIfIdle(state)
        }
        if isTelling { annunciate(now: now) }
        expireSystemAlarms(now: now)
        return isTelling || !due.isEmpty
    }

    /// The daemon has been started again, and `steady` counts from elsewhere: to be called behind the last input of an
    /// earlier run that is told again, before the first of the next. Over a restart the wall clock says how long it was.
    public func steadyClockBeganAnew() {
        for index in states.indices { states[index].machine.forgetSteady() }
        annunciation.state.clock.began()
    }

    /// On the counting clock, when `advance` has something to do.
    public var nextDeadline: Int64? {
        while let timer = timers.min {
            if deadline(of: timer.state) == timer.deadline { return timer.deadline }
            takeTimer(timer)
            schedule(timer.state)
        }
        return nil
    }

    private func takeDue(_ live: Int64) -> [Int32] {
        var due: [(deadline: Int64, series: Int32, rule: Int32, state: Int32)] = []
        while let timer = timers.min, timer.deadline <= live {
            takeTimer(timer)
            guard let deadline = deadline(of: timer.state) else { continue }
            if deadline <= live {
                let key = (states[Int(timer.state)].series, states[Int(timer.state)].rule)
                due.append((deadline, key.0, key.1, timer.state))
            } else {
                schedule(timer.state)
            }
        }
        return due.sorted { ($0.deadline, $0.series, $0.rule) < ($1.deadline, $1.series, $1.rule) }.map(\.state)
    }

    private func takeTimer(_ timer: Timer) {
        timers.removeMin()
        if states[Int(timer.state)].timerAt == timer.deadline { states[Int(timer.state)].timerAt = nil }
    }

    private func deadline(of state: Int32) -> Int64? {
        timing(of: states[Int(state)]).flatMap { states[Int(state)].machine.deadline($0) }
    }

    /// A condition may be measured by the device's clock unless that is absent, refused, or a day off
    /// without the excuse of a backlog (contract 6, "Time").
    static func isTrusted(_ reading: Reading) -> Bool {
        reading.quality.hasDeviceTime
            && (reading.backlog || (reading.receivedAt - reading.at).magnitude <= 24 * 3_600_000)
    }

    // MARK: - One key

    func step(_ state: Int32, _ reading: Reading, _ input: AlarmMachine.Input) {
        guard let timing = timing(of: states[Int(state)]) else { return }
        // The same event told again: from memory while the disk was full, then by the broker.
        if input.isEdge, input.holds, reading.quality.hasDeviceTime, states[Int(state)].hasAlarm,
            states[Int(state)].machine.statedAt == reading.at
        {
            return
        }
        note(reading, on: Int(state), holds: input.holds)
        var (order, again) = states[Int(state)].machine.observed(input, timing)
        obey(order, state, Occasion(reading: reading, receivedAt: reading.receivedAt), isEdge: input.isEdge)
        if again {
            (order, _) = states[Int(state)].machine.observed(input, timing)
            obey(order, state, Occasion(reading: reading, receivedAt: reading.receivedAt), isEdge: input.isEdge)
        }
        schedule(state)
        releaseIfIdle(state)
    }

    /// What the alarm will show, should it be raised by time alone.
    private func note(_ reading: Reading, on state: Int, holds: Bool) {
        states[state].lastValue = reading.value
        guard holds else { return }
        if reading.detail != nil || !states[state].machine.isWaiting { states[state].lastDetail = reading.detail }
        states[state].lastQuality = reading.quality
    }

    private func applyLate(_ reading: Reading, _ state: Int32) {
        note(reading, on: Int(state), holds: true)
        let order = states[Int(state)].machine.raisedLate(at: reading.at)
        obey(order, state, Occasion(reading: reading, receivedAt: reading.receivedAt, isLate: true))
    }

    /// An event that ends what another began, on the same device and component.
    private func clearByEvent(_ rule: Int32, _ reading: Reading, _ anchor: Int32, _ clocks: Clocks) {
        let component = fleet.series[Int(anchor)].component
        forEachState(of: fleet.series[Int(anchor)].device) { state in
            let key = states[Int(state)]
            guard key.rule == rule, key.hasAlarm || key.machine.isWaiting,
                fleet.series[Int(key.series)].component == component,
                !isLate(reading, on: key.series, isRetry: clocks.isRetry),
                !clocks.isRetry || !isBefore(reading, key)
            else { return }
            noteApplied(reading, to: key.series, isRetry: clocks.isRetry)
            step(state, reading, input(reading, holds: false, clears: true, isEdge: false, clocks))
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
            let its = fleet.series[Int(key.series)]
            guard series.component < 0 || its.component == series.component, timing(of: key)?.isLatched == true else {
                return
            }
            if isRetry {
                guard !isBefore(reading, key), reading.receivedAt.milliseconds >= received[Int(key.series)] else {
                    return
                }
            } else if reading.quality.hasDeviceTime, let stated = key.machine.statedAt,
                isBehind(reading, stated, isRetry: false)
            {
                return
            }
            noteApplied(reading, to: key.series, isRetry: isRetry)
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
            state ?? addState(anchor, implausibleRule), reading,
            input(reading, holds: holds, clears: run == 0, isEdge: false, clocks))
    }

    func takeUpImplausible(_ series: Int32) { implausibleRuns[series] = BuiltInRules.implausibleInARow }

    // MARK: - What the device says about itself

    func noteFlag(_ flag: DeviceFlags, _ anchor: Int32) { flags[flagKey(anchor), default: []].insert(flag) }

    private func note(_ flag: DeviceFlags, _ reading: Reading, _ anchor: Int32) {
        let key = flagKey(anchor)
        let before = flags[key] ?? []
        var its = before
        if reading.value == .boolean(true) { its.insert(flag) } else { its.remove(flag) }
        guard its != before else { return }
        flags[key] = its.isEmpty ? nil : its
        showFlags(reading, anchor)
    }

    /// On the alarms that are active there.
    private func showFlags(_ reading: Reading, _ anchor: Int32) {
        let series = fleet.series[Int(anchor)]
        if series.component >= 0 {
            for state in ordered(activeOn[flagKey(anchor)] ?? []) { showFlags(reading, on: state) }
        } else {
            let its = stateOfAlarm.values.filter {
                states[Int($0)].series >= 0 && fleet.series[Int(states[Int($0)].series)].device == series.device
            }
            for state in ordered(its) { showFlags(reading, on: state) }
        }
    }

    /// As a restart leaves it: not by where states lie, nor by which alarm came first.
    private func ordered(_ active: [Int32]) -> [Int32] {
        guard active.count > 1 else { return active }
        return active.map { state in
            let key = states[Int(state)]
            return (key.series, key.rule, key.alarm?.id ?? "", state)
        }.sorted { ($0.0, $0.1, $0.2) < ($1.0, $1.1, $1.2) }.map(\.3)
    }

    func flagWords(_ series: Fleet.Series) -> [String] {
        let ofDevice = flags[flagKey(device: series.device, component: -1)] ?? []
        let ofComponent = flags[flagKey(device: series.device, component: series.component)] ?? []
        return ofDevice.union(ofComponent).words
    }

    func flagKey(_ anchor: Int32) -> UInt64 {
        let series = fleet.series[Int(anchor)]
        return flagKey(device: series.device, component: series.component)
    }

    func flagKey(device: Int32, component: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: device)) << 32 | UInt64(UInt32(bitPattern: component))
    }

    // MARK: - States

    func findState(_ series: Int32, _ rule: Int32) -> Int32? {
        var it = firstState[Int(series)]
        while it >= 0 {
            if states[Int(it)].rule == rule { return it }
            it = states[Int(it)].next
        }
        return nil
    }

    /// The states of a series lie in the order of their rules, not in that of their making: a panel's reset ends
    /// alarms in this order, and a restart must not change it.
    func addState(_ series: Int32, _ rule: Int32) -> Int32 {
        let index = place(KeyState(rule: rule, series: series, next: -1))
        link(index)
        return index
    }

    /// One that no reading finds: its rule or its series is gone, and its alarm stands until an operator ends it.
    func addOrphan(_ alarm: Alarm, series: Int32) {
        if let known = stateOfAlarm[alarm.id] {
            states[Int(known)].alarm = alarm
            return
        }
        var state = KeyState(rule: -1, series: series, next: -1)
        state.alarm = alarm
        enlist(alarm.id, place(state))
    }

    private func place(_ state: KeyState) -> Int32 {
        guard let index = vacant.popLast() else {
            states.append(state)
            return Int32(states.count - 1)
        }
        // The timer is that of the place: left in the heap, it is put right when its time comes.
        let timerAt = states[Int(index)].timerAt
        states[Int(index)] = state
        states[Int(index)].timerAt = timerAt
        return index
    }

    private func link(_ state: Int32) {
        let series = Int(states[Int(state)].series)
        var before: Int32 = -1
        var after = firstState[series]
        while after >= 0, states[Int(after)].rule < states[Int(state)].rule {
            before = after
            after = states[Int(after)].next
        }
        states[Int(state)].next = after
        if before >= 0 { states[Int(before)].next = state } else { firstState[series] = state }
    }

    private func unlink(_ state: Int32) {
        let series = Int(states[Int(state)].series)
        let after = states[Int(state)].next
        if firstState[series] == state {
            firstState[series] = after
            return
        }
        var it = firstState[series]
        while it >= 0 {
            if states[Int(it)].next == state {
                states[Int(it)].next = after
                return
            }
            it = states[Int(it)].next
        }
    }

    /// Lets go of a state that says no more than none would.
    func releaseIfIdle(_ state: Int32) {
        guard isIdle(state) else { return }
        if states[Int(state)].rule >= 0 { unlink(state) }
        let timerAt = states[Int(state)].timerAt
        states[Int(state)] = KeyState(rule: -1, series: -1, next: -1)
        states[Int(state)].timerAt = timerAt
        vacant.append(state)
    }

    private func isIdle(_ state: Int32) -> Bool {
        let index = Int(state)
        guard !states[index].hasAlarm else { return false }
        guard states[index].rule >= 0 else { return true }
        guard states[index].machine.isIdle, states[index].restored == nil else { return false }
        guard let raisedAt = states[index].lastRaisedAt else { return true }
        // A second raise of this time would need an input of this time. That is late by now, unless clocks have gone
        // back since; further than a day they do not go to the millisecond. Late or not, a fire always raises.
        return newest[Int(states[index].series)] > (raisedAt + Self.raiseIsKnownFor).milliseconds
            && !rules[Int(states[index].rule)].isFire
    }

    static let raiseIsKnownFor: Int64 = 24 * 3_600_000

    private func forEachState(of device: Int32, _ body: (Int32) -> Void) {
        var series = fleet.devices[Int(device)].firstSeries
        while series >= 0 {
            if Int(series) < firstState.count {
                var state = firstState[Int(series)]
                while state >= 0 {
                    let next = states[Int(state)].next
                    body(state)
                    state = next
                }
            }
            series = fleet.series[Int(series)].next
        }
    }

    /// `nil`: the rule is no longer there; its alarm stands until an operator ends it.
    func timing(of state: KeyState) -> AlarmMachine.Timing? {
        state.rule >= 0 ? rules[Int(state.rule)].timing : nil
    }

    private func schedule(_ state: Int32) {
        // A later timer that is set already wakes for nothing and is put right then; an earlier one must be set.
        guard let deadline = deadline(of: state), deadline < states[Int(state)].timerAt ?? .max else { return }
        states[Int(state)].timerAt = deadline
        timers.insert(Timer(deadline: deadline, state: state))
    }

    func noteSeeded(_ series: Int32, _ reading: Reading) {
        newest[Int(series)] = max(newest[Int(series)], reading.at.milliseconds)
        received[Int(series)] = max(received[Int(series)], reading.receivedAt.milliseconds)
    }

    func noteHeld(_ series: Int32, at time: Timestamp) {
        newest[Int(series)] = max(newest[Int(series)], time.milliseconds)
    }

    /// New series since the last look.
    func grow() {
        let count = fleet.series.count
        guard programOf.count < count else { return }
        let missing = count - programOf.count
        programOf.append(contentsOf: repeatElement(-1, count: missing))
        firstState.append(contentsOf: repeatElement(-1, count: missing))
        newest.append(contentsOf: repeatElement(.min, count: missing))
        received.append(contentsOf: repeatElement(.min, count: missing))
    }

    // MARK: - Programs

    func program(at series: Int32) -> Program { programs[Int(program(of: series))] }

    private func program(of series: Int32) -> Int32 {
        let known = programOf[Int(series)]
        if known >= 0 { return known }
        let its = fleet.series[Int(series)]
        let kind = fleet.devices[Int(its.device)].kind
        let pair = UInt64(UInt32(bitPattern: kind)) << 32 | UInt64(UInt32(bitPattern: its.metric))
        let index = programIndex[pair] ?? compileProgram(kind: fleet.kinds[kind], metric: fleet.metrics[its.metric])
        programIndex[pair] = index
        programOf[Int(series)] = index
        return index
    }

    private func compileProgram(kind: String, metric: String) -> Int32 {
        var program = Program()
        program.isEvent = metric.hasPrefix(EventName.metricPrefix)
        for (index, rule) in rules.enumerated() where rule.applies(toKind: kind) {
            if rule.watches(metric: metric) { program.rules.append(Int32(index)) }
            if rule.isClearedBy(metric: metric) { program.clearedBy.append(Int32(index)) }
        }
        if program.isEvent, EventName(rawValue: String(metric.dropFirst(EventName.metricPrefix.count))) == nil {
            program.rules.append(unknownEventRule)
        }
        program.isReset = metric == EventName.reset.metric
        program.flag = DeviceFlags(metric: metric)
        programs.append(program)
        return Int32(programs.count - 1)
    }

    /// Takes over new rules without losing an alarm or a timer of what stays the same. Alarms of a rule
    /// that is gone stand until an operator ends them.
    public func adopt(_ definitions: [RuleDefinition]) {
        let before = rules
        compile(definitions)
        for index in states.indices where states[index].rule >= 0 {
            let id = before[Int(states[index].rule)].definition.id
            states[index].rule = rule(id, watching: states[index].series) ?? -1
            if states[index].rule < 0 { orphan(Int32(index)) }
        }
        relink()
        rebuildAnnunciation()
    }

    /// Of what its rule alone could make use of, nothing is kept.
    private func orphan(_ state: Int32) {
        var orphan = KeyState(rule: -1, series: states[Int(state)].series, next: -1)
        orphan.alarm = states[Int(state)].alarm
        orphan.timerAt = states[Int(state)].timerAt
        states[Int(state)] = orphan
        releaseIfIdle(state)
    }

    func rule(_ id: String, watching series: Int32) -> Int32? {
        rules.firstIndex { $0.definition.id == id && isWatching($0, series) }.map(Int32.init)
    }

    /// Lists and timers anew, from the states.
    private func relink() {
        for series in firstState.indices { firstState[series] = -1 }
        timers = Heap()
        for index in states.indices {
            states[index].timerAt = nil
            guard states[index].rule >= 0 else { continue }
            link(Int32(index))
            schedule(Int32(index))
        }
    }

    /// Others in the place of all states of devices. At most one of them for each rule and series.
    func replaceStates(_ others: [KeyState]) {
        states = others
        vacant.removeAll()
        stateOfAlarm.removeAll()
        activeOn.removeAll()
        for (index, state) in others.enumerated() {
            if let alarm = state.alarm { enlist(alarm.id, Int32(index)) }
        }
        relink()
        rebuildAnnunciation()
    }

    private func compile(_ definitions: [RuleDefinition]) {
        rules = (BuiltInRules.all + definitions + [BuiltInRules.unknown, BuiltInRules.implausible]).map(
            CompiledRule.init)
        annunciation.learn(definitions)
        unknownEventRule = Int32(rules.count - 2)
        implausibleRule = Int32(rules.count - 1)
        programs.removeAll()
        programIndex.removeAll()
        for index in programOf.indices { programOf[index] = -1 }
    }
}

/// What is evaluated for a (kind, metric).
struct Program {
    var rules: [Int32] = []
    /// Rules whose alarms this event ends.
    var clearedBy: [Int32] = []
    var isEvent = false
    var isReset = false
    var flag: DeviceFlags?

    var isIdle: Bool { rules.isEmpty && clearedBy.isEmpty && !isReset && flag == nil }
}

/// State of one key (rule, series).
struct KeyState: Equatable {
    /// -1: the rule was dropped by a reload, or the place is vacant.
    var rule: Int32
    /// The anchor series.
    var series: Int32
    /// The next state of the same series, -1: none.
    var next: Int32
    /// The earliest timer that is set for it.
    var timerAt: Int64?
    var machine = AlarmMachine()
    private var standing = Standing.none
    var lastValue: Value?
    /// Of the last input that stated the cause.
    var lastDetail: String?
    var lastQuality: Quality = []
    /// Of the last raise, to count raises of one key at one time.
    var lastRaisedAt: Timestamp?
    var ordinal = 0
    /// From the stored alarms at start.
    var restored: Restored?

    init(rule: Int32, series: Int32, next: Int32) {
        self.rule = rule
        self.series = series
        self.next = next
    }

    /// The active alarm.
    var alarm: Alarm? {
        get { if case .alarm(let alarm) = standing { alarm } else { nil } }
        set { standing = newValue.map { .alarm($0) } ?? .none }
    }

    var hasAlarm: Bool { standing.isAlarm }

    /// Apart, or the many states that have no alarm would all be as large as one.
    private indirect enum Standing: Equatable {
        case none, alarm(Alarm)
        var isAlarm: Bool { if case .alarm = self { true } else { false } }
    }
}

/// Set for a place in `states`; what has become of it since, only its state can tell.
struct Timer: Comparable {
    var deadline: Int64
    var state: Int32
    static func < (a: Timer, b: Timer) -> Bool { a.deadline < b.deadline }
}

/// What a device may say about itself; shown in `flags`, never suppressing (contract 6).
struct DeviceFlags: OptionSet {
    let rawValue: UInt8
    static let test = DeviceFlags(rawValue: 1)
    static let selfTest = DeviceFlags(rawValue: 2)
    static let muted = DeviceFlags(rawValue: 4)
    static let silence = DeviceFlags(rawValue: 8)
    static let disabled = DeviceFlags(rawValue: 16)
    static let fault = DeviceFlags(rawValue: 32)
    static let all: DeviceFlags = [.test, .selfTest, .muted, .silence, .disabled, .fault]

    init(rawValue: UInt8) { self.rawValue = rawValue }

    init?(metric: String) {
        switch metric {
        case "test", "event.test": self = .test
        case "event.self_test": self = .selfTest
        case "muted": self = .muted
        case "event.silence": self = .silence
        case "disabled", "event.disabled": self = .disabled
        case "fault", "event.fault": self = .fault
        default: return nil
        }
    }

    private static let names: [(flag: DeviceFlags, word: String)] = [
        (.test, "test"), (.selfTest, "self_test"), (.muted, "muted"), (.silence, "silence"), (.disabled, "disabled"),
        (.fault, "fault"),
    ]

    var words: [String] { Self.names.filter { contains($0.flag) }.map(\.word) }
}

import FireModel
import Foundation

/// Why a checkpoint is not taken up. The engine is as it was before.
public enum CheckpointError: Error, Equatable, Sendable {
    /// Written by a later version of this program.
    case unknownVersion(UInt8)
    /// It is not what was written: cut off, changed, or of something else. The offset at which this was noticed.
    case damaged(at: Int)
    /// It is sound, but of another fleet: it names a series, a device or a component that is not there.
    case foreign(at: Int)
    /// It knows of a moment of the counting clock that has yet to come, and its timers would hang.
    case aheadOfClock(at: Int)
}

/// The engine's state in bytes, so that with the inputs since, shown through the same public calls, it comes back
/// exactly (design 5). What is idle, and what the store can tell by itself, is not in it.
///
///     version      1 byte, 2; 1 was without conditions and annunciation
///     rules        count, then each id as text; ascending
///     states       count, then each as below; by series, then rule, then alarm
///     runs         count, then each: series (index), length of the run of implausible values (1 byte, 1…3)
///     flags        count, then each: device + 1 minus that of the one before (varint), component (text; empty: the
///                  device itself), bits of `DeviceFlags` (1 byte); by device, then component
///     times        count, then each: 16 × how many series lie between it and the one before + mask (varint), newest
///                  time applied, newest receipt
///     conditions   see RuleEngine+conditionCheckpoint
///     annunciation text: who is told of alarms when, see `AnnunciationState`
///     checksum     8 bytes, little-endian: `contentHash` of everything before
///
/// A state:
///
///     series       series + 1 minus that of the one before (varint); 0 in all: an alarm without a series
///     rule         its place among `rules` + 1 (varint); 0: dropped by a reload
///     mask         1 byte: 1 machine, 2 last value, 4 last raise, 8 restored, 16 restored from a forced end, 32 alarm,
///                  64 decided in memory while the store was away, 128 what it waits to show
///     machine      mask (varint): 1–2 phase (normal, pending, active, clearing), 4 cause present, 8 last input
///                  trusted, 16 forced, 32 stated, 64 the steady clock is known, 128 raised after force, 256 held back;
///                  then start (time), elapsed (varint), last input (time), its receipt minus that (signed), the
///                  counting clock then (signed), the steady clock then minus that (signed); stated (time); raised
///                  after force (signed); held back (time)
///     last value   1 byte: 0 false, 1 true, 2 number, then 8 bytes little-endian, 3 text
///     last raise   time, ordinal (varint)
///     restored     time it was decided at; minus that (signed) the raise and the last occurrence; of what memory
///                  decided the first, minus that too, and how long after it the last (varint)
///     to show      quality (1 byte), then 0, or 1 and the detail (text)
///     alarm        text: its JSON as in contract 6
///
/// The mask of times: 1 the newest time applied differs from what the store tells, 2 the newest receipt does, 4 there is
/// no time applied, 8 there is no receipt. Of the two stands what differs and is there, minus what the store tells
/// (signed), or as it is where the store tells nothing.
///
/// Varint: seven bits a byte, the lowest first, the eighth says that more follow. Signed: zigzag in a varint. Time:
/// signed, milliseconds since 1970. Text: its length in bytes as varint, UTF-8. Index: varint of how many series lie
/// between it and the one before. Count: varint.
extension RuleEngine {
    private static let version: UInt8 = 2
    /// An alarm is a few hundred bytes, and its texts are bounded where they come in.
    private static let longestAlarm = 1 << 20

    /// The state as it is, between two inputs and with its changes taken. The gateway's own alarms are not in it: the
    /// store has them.
    /// - Parameter lastSeen: the newest time among the stored readings of a series; the same must be told when it is
    ///   restored.
    public func checkpoint(lastSeen: (Int32) -> Timestamp?) -> [UInt8] {
        settle()
        grow()
        var writer = CheckpointWriter()
        writer.byte(Self.version)
        writeStates(to: &writer)
        writeRuns(to: &writer)
        writeFlags(to: &writer)
        writeTimes(lastSeen, to: &writer)
        writeConditions(to: &writer)
        writeAnnunciation(to: &writer)
        writer.seal()
        return writer.bytes
    }

    /// Takes up a checkpoint in the place of everything known of devices. Then the inputs since are to be shown in
    /// their order, each with the times it had, and the changes they bring thrown away; where a run of the daemon ended
    /// among them, and behind the last, `steadyClockBeganAnew`.
    ///
    /// The fleet has the devices and series it had, under the same numbers; more may have come. The rules are those
    /// that were in force: a rule that is missing leaves its alarms standing, as a reload does.
    /// - Parameters:
    ///   - live: the counting clock, which goes on from where it was.
    ///   - lastSeen: as it was told to `checkpoint`, which is before the inputs since.
    public func restore(
        checkpoint bytes: [UInt8], live: Int64, lastSeen: (Int32) -> Timestamp?
    ) throws(CheckpointError) {
        grow()
        // First its version: what follows may be of another form, the checksum too.
        guard let version = bytes.first else { throw .damaged(at: 0) }
        guard (1...Self.version).contains(version) else { throw .unknownVersion(version) }
        var reader = try CheckpointReader(sealed: bytes)
        _ = try reader.byte()
        let states = try readStates(from: &reader, live)
        let runs = try readRuns(from: &reader)
        let flags = try readFlags(from: &reader)
        let times = try readTimes(lastSeen, from: &reader)
        let conditions = version > 1 ? try readConditions(live, from: &reader) : CheckpointedConditions()
        let annunciation = version > 1 ? try readAnnunciation(from: &reader) : AnnunciationState(isStale: true)
        try reader.finish()
        self.annunciation.state = annunciation
        replaceStates(states + conditions.states)
        take(conditions, live: live)
        implausibleRuns = runs
        self.flags = flags
        newest = times.newest
        received = times.received
    }

    // MARK: - States

    private func writeStates(to writer: inout CheckpointWriter) {
        let kept = states.indices.filter { states[$0].series >= -1 && (states[$0].rule >= 0 || states[$0].hasAlarm) }
        let ids = Set(kept.compactMap { ruleID(of: states[$0]) }).sorted()
        var places: [String: Int] = [:]
        for (place, id) in ids.enumerated() { places[id] = place + 1 }
        writer.count(ids.count)
        for id in ids { writer.text(id) }

        let ordered =
            kept
            .map { index in
                (
                    series: states[index].series, rule: ruleID(of: states[index]).flatMap { places[$0] } ?? 0,
                    alarm: states[index].alarm?.id ?? "", index: index
                )
            }
            .sorted { ($0.series, $0.rule, $0.alarm) < ($1.series, $1.rule, $1.alarm) }
        writer.count(ordered.count)
        var previous: Int32 = -1
        for item in ordered {
            writer.count(Int(item.series - previous))
            previous = item.series
            writer.count(item.rule)
            write(states[item.index], to: &writer)
        }
    }

    private func ruleID(of state: KeyState) -> String? {
        state.rule >= 0 ? rules[Int(state.rule)].definition.id : nil
    }

    func write(_ state: KeyState, to writer: inout CheckpointWriter) {
        var mask: StateMask = []
        if !state.machine.isIdle { mask.insert(.machine) }
        if state.lastValue != nil { mask.insert(.lastValue) }
        if state.lastRaisedAt != nil { mask.insert(.lastRaise) }
        if let restored = state.restored {
            mask.insert(.restored)
            if restored.wasForced { mask.insert(.wasForced) }
            if restored.held != nil { mask.insert(.held) }
        }
        // Nobody looks at it otherwise: the input that raises brings its own.
        let showsLater = state.machine.isWaiting && !(state.lastQuality.isEmpty && state.lastDetail == nil)
        if showsLater { mask.insert(.toShow) }
        if state.alarm != nil { mask.insert(.alarm) }
        writer.byte(mask.rawValue)
        if mask.contains(.machine) { write(state.machine, to: &writer) }
        if let value = state.lastValue { write(value, to: &writer) }
        if let raisedAt = state.lastRaisedAt {
            writer.time(raisedAt)
            writer.count(state.ordinal)
        }
        if let restored = state.restored { write(restored, to: &writer) }
        if showsLater {
            writer.byte(state.lastQuality.rawValue)
            writer.byte(state.lastDetail == nil ? 0 : 1)
            if let detail = state.lastDetail { writer.text(detail) }
        }
        if let alarm = state.alarm { writer.text(alarm.json) }
    }

    private func readStates(
        from reader: inout CheckpointReader, _ live: Int64
    ) throws(CheckpointError) -> [KeyState] {
        var ids: [String] = []
        for _ in 0..<(try reader.count()) {
            let id = try reader.text()
            guard id > ids.last ?? "" else { throw reader.damaged }
            ids.append(id)
        }
        var states: [KeyState] = []
        var alarms: Set<String> = []
        var rulesOfSeries: Set<Int32> = []
        var previous: Int32 = -1
        for _ in 0..<(try reader.count()) {
            // -1 is an alarm without a series, so the first may stand where it is.
            let series = try reader.index(after: previous - 1, below: fleet.series.count)
            if series != previous { rulesOfSeries.removeAll(keepingCapacity: true) }
            previous = series
            guard series < 0 || fleet.series[Int(series)].anchor == series else { throw reader.foreign }
            let place = try reader.varint()
            guard place <= ids.count else { throw reader.damaged }
            let id = place == 0 ? nil : ids[Int(place) - 1]
            var state = try readState(series, rule: id, live, from: &reader)
            if let alarm = state.alarm {
                guard alarms.insert(alarm.id).inserted else { throw reader.damaged }
                guard series < 0 || isOf(series, alarm) else { throw reader.foreign }
            }
            if let id, series >= 0, let rule = rule(id, watching: series) {
                guard rulesOfSeries.insert(rule).inserted else { throw reader.damaged }
                state.rule = rule
            } else {
                // Only its alarm goes on without a rule.
                guard let alarm = state.alarm else { continue }
                state = KeyState(rule: -1, series: series, next: -1)
                state.alarm = alarm
            }
            states.append(state)
        }
        return states
    }

    private func isOf(_ series: Int32, _ alarm: Alarm) -> Bool {
        let its = fleet.series[Int(series)]
        return fleet.devices[Int(its.device)].id == alarm.device.id && fleet.metrics[its.metric] == alarm.metric
    }

    func readState(
        _ series: Int32, rule: String?, _ live: Int64, from reader: inout CheckpointReader
    ) throws(CheckpointError) -> KeyState {
        var state = KeyState(rule: -1, series: series, next: -1)
        let mask = StateMask(rawValue: try reader.byte())
        if mask.contains(.machine) { state.machine = try readMachine(live, from: &reader) }
        if mask.contains(.lastValue) { state.lastValue = try readValue(from: &reader) }
        if mask.contains(.lastRaise) {
            state.lastRaisedAt = try reader.time()
            let ordinal = try reader.varint()
            guard ordinal < Int32.max else { throw reader.damaged }
            state.ordinal = Int(ordinal)
        }
        if mask.contains(.restored) {
            state.restored = try readRestored(
                wasForced: mask.contains(.wasForced), isHeld: mask.contains(.held), from: &reader)
        }
        if mask.contains(.toShow) {
            state.lastQuality = Quality(rawValue: try reader.byte())
            switch try reader.byte() {
            case 0: state.lastDetail = nil
            case 1: state.lastDetail = try reader.text()
            default: throw reader.damaged
            }
        }
        if mask.contains(.alarm) { state.alarm = try readAlarm(rule, from: &reader) }
        // One that is active without an alarm would never raise one; one that says nothing is not written.
        let isActive = state.machine.phase == .active || state.machine.phase == .clearing
        guard !mask.isEmpty, rule == nil ? state.hasAlarm : isActive == state.hasAlarm else { throw reader.damaged }
        return state
    }

    private func write(_ restored: Restored, to writer: inout CheckpointWriter) {
        writer.time(restored.decidedAt)
        writer.signed(restored.raisedAt - restored.decidedAt)
        writer.signed(restored.lastOccurrenceAt - restored.decidedAt)
        guard let held = restored.held else { return }
        writer.signed(held.lowerBound - restored.decidedAt)
        writer.varint(UInt64(held.upperBound - held.lowerBound))
    }

    private func readRestored(
        wasForced: Bool, isHeld: Bool, from reader: inout CheckpointReader
    ) throws(CheckpointError) -> Restored {
        let decidedAt = try reader.time()
        var restored = Restored(
            decidedAt: decidedAt, wasForced: wasForced, raisedAt: decidedAt + (try reader.signed()),
            lastOccurrenceAt: decidedAt + (try reader.signed()))
        if isHeld {
            let first = decidedAt + (try reader.signed())
            restored.held = first...(first + (try reader.span()))
        }
        return restored
    }

    private func readAlarm(_ rule: String?, from reader: inout CheckpointReader) throws(CheckpointError) -> Alarm {
        let json = try reader.block()
        guard json.count <= Self.longestAlarm, let alarm = try? JSONDecoder().decode(Alarm.self, from: Data(json)),
            alarm.state == .active, alarm.rule == rule ?? alarm.rule, (1..<Int(Int32.max)).contains(alarm.revision),
            (1..<Int(Int32.max)).contains(alarm.occurrences)
        else { throw reader.damaged }
        return alarm
    }

    // MARK: - Machines and values

    private func write(_ machine: AlarmMachine, to writer: inout CheckpointWriter) {
        var mask: MachineMask =
            switch machine.phase {
            case .normal: []
            case .pending: .pending
            case .active: .active
            case .clearing: .clearing
            }
        if machine.causePresent { mask.insert(.causePresent) }
        if machine.lastTrusted { mask.insert(.lastTrusted) }
        if machine.isForced { mask.insert(.isForced) }
        if machine.statedAt != nil { mask.insert(.stated) }
        if machine.lastForcedRaise != nil { mask.insert(.forcedRaise) }
        if machine.lastSteady != nil { mask.insert(.steady) }
        if machine.heldBack != nil { mask.insert(.heldBack) }
        writer.varint(UInt64(mask.rawValue))
        writer.time(machine.start)
        writer.varint(UInt64(machine.elapsed))
        writer.time(machine.lastAt)
        writer.signed(machine.lastReceivedAt - machine.lastAt)
        writer.signed(machine.lastLive)
        if let steady = machine.lastSteady { writer.signed(steady - machine.lastLive) }
        if let statedAt = machine.statedAt { writer.time(statedAt) }
        if let raise = machine.lastForcedRaise { writer.signed(raise) }
        if let heldBack = machine.heldBack { writer.time(heldBack) }
    }

    private func readMachine(
        _ live: Int64, from reader: inout CheckpointReader
    ) throws(CheckpointError) -> AlarmMachine {
        guard let bits = UInt16(exactly: try reader.varint()) else { throw reader.damaged }
        let mask = MachineMask(rawValue: bits)
        let phase: AlarmMachine.Phase =
            switch mask.intersection(.clearing) {
            case .pending: .pending
            case .active: .active
            case .clearing: .clearing
            default: .normal
            }
        let start = try reader.time()
        let elapsed = try reader.span()
        let lastAt = try reader.time()
        let lastReceivedAt = lastAt + (try reader.signed())
        let lastLive = try reader.signed()
        let lastSteady = mask.contains(.steady) ? lastLive + (try reader.signed()) : nil
        let statedAt = mask.contains(.stated) ? try reader.time() : nil
        let forcedRaise = mask.contains(.forcedRaise) ? try reader.signed() : nil
        let heldBack = mask.contains(.heldBack) ? try reader.time() : nil
        // Held back until a time that nothing tells, it would hang.
        guard heldBack == nil || (phase == .normal && mask.isSuperset(of: [.isForced, .forcedRaise])) else {
            throw reader.damaged
        }
        guard lastLive <= live, forcedRaise ?? lastLive <= live else { throw .aheadOfClock(at: reader.position) }
        return AlarmMachine(
            phase: phase, causePresent: mask.contains(.causePresent), statedAt: statedAt, start: start,
            elapsed: elapsed, lastAt: lastAt, lastReceivedAt: lastReceivedAt, lastLive: lastLive,
            lastSteady: lastSteady, lastTrusted: mask.contains(.lastTrusted), isForced: mask.contains(.isForced),
            lastForcedRaise: forcedRaise, heldBack: heldBack)
    }

    func write(_ value: Value, to writer: inout CheckpointWriter) {
        switch value {
        case .boolean(let x): writer.byte(x ? 1 : 0)
        case .number(let x):
            writer.byte(2)
            writer.fixed(x.bitPattern)
        case .text(let x):
            writer.byte(3)
            writer.text(x)
        }
    }

    func readValue(from reader: inout CheckpointReader) throws(CheckpointError) -> Value {
        switch try reader.byte() {
        case 0: .boolean(false)
        case 1: .boolean(true)
        case 2: .number(Double(bitPattern: try reader.fixed()))
        case 3: .text(try reader.text())
        default: throw reader.damaged
        }
    }

    // MARK: - Runs and flags

    private func writeRuns(to writer: inout CheckpointWriter) {
        writer.count(implausibleRuns.count)
        var previous: Int32 = -1
        for (series, run) in implausibleRuns.sorted(by: { $0.key < $1.key }) {
            writer.count(Int(series - previous - 1))
            previous = series
            writer.byte(run)
        }
    }

    private func readRuns(from reader: inout CheckpointReader) throws(CheckpointError) -> [Int32: UInt8] {
        var runs: [Int32: UInt8] = [:]
        var series: Int32 = -1
        for _ in 0..<(try reader.count()) {
            series = try reader.index(after: series, below: fleet.series.count)
            let run = try reader.byte()
            guard (1...BuiltInRules.implausibleInARow).contains(run) else { throw reader.damaged }
            runs[series] = run
        }
        return runs
    }

    private func writeFlags(to writer: inout CheckpointWriter) {
        // By name: components have no number that outlives the process.
        let ordered =
            flags
            .map { key, flags in
                let component = Int32(truncatingIfNeeded: key)
                return (
                    device: Int32(truncatingIfNeeded: key >> 32),
                    component: component >= 0 ? fleet.components[component] : "", flags: flags
                )
            }
            .sorted { ($0.device, $0.component) < ($1.device, $1.component) }
        writer.count(ordered.count)
        var previous: Int32 = -1
        for item in ordered {
            writer.count(Int(item.device - previous))
            previous = item.device
            writer.text(item.component)
            writer.byte(item.flags.rawValue)
        }
    }

    private func readFlags(from reader: inout CheckpointReader) throws(CheckpointError) -> [UInt64: DeviceFlags] {
        var flags: [UInt64: DeviceFlags] = [:]
        var device: Int32 = -1
        for _ in 0..<(try reader.count()) {
            device = try reader.index(after: device - 1, below: fleet.devices.count)
            guard device >= 0 else { throw reader.damaged }
            let name = try reader.text()
            var component: Int32 = -1
            if !name.isEmpty {
                guard let known = fleet.components.find(name) else { throw reader.foreign }
                component = known
            }
            let its = DeviceFlags(rawValue: try reader.byte())
            guard !its.isEmpty, its.isSubset(of: .all) else { throw reader.damaged }
            flags[flagKey(device: device, component: component)] = its
        }
        return flags
    }

    // MARK: - Times

    private func writeTimes(_ lastSeen: (Int32) -> Timestamp?, to writer: inout CheckpointWriter) {
        let told = told(lastSeen)
        var times = CheckpointWriter()
        var count = 0
        var previous = -1
        for series in fleet.series.indices where fleet.series[series].anchor == series {
            var mask: TimeMask = []
            if newest[series] != told[series] { mask.insert(newest[series] > .min ? .newest : [.newest, .noNewest]) }
            if received[series] != told[series] {
                mask.insert(received[series] > .min ? .received : [.received, .noReceived])
            }
            guard !mask.isEmpty else { continue }
            count += 1
            times.varint(UInt64(series - previous - 1) << 4 | UInt64(mask.rawValue))
            previous = series
            let base = Self.base(told[series])
            if mask.contains(.newest), !mask.contains(.noNewest) { times.signed(newest[series] &- base) }
            if mask.contains(.received), !mask.contains(.noReceived) { times.signed(received[series] &- base) }
        }
        writer.count(count)
        writer.append(times)
    }

    private func readTimes(
        _ lastSeen: (Int32) -> Timestamp?, from reader: inout CheckpointReader
    ) throws(CheckpointError) -> (newest: [Int64], received: [Int64]) {
        let told = told(lastSeen)
        var newest = told
        var received = told
        var series: Int32 = -1
        for _ in 0..<(try reader.count()) {
            let word = try reader.varint()
            series = try reader.index(after: series, gap: word >> 4, below: fleet.series.count)
            let mask = TimeMask(rawValue: UInt8(word & 0xF))
            let base = Self.base(told[Int(series)])
            if mask.contains(.newest) {
                newest[Int(series)] = mask.contains(.noNewest) ? .min : base &+ (try reader.signed())
            }
            if mask.contains(.received) {
                received[Int(series)] = mask.contains(.noReceived) ? .min : base &+ (try reader.signed())
            }
        }
        return (newest, received)
    }

    private static func base(_ told: Int64) -> Int64 { told > .min ? told : 0 }

    /// Per series; those of the ends of events count with their beginnings, under which the engine keeps the times of
    /// both.
    private func told(_ lastSeen: (Int32) -> Timestamp?) -> [Int64] {
        var told = [Int64](repeating: .min, count: fleet.series.count)
        for (index, series) in fleet.series.enumerated() {
            guard let at = lastSeen(Int32(index)) else { continue }
            told[Int(series.anchor)] = max(told[Int(series.anchor)], at.milliseconds)
        }
        return told
    }
}

private struct StateMask: OptionSet {
    let rawValue: UInt8
    static let machine = StateMask(rawValue: 1)
    static let lastValue = StateMask(rawValue: 2)
    static let lastRaise = StateMask(rawValue: 4)
    static let restored = StateMask(rawValue: 8)
    static let wasForced = StateMask(rawValue: 16)
    static let alarm = StateMask(rawValue: 32)
    static let held = StateMask(rawValue: 64)
    static let toShow = StateMask(rawValue: 128)
}

private struct MachineMask: OptionSet {
    let rawValue: UInt16
    static let pending = MachineMask(rawValue: 1)
    static let active = MachineMask(rawValue: 2)
    static let clearing = MachineMask(rawValue: 3)
    static let causePresent = MachineMask(rawValue: 4)
    static let lastTrusted = MachineMask(rawValue: 8)
    static let isForced = MachineMask(rawValue: 16)
    static let stated = MachineMask(rawValue: 32)
    static let steady = MachineMask(rawValue: 64)
    static let forcedRaise = MachineMask(rawValue: 128)
    static let heldBack = MachineMask(rawValue: 256)
}

private struct TimeMask: OptionSet {
    let rawValue: UInt8
    static let newest = TimeMask(rawValue: 1)
    static let received = TimeMask(rawValue: 2)
    static let noNewest = TimeMask(rawValue: 4)
    static let noReceived = TimeMask(rawValue: 8)
}

import FireModel

extension RuleEngine {
    // MARK: - What the device says about itself

    func noteFlag(_ flag: DeviceFlags, _ anchor: Int32) { flags[flagKey(anchor), default: []].insert(flag) }

    func note(_ flag: DeviceFlags, _ reading: Reading, _ anchor: Int32) {
        let key = flagKey(anchor)
        let before = flags[key] ?? []
        var its = before
        if reading.value == .boolean(true) { its.insert(flag) } else { its.remove(flag) }
        guard its != before else { return }
        flags[key] = its.isEmpty ? nil : its
        showFlags(reading, anchor)
    }

    /// On the alarms that are active there.
    func showFlags(_ reading: Reading, _ anchor: Int32) {
        let series = fleet.series[Int(anchor)]
        if series.component >= 0 {
            for state in ordered(activeOn[flagKey(anchor)] ?? []) { showFlags(reading, on: state) }
        } else {
            let its = stateOfAlarm.values.filter { device(of: states[Int($0)].series) == series.device }
            for state in ordered(its) { showFlags(reading, on: state) }
        }
    }

    /// As a restart leaves it: not by where states lie, nor by which alarm came first.
    func ordered(_ active: [Int32]) -> [Int32] {
        guard active.count > 1 else { return active }
        return active.map { state in
            let key = states[Int(state)]
            return (order(of: state), key.alarm?.id ?? "", state)
        }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.2)
    }

    func flagWords(_ key: Int32) -> [String] {
        let ofDevice = flags[flagKey(device: device(of: key), component: -1)] ?? []
        let ofComponent = flags[flagKey(key)] ?? []
        return ofDevice.union(ofComponent).words
    }

    func flagKey(_ key: Int32) -> UInt64 { flagKey(device: device(of: key), component: component(of: key)) }

    func flagKey(device: Int32, component: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: device)) << 32 | UInt64(UInt32(bitPattern: component))
    }
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

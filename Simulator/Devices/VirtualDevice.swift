import FireModel

/// What one telemetry message carries: the values of the device, or of one of its components. The metrics
/// that matter most come first; a size-bound message leaves out from the end.
struct Measurement: Sendable, Equatable {
    struct Entry: Sendable, Equatable {
        var metric: String
        var value: Value
    }
    var component: String?
    var values: [Entry]
    /// So many are sent unless a size asks for more or less.
    var usual: Int

    init(component: String? = nil, usual: Int, _ values: KeyValuePairs<String, Value>) {
        self.component = component
        self.values = values.map { Entry(metric: $0.key, value: $0.value) }
        self.usual = min(usual, values.count)
    }
}

/// The physics of one device: no I/O, no clock of its own, all chance from its own seed, so that the same
/// seed asked at the same times says the same. Metrics and units are those of contract 2.
protocol VirtualDevice: Sendable {
    init(_ random: Randomness)

    /// The next routine report. Nothing in it may raise an alarm by the shipped rules.
    mutating func measure(at now: Timestamp) -> Measurement

    /// From now on there is a fire. What it announces as an event it does not contradict in its reports.
    mutating func catchFire(at now: Timestamp)
}

extension VirtualDevice {
    mutating func catchFire(at now: Timestamp) {}
}

/// The kinds this simulator knows.
enum Kind: String, CaseIterable, Sendable {
    case hydrant, panel, electrical, charger, smoke

    func makeDevice(_ random: Randomness) -> any VirtualDevice {
        switch self {
        case .hydrant: Hydrant(random)
        case .panel: Panel(random)
        case .electrical: Electrical(random)
        case .charger: Charger(random)
        case .smoke: SmokeAlarm(random)
        }
    }
}

import FireModel

/// What one telemetry message carries: the values of the device, or of one of its components. The metrics
/// that matter most come first; a size-bound message leaves out from the end.
package struct Measurement: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        package var metric: String
        package var value: Value
    }
    package var component: String?
    package var values: [Entry]
    /// So many are sent unless a size asks for more or less.
    package var usual: Int

    package init(component: String? = nil, usual: Int, _ values: KeyValuePairs<String, Value>) {
        self.component = component
        self.values = values.map { Entry(metric: $0.key, value: $0.value) }
        self.usual = min(usual, values.count)
    }
}

/// The physics of one device: no I/O, no clock of its own, all chance from its own seed, so that the same
/// seed asked at the same times says the same. Metrics and units are those of contract 2.
package protocol VirtualDevice: Sendable {
    init(_ random: Randomness)

    /// The next routine report. Nothing in it may raise an alarm by the shipped rules.
    mutating func measure(at now: Timestamp) -> Measurement

    /// From now on there is a fire. What it announces as an event it does not contradict in its reports.
    mutating func catchFire(at now: Timestamp)
}

extension VirtualDevice {
    package mutating func catchFire(at now: Timestamp) {}
}

/// The kinds this simulator knows.
package enum Kind: String, CaseIterable, Sendable {
    case hydrant, panel, electrical, charger, smoke

    package func makeDevice(_ random: Randomness) -> any VirtualDevice {
        switch self {
        case .hydrant: Hydrant(random)
        case .panel: Panel(random)
        case .electrical: Electrical(random)
        case .charger: Charger(random)
        case .smoke: SmokeAlarm(random)
        }
    }
}

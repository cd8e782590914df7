/// What a rule looks at: one term, several of them on one device or component, the same on several devices, or that
/// nothing comes at all.
public indirect enum Condition: Sendable, Equatable {
    case term(Term)
    /// Terms over metrics of one component, or of the device itself. What was never reported is not fulfilled, and
    /// neither is its opposite.
    case all([Condition])
    case any([Condition])
    case not(Condition)
    /// Not within `all`, `any` or `not`.
    case coincidence(Coincidence)
    /// No report of the device. Not within any other.
    case silent(Silence)

    public init(subject: Subject, measure: Measure = .value, test: Test) {
        self = .term(Term(subject: subject, measure: measure, test: test))
    }

    /// `nil`: it is more than one.
    public var term: Term? { if case .term(let term) = self { term } else { nil } }

    public enum Subject: Sendable, Equatable {
        /// Each metric alarms on its own.
        case metrics([String])
        /// Event names as stored, without the prefix; each alarms on its own.
        case events([String])
    }

    /// What of the readings is held against the test. A window reaches back from the newest reading, that included.
    public enum Measure: Sendable, Equatable {
        /// The reading as it comes.
        case value
        /// By how much the newest is above the lowest of the window, and below its highest.
        case rise(over: Duration)
        case fall(over: Duration)
        case statistic(Statistic, over: Duration)
        /// Changes of the value within the window.
        case flaps(over: Duration)
        /// How far the value is from what this device usually shows at this hour of the day: from the median, in units
        /// of the spread (the median of distances from it, times 1.4826 to equal a standard deviation).
        /// - learned: what must have passed since its first reading before this says anything.
        case deviation(learned: Duration)
    }

    public enum Statistic: String, Sendable, Equatable, CaseIterable, Codable { case avg, min, max, sum, count }

    public enum Test: Sendable, Equatable {
        case above(Double)
        case below(Double)
        case atLeast(Double)
        case atMost(Double)
        case between(ClosedRange<Double>)
        case outside(ClosedRange<Double>)
        case equals(Value)
        case oneOf([Value])
        /// The value is another one than before; the next that is the same again ends it.
        case changed
        /// The event was reported with `active` true.
        case reported
    }

    /// `{ metric: pressure, below: 0.10 }`, `{ metric: temperature, fn: rise, over: 60s, above: 10 }`,
    /// `{ event: fault }`.
    public struct Term: Sendable, Equatable {
        public var subject: Subject
        public var measure: Measure
        public var test: Test

        public init(subject: Subject, measure: Measure = .value, test: Test) {
            self.subject = subject
            self.measure = measure
            self.test = test
        }
    }

    /// `{ devices: 2, in: area, within: 60s, of: { … } }`: the condition began on so many devices within that time. Two
    /// detectors confirm a fire; hydrants whose pressure falls together are one burst main.
    ///
    /// It is over when it holds on fewer of them, and no longer so many began within the time.
    public struct Coincidence: Sendable, Equatable, Codable {
        public enum Place: Sendable, Equatable, Codable {
            case area
            /// As the registry has it.
            case site
            case groups([DeviceGroup])
        }
        public var devices: Int
        public var place: Place
        public var within: Duration
        public var of: Condition

        public init(devices: Int, place: Place, within: Duration, of: Condition) {
            self.devices = devices
            self.place = place
            self.within = within
            self.of = of
        }
    }

    /// `{ silent: 25h }` or `{ silent: 3x }`, of the expected interval of the device or its kind.
    public enum Silence: Sendable, Equatable, Codable {
        case duration(Duration)
        case intervals(Double)
    }
}

/// Devices under one name: listed, or all of some areas.
public struct DeviceGroup: Sendable, Equatable, Codable {
    public var name: String
    public var areas: [String]
    public var devices: [String]

    public init(name: String, areas: [String] = [], devices: [String] = []) {
        self.name = name
        self.areas = areas
        self.devices = devices
    }

    public func contains(device: String, area: String) -> Bool { devices.contains(device) || areas.contains(area) }
}

/// Where a rule, or a change to it, is in force. Empty lists let everything through; lists AND each other.
public struct DeviceSelector: Sendable, Equatable, Codable {
    public var areas: [String]
    public var devices: [String]
    /// In any of them.
    public var groups: [DeviceGroup]

    public init(areas: [String] = [], devices: [String] = [], groups: [DeviceGroup] = []) {
        self.areas = areas
        self.devices = devices
        self.groups = groups
    }

    public static let everywhere = DeviceSelector()

    public func matches(device: String, area: String) -> Bool {
        (areas.isEmpty || areas.contains(area)) && (devices.isEmpty || devices.contains(device))
            && (groups.isEmpty || groups.contains { $0.contains(device: device, area: area) })
    }
}

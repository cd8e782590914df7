/// The kinds of devices the gateway understands, read from `device-kinds.yaml`.
public struct Catalogue: Sendable, Equatable, Codable {
    public var kinds: [DeviceKind]
    public init(kinds: [DeviceKind]) { self.kinds = kinds }

    public subscript(name: String) -> DeviceKind? { kinds.first { $0.name == name } }

    /// `nil`: it has none, or the kind or metric is not in here.
    public func unit(kind: String, metric: String) -> String? { self[kind]?[metric: metric]?.unit }

    /// In the place of a kind, what the daemon itself publishes (contract 2).
    public static let reservedKinds: Set<String> = [gatewayKind, "alarm"]
    /// Kind of the daemon itself, as the device of its own alarms (contract 8).
    public static let gatewayKind = "gateway"
}

/// One kind of device: what it measures and how often it is heard from.
public struct DeviceKind: Sendable, Equatable, Codable {
    public var name: String
    public var title: Title
    /// All its streams travel on the fire lane.
    public var urgent: Bool
    /// How long a healthy device may be silent between two reports.
    public var expectedInterval: Duration
    public var metrics: [Metric]

    public init(name: String, title: Title, urgent: Bool, expectedInterval: Duration, metrics: [Metric]) {
        self.name = name
        self.title = title
        self.urgent = urgent
        self.expectedInterval = expectedInterval
        self.metrics = metrics
    }

    public subscript(metric name: String) -> Metric? { metrics.first { $0.name == name } }

    /// Components a device of this kind may have (contract 2: a panel has a point per detector).
    public var maximumComponents: Int {
        name == "panel" ? Limits.maximumComponentsPerPanel : Limits.maximumComponentsPerDevice
    }

    private enum CodingKeys: String, CodingKey {
        case name, title, urgent
        case expectedInterval = "expected_interval"
        case metrics
    }
}

/// One measured quantity of a kind.
public struct Metric: Sendable, Equatable, Codable {
    public enum ValueType: String, Sendable, CaseIterable, Codable { case number, boolean, text }

    public var name: String
    public var type: ValueType
    /// UCUM where it has a code (`Cel`, `MPa`, `%`), else as printed on the device.
    public var unit: String?
    /// Values outside are stored with the mark `implausible`. Numbers only.
    public var plausible: ClosedRange<Double>?
    public var title: Title

    public init(name: String, type: ValueType, unit: String?, plausible: ClosedRange<Double>?, title: Title) {
        self.name = name
        self.type = type
        self.unit = unit
        self.plausible = plausible
        self.title = title
    }
}

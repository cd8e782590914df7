/// Every device and series the gateway knows, as dense indices.
///
/// Owned by the worker thread alone (not `Sendable`): the normaliser adds what it meets, the rules
/// look up, the store persists what is new. Indices are never reused; a series' row id in the
/// database is its index + 1, a device's likewise.
public final class Fleet {
    public struct Device {
        public var id: String
        /// Index into `kinds`.
        public var kind: Int32
        public var area: Int32
        public var firstSeen: Timestamp
        public var lastSeen: Timestamp
        public var online: Bool?
        /// When that was so; in memory only.
        public var onlineAt = Timestamp(milliseconds: 0)
        /// As last written to the database.
        public var savedLastSeen = Timestamp(milliseconds: 0)
        public var isDirty = true
        public var metricCount: Int32 = 0
        public var componentCount: Int32 = 0
        /// The head of the device's list of series, -1: none.
        public var firstSeries: Int32 = -1
        /// Last `seq` per stream, for gaps and restarts.
        public var telemetrySequence: UInt64?
        public var eventSequence: UInt64?
    }

    public struct Series {
        public var device: Int32
        /// Index into `components`, -1: the device itself.
        public var component: Int32
        /// Index into `metrics`.
        public var metric: Int32
        /// For events: reported with `active` false. Such a series shows the same metric; it exists so that
        /// start and end within one millisecond are both kept (identity of contract 2).
        public var inactive: Bool
        /// The next series of the same device, -1: none.
        public var next: Int32
        /// The active series of the same event; itself for everything else.
        public var anchor: Int32
    }

    public private(set) var catalogue: Catalogue
    /// Kinds of the catalogue first, in its order; then others that stored devices or fires brought along.
    public private(set) var kinds = Interner()
    public private(set) var areas = Interner()
    public private(set) var components = Interner()
    public private(set) var metrics = Interner()
    public private(set) var devices: [Device] = []
    public private(set) var series: [Series] = []
    private var deviceIDs = Interner(minimumCapacity: 1024)
    /// Index + 1 of a series, open addressing.
    private var seriesTable = [Int32](repeating: 0, count: 4096)
    /// (device, metric) and (device, component) pairs that exist, to count them against the limits.
    private var namesOfDevices = Set<UInt64>()
    private var kindDefinitions: [Int32: DeviceKind] = [:]
    /// Definition per (kind, metric).
    private var definitions: [UInt64: Metric] = [:]
    /// What the store has not yet written.
    public private(set) var savedDevices = 0
    public private(set) var savedSeries = 0
    /// Devices whose row changed since it was written.
    public private(set) var dirtyDevices: [Int32] = []

    public init(catalogue: Catalogue) {
        self.catalogue = catalogue
        for kind in catalogue.kinds { define(kind) }
        for event in EventName.allCases { _ = metrics.intern(event.metric) }
    }

    /// A reload: new definitions for the names that are there, and new kinds.
    public func adopt(_ catalogue: Catalogue) {
        self.catalogue = catalogue
        definitions.removeAll()
        kindDefinitions.removeAll()
        for kind in catalogue.kinds { define(kind) }
    }

    private func define(_ kind: DeviceKind) {
        let index = kinds.intern(kind.name)
        kindDefinitions[index] = kind
        for metric in kind.metrics { definitions[pair(index, metrics.intern(metric.name))] = metric }
    }

    // MARK: Names

    public func kind(_ name: UnsafeRawBufferPointer) -> Int32? { kinds.find(name) }
    /// Kinds beyond the catalogue are few: a fire of a kind nobody configured is still a fire.
    public func kind(_ name: String) -> Int32 { kinds.intern(name) }
    /// `nil`: a kind beyond the catalogue.
    public func definition(kind: Int32) -> DeviceKind? { kindDefinitions[kind] }
    public func area(_ name: String) -> Int32 { areas.intern(name) }
    public func component(_ name: String) -> Int32 { components.intern(name) }
    public func metric(_ name: UnsafeRawBufferPointer) -> Int32 { metrics.intern(name) }
    public func metric(_ name: String) -> Int32 { metrics.intern(name) }
    public func definition(kind: Int32, metric: Int32) -> Metric? { definitions[pair(kind, metric)] }

    // MARK: Devices

    public func device(_ id: UnsafeRawBufferPointer) -> Int32? { deviceIDs.find(id) }
    public func device(_ id: String) -> Int32? { deviceIDs.find(id) }

    public func addDevice(id: String, kind: Int32, area: Int32, at time: Timestamp) -> Int32 {
        let index = deviceIDs.intern(id)
        guard index == devices.count else { return index }
        devices.append(Device(id: id, kind: kind, area: area, firstSeen: time, lastSeen: time))
        dirtyDevices.append(index)
        return index
    }

    /// A message of the device was accepted. Its row is written at most once an hour, so that the
    /// fleet's heartbeat does not wear out the flash; its readings tell the rest.
    public func touch(_ device: Int32, area: Int32, at time: Timestamp) {
        let index = Int(device)
        if devices[index].lastSeen < time { devices[index].lastSeen = time }
        if devices[index].area != area {
            devices[index].area = area
            markDirty(device)
        } else if devices[index].lastSeen - devices[index].savedLastSeen > 3_600_000 {
            markDirty(device)
        }
    }

    public func setOnline(_ device: Int32, _ online: Bool, at time: Timestamp? = nil) {
        if let time { devices[Int(device)].onlineAt = time }
        guard devices[Int(device)].online != online else { return }
        devices[Int(device)].online = online
        markDirty(device)
    }

    public func noteSequence(_ sequence: UInt64, device: Int32, isEvent: Bool) -> (gap: UInt64, restarted: Bool) {
        let previous = isEvent ? devices[Int(device)].eventSequence : devices[Int(device)].telemetrySequence
        if isEvent {
            devices[Int(device)].eventSequence = sequence
        } else {
            devices[Int(device)].telemetrySequence = sequence
        }
        guard let previous else { return (0, false) }
        if sequence <= previous { return (0, sequence < previous) }
        return (sequence - previous - 1, false)
    }

    private func markDirty(_ device: Int32) {
        guard !devices[Int(device)].isDirty else { return }
        devices[Int(device)].isDirty = true
        dirtyDevices.append(device)
    }

    /// The store has written everything that was new or changed.
    public func markSaved() {
        savedDevices = devices.count
        savedSeries = series.count
        for device in dirtyDevices {
            devices[Int(device)].isDirty = false
            devices[Int(device)].savedLastSeen = devices[Int(device)].lastSeen
        }
        dirtyDevices.removeAll(keepingCapacity: true)
    }

    // MARK: Series

    public func findSeries(device: Int32, component: Int32, metric: Int32, inactive: Bool = false) -> Int32? {
        var place = hash(device, component, metric, inactive)
        while seriesTable[place] != 0 {
            let index = seriesTable[place] - 1
            let it = series[Int(index)]
            if it.metric == metric, it.device == device, it.component == component, it.inactive == inactive {
                return index
            }
            place = (place + 1) & (seriesTable.count - 1)
        }
        return nil
    }

    /// Finds or adds. The caller has checked the limits on metrics and components of a device.
    public func addSeries(device: Int32, component: Int32, metric: Int32, inactive: Bool = false) -> Int32 {
        if let known = findSeries(device: device, component: component, metric: metric, inactive: inactive) {
            return known
        }
        var anchor: Int32?
        if inactive { anchor = addSeries(device: device, component: component, metric: metric) }
        if series.count * 2 >= seriesTable.count { growSeriesTable() }
        countNames(device: device, component: component, metric: metric)
        let index = Int32(series.count)
        series.append(
            Series(
                device: device, component: component, metric: metric, inactive: inactive,
                next: devices[Int(device)].firstSeries, anchor: anchor ?? index))
        devices[Int(device)].firstSeries = index
        enter(index)
        return index
    }

    public enum LimitHit { case metrics, components }

    /// Whether a new series would exceed what a device may have (contract 2, "Limits").
    public func limitHit(device: Int32, component: Int32, metric: Int32) -> LimitHit? {
        if devices[Int(device)].metricCount >= Limits.maximumMetricsPerDevice,
            !namesOfDevices.contains(metricName(device, metric))
        {
            return .metrics
        }
        if component >= 0, Int(devices[Int(device)].componentCount) >= maximumComponents(of: device),
            !namesOfDevices.contains(componentName(device, component))
        {
            return .components
        }
        return nil
    }

    /// Whether a series of the device has this metric, on whatever component.
    public func hasMetric(_ metric: Int32, device: Int32) -> Bool {
        namesOfDevices.contains(metricName(device, metric))
    }

    private func maximumComponents(of device: Int32) -> Int {
        kindDefinitions[devices[Int(device)].kind]?.maximumComponents ?? Limits.maximumComponentsPerDevice
    }

    private func countNames(device: Int32, component: Int32, metric: Int32) {
        if namesOfDevices.insert(metricName(device, metric)).inserted { devices[Int(device)].metricCount += 1 }
        if component >= 0, namesOfDevices.insert(componentName(device, component)).inserted {
            devices[Int(device)].componentCount += 1
        }
    }

    private func metricName(_ device: Int32, _ metric: Int32) -> UInt64 { pair(device, metric) }
    private func componentName(_ device: Int32, _ component: Int32) -> UInt64 { pair(device, component) | 1 << 63 }

    private func enter(_ index: Int32) {
        let it = series[Int(index)]
        var place = hash(it.device, it.component, it.metric, it.inactive)
        while seriesTable[place] != 0 { place = (place + 1) & (seriesTable.count - 1) }
        seriesTable[place] = index + 1
    }

    private func growSeriesTable() {
        seriesTable = Array(repeating: 0, count: seriesTable.count * 2)
        for index in series.indices { enter(Int32(index)) }
    }

    private func hash(_ device: Int32, _ component: Int32, _ metric: Int32, _ inactive: Bool) -> Int {
        var x = UInt64(UInt32(bitPattern: device)) << 32 | UInt64(UInt32(bitPattern: metric))
        x = (x ^ UInt64(UInt32(bitPattern: component)) << 13 ^ (inactive ? 1 << 63 : 0)) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: x ^ x >> 29) & (seriesTable.count - 1)
    }

    private func pair(_ a: Int32, _ b: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: a)) << 32 | UInt64(UInt32(bitPattern: b))
    }
}

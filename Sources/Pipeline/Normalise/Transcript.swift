import FireModel

/// What a dialect writes to while it reads one message, and where every reading is judged: names and
/// limits, the unit's plausible range, the device's clock, the binding of a device to its kind.
///
/// Good parts become readings, each bad part a fault with its path; the payload is then quarantined
/// once, with all its faults (contract 2, "Partial failure").
public final class Transcript {
    public let fleet: Fleet
    let counters: NormaliseCounters
    /// Told once per device and metric that the catalogue does not know.
    var onUnknownMetric: (_ device: String, _ metric: String) -> Void = { _, _ in }
    /// Device clocks are judged against ours only while ours is known to be right.
    var clockIsSynchronised = true

    var findings = Findings()
    var header = MessageHeader(
        receivedAt: Timestamp(milliseconds: 0), sequence: 0, publishedLength: 0, topicLength: 0, packetID: 0,
        lane: .bulk, flags: [])
    private var faults: [String] = []
    private var faultCount = 0
    private(set) var faultReason: Rejection.Reason?
    /// When the message came; its header has the time at which it came first.
    private var arrivedAt = Timestamp(milliseconds: 0)
    private var hasSource = false
    private var named = false
    /// Readings of the message that are about others.
    private var readingsBefore = 0
    private var kindName = ""
    private var kind: Int32 = -1
    private var kindIsKnown = false
    private var boundElsewhere = false
    /// Made into a name of the fleet only once something of the message is accepted.
    private var area = ""
    private var areaIndex: Int32?
    private var deviceID = ""
    private(set) var device: Int32?
    /// Bad times cost nothing here: an event, or any stream of an urgent kind (contract 2, `ts`).
    private(set) var isUrgent = false
    private var isBacklog = false
    private var usedReceiptTime = false

    init(fleet: Fleet, counters: NormaliseCounters) {
        self.fleet = fleet
        self.counters = counters
    }

    // MARK: - A message begins

    func begin(_ header: MessageHeader, arrivedAt: Timestamp) {
        self.header = header
        self.arrivedAt = arrivedAt
        faults.removeAll(keepingCapacity: true)
        faultCount = 0
        faultReason = nil
        usedReceiptTime = false
        hasSource = false
        named = false
        device = nil
        readingsBefore = 0
        isBacklog = header.flags.contains(.backlog)
    }

    /// Whom what follows is about, for payloads on topics of their own form. A message may speak of many devices;
    /// then each is named before its readings.
    ///
    /// - Returns: `false`: not by such names; a fault, and what follows is not stored.
    public func about(area: String, kind: String, device: String, stream: Source.Stream) -> Bool {
        guard Names.isArea(area), Names.isIdentifier(kind), Names.isIdentifier(device),
            !Catalogue.reservedKinds.contains(kind)
        else {
            endSource()
            fault(
                .shape,
                "area '\(area.prefix(80))', kind '\(kind.prefix(80))', device '\(device.prefix(80))', expected an area of 1 to 32 "
                    + "of 0-9 A-Z a-z _ -, a kind of device, and a device of 1 to 64 of 0-9 A-Z a-z _ . : -")
            return false
        }
        var (area, kind, device) = (area, kind, device)
        area.withUTF8 { area in
            kind.withUTF8 { kind in
                device.withUTF8 { device in
                    about(
                        Source(
                            area: UnsafeRawBufferPointer(area), kind: UnsafeRawBufferPointer(kind),
                            device: UnsafeRawBufferPointer(device), stream: stream))
                }
            }
        }
        return true
    }

    func about(_ source: Source) {
        endSource()
        hasSource = true
        named = true
        boundElsewhere = false
        device = fleet.device(source.device)
        areaIndex = fleet.areas.find(source.area)
        if areaIndex == nil { area = String(decoding: source.area, as: UTF8.self) }
        if let known = fleet.kind(source.kind), let definition = fleet.definition(kind: known) {
            kind = known
            kindIsKnown = true
            isUrgent = source.stream == .event || source.stream == .raw || definition.urgent
        } else {
            kind = -1
            kindIsKnown = false
            isUrgent = source.stream == .event || source.stream == .raw
            kindName = String(decoding: source.kind, as: UTF8.self)
            fault(.kind, "kind \(quoted(source.kind)) is in no catalogue, expected one of \(kindsForPeople)")
        }
        if device == nil { deviceID = String(decoding: source.device, as: UTF8.self) }
        if let device, fleet.devices[Int(device)].kind != kind, kindIsKnown {
            boundElsewhere = true
            let bound = fleet.devices[Int(device)]
            fault(
                .kind,
                "device '\(bound.id)' is known as \(fleet.kinds[bound.kind]) and came as \(fleet.kinds[kind]): "
                    + "one id, one kind; give the other device another id")
        }
    }

    private var kindsForPeople: String { fleet.catalogue.kinds.map(\.name).joined(separator: ", ") }

    /// Elements of an array are a backlog: their age says nothing about the clock.
    public func markBacklog() { isBacklog = true }

    /// Nothing of the payload can be used.
    public func refuse(_ reason: Rejection.Reason, _ explanation: String) { fault(reason, explanation) }

    /// One part cannot be used; `path` as `[17].values.pressure`.
    public func fault(_ reason: Rejection.Reason, at path: String, _ explanation: String) {
        fault(reason, path.isEmpty ? explanation : "\(path): \(explanation)")
    }

    /// More faults than a person reads are counted, not spelt out.
    private static let spelledFaults = 20

    private func fault(_ reason: Rejection.Reason, _ text: String) {
        if faultReason == nil { faultReason = reason }
        faultCount += 1
        if faults.count < Self.spelledFaults { faults.append(text) }
    }

    // MARK: - Times

    /// The time of a part of the message, as `readings` take it. `nil`: this part is refused for its time.
    public struct Moment {
        public var at: Timestamp
        public var quality: Quality
    }

    public var receipt: Moment { Moment(at: header.receivedAt, quality: .receiptTime) }
    /// Of what may not be lost although its time was refused.
    public var receiptForRefused: Moment { Moment(at: header.receivedAt, quality: .clock) }

    /// Judges a device's `ts`. On urgent topics a wrong one never costs the message: it is processed at
    /// the time of receipt with the mark `clock`, and the fault puts a copy into the quarantine.
    public func judge(_ time: Timestamp, written: @autoclosure () -> String, at path: @autoclosure () -> String)
        -> Moment?
    {
        if time < .plausibleFloor {
            let looksLikeSeconds = (946_684_800...9_999_999_999).contains(time.milliseconds)
            return clockFault(
                at: path(),
                "found \(written()), \(looksLikeSeconds ? "which looks like seconds: expected milliseconds since 1970" : "a time before 2020: set the device's clock")"
            )
        }
        guard time < .plausibleCeiling else {
            return clockFault(at: path(), "found \(written()), a time after 2099: set the device's clock")
        }
        if clockIsSynchronised, time - header.receivedAt > Limits.maximumAhead {
            return clockFault(
                at: path(),
                "found \(written()), \((time - header.receivedAt) / 60_000) minutes ahead of receipt: set the device's clock"
            )
        }
        return Moment(at: time, quality: [])
    }

    /// A `ts` that is no time at all.
    public func unreadableTime(_ written: String, at path: String) -> Moment? {
        clockFault(at: path, "found \(written), expected whole milliseconds since 1970 or RFC 3339 text")
    }

    private func clockFault(at path: String, _ explanation: String) -> Moment? {
        fault(.time, at: path, explanation)
        return isUrgent ? receiptForRefused : nil
    }

    // MARK: - Readings

    /// One measured value. `path` is made only when something is wrong.
    ///
    /// - Parameter onlyFire: the rest of its element is refused, which a fire in it outlives.
    public func measure(
        _ metric: UnsafeRawBufferPointer, component: Int32, _ scalar: Scalar, _ moment: Moment, onlyFire: Bool = false,
        at path: @autoclosure () -> String
    ) {
        // These two raise a fire whatever the kind's catalogue entry says, and so in every spelling of true.
        let isFireName = equals(metric, "smoke") || equals(metric, "fire")
        guard isFireName || !onlyFire else { return }
        if case .null = scalar {
            counters.nullValues.increment()
            return
        }
        guard (1...Limits.maximumName).contains(metric.count), metric.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            return fault(
                .value, at: path(),
                "metric name of \(metric.count) bytes, expected 1 to \(Limits.maximumName) printable")
        }
        guard !Self.isReserved(metric) else {
            return fault(
                .value, at: path(), "the name \(quoted(metric)) is kept for events and status, expected a metric")
        }
        let isTruth = isFireName && scalar.isTruth
        guard
            let name = fleet.metrics.find(metric) ?? (isTruth ? fleet.metric(metric) : newName(metric, path))
        else { return }
        let definition = kindIsKnown ? fleet.definition(kind: kind, metric: name) : nil
        guard let value = coerce(scalar, to: isTruth ? .boolean : definition?.type, path) else { return }
        let isFire = isFireName && value == .boolean(true)
        guard isFire || !onlyFire, accepts(isFire: isFire),
            let series = series(component, name, knownMetric: definition != nil, isFire: isFire, path)
        else { return }
        var quality = moment.quality
        if let range = definition?.plausible, case .number(let number) = value, !range.contains(number) {
            quality.insert(number > range.upperBound ? .implausiblyHigh : .implausiblyLow)
            counters.implausibleValues.increment()
        }
        write(series, value, moment, quality)
    }

    /// A name nobody has used yet. Names are never forgotten, so a device full of them invents no more.
    private func newName(_ metric: UnsafeRawBufferPointer, _ path: () -> String) -> Int32? {
        if let device, fleet.devices[Int(device)].metricCount >= Limits.maximumMetricsPerDevice {
            fault(.limit, at: path(), "the device has \(Limits.maximumMetricsPerDevice) metrics already")
            return nil
        }
        guard fleet.metrics.count < Self.maximumMetricNames else {
            fault(.limit, at: path(), "the gateway knows \(Self.maximumMetricNames) metric names already")
            return nil
        }
        return fleet.metric(metric)
    }

    /// A catalogue has dozens; what devices invent beyond it ends here.
    private static let maximumMetricNames = 100_000

    /// One event. `name` in lower case, without prefix.
    public func event(
        _ name: String, component: Int32, active: Bool, detail: String?, _ moment: Moment,
        at path: @autoclosure () -> String
    ) {
        let isFire = name == EventName.fire.rawValue || name == EventName.manualAlarm.rawValue
        guard accepts(isFire: isFire) else { return }
        var stored = EventName.metricPrefix + name
        guard
            let metric = stored.withUTF8({
                fleet.metrics.find(UnsafeRawBufferPointer($0)) ?? newName(UnsafeRawBufferPointer($0), path)
            }),
            let device = boundDevice()
        else { return }
        guard let component = placed(device, component, metric, isFire: isFire, path) else { return }
        let series = fleet.addSeries(device: device, component: component, metric: metric, inactive: !active)
        findings.hasEvent = true
        write(series, .boolean(active), moment, moment.quality, detail: detail)
    }

    /// The device came or went.
    public func status(online: Bool, _ moment: Moment) {
        guard accepts(isFire: false), let device = boundDevice() else { return }
        let series = fleet.addSeries(device: device, component: -1, metric: fleet.metric("online"))
        // A device that is ahead of us must not have the last word for ever.
        let at = min(moment.at, header.receivedAt)
        let known = fleet.devices[Int(device)]
        if isNews(at, since: header.isRetry ? max(known.onlineAt, known.lastSeen) : known.onlineAt) {
            fleet.setOnline(device, online, at: at)
        }
        write(series, .boolean(online), moment, moment.quality)
    }

    /// The device's own message counter; a gap or a restart is counted, never held against the message.
    public func sequence(_ number: UInt64, isEvent: Bool) {
        guard let device, !boundElsewhere, !header.isRetry else { return }
        let (gap, restarted) = fleet.noteSequence(number, device: device, isEvent: isEvent)
        if gap > 0 { counters.sequenceGaps.add(gap) }
        if restarted { counters.sequenceRestarts.increment() }
    }

    /// `nil`: the gateway knows as many component names as it can hold.
    public func component(_ name: String) -> Int32? {
        if let known = fleet.components.find(name) { return known }
        return fleet.components.count < Self.maximumComponentNames ? fleet.component(name) : nil
    }

    /// Thirty panels full to their limit, none of their points named alike.
    private static let maximumComponentNames = 2_000_000

    // MARK: - Judging

    /// A scalar as the payload states it.
    public enum Scalar {
        case number(Double)
        case boolean(Bool)
        case text(UnsafeRawBufferPointer)
        case null
        /// Anything else, described for people: `an object`, `1e999`.
        case unfit(String)

        /// One of the spellings a boolean metric takes.
        var isTruth: Bool {
            switch self {
            case .boolean: true
            case .number(let x): x == 0 || x == 1
            case .text(let x): equalsIgnoringCase(x, "on") || equalsIgnoringCase(x, "off")
            case .null, .unfit: false
            }
        }
    }

    private func coerce(_ scalar: Scalar, to type: Metric.ValueType?, _ path: () -> String) -> Value? {
        switch (type, scalar) {
        case (.number?, .number(let x)), (nil, .number(let x)): return .number(x)
        case (.boolean?, .boolean(let x)), (nil, .boolean(let x)): return .boolean(x)
        case (.boolean?, .number(let x)) where x == 0 || x == 1: return .boolean(x == 1)
        case (.boolean?, .text(let x)) where equalsIgnoringCase(x, "on"): return .boolean(true)
        case (.boolean?, .text(let x)) where equalsIgnoringCase(x, "off"): return .boolean(false)
        case (.text?, .text(let x)), (nil, .text(let x)):
            guard x.count <= Limits.maximumText else {
                fault(.limit, at: path(), "text of \(x.count) bytes, expected at most \(Limits.maximumText)")
                return nil
            }
            return .text(String(decoding: x, as: UTF8.self))
        default:
            fault(.value, at: path(), "found \(Self.described(scalar)), expected \(Self.wanted(type))")
            return nil
        }
    }

    private static func described(_ scalar: Scalar) -> String {
        switch scalar {
        case .number(let x): shortest(x)
        case .boolean(let x): "\(x)"
        case .text(let x): "the text \(quoted(x))"
        case .null: "null"
        case .unfit(let what): what
        }
    }

    private static func wanted(_ type: Metric.ValueType?) -> String {
        switch type {
        case .number?: "a number a 64-bit float can hold"
        case .boolean?: "true, false, 1, 0, \"on\" or \"off\""
        case .text?: "text"
        case nil: "a number, true, false or text"
        }
    }

    private static func isReserved(_ metric: UnsafeRawBufferPointer) -> Bool {
        equals(metric, "online")
            || (metric.count > 6 && equals(UnsafeRawBufferPointer(rebasing: metric[..<6]), "event."))
    }

    /// A wrong or unknown kind costs everything but a fire.
    private func accepts(isFire: Bool) -> Bool { hasSource && (isFire || (kindIsKnown && !boundElsewhere)) }

    /// Not older than what is known. A retry from the quarantine speaks of the time it came first and is news only
    /// where nothing has come since; what is known by a clock that was ahead when it was set is no hindrance.
    private func isNews(_ at: Timestamp, since known: Timestamp) -> Bool {
        at >= known || (!header.isRetry && known - arrivedAt > Limits.maximumAhead)
    }

    /// The device of the message, added when this is its first accepted reading.
    private func boundDevice() -> Int32? {
        if let device { return device }
        guard fleet.devices.count < Self.maximumDevices else {
            fault(
                .limit,
                "the gateway holds \(Self.maximumDevices) devices already: split the areas over several gateways")
            return nil
        }
        if kind < 0 { kind = fleet.kind(kindName) }
        device = fleet.addDevice(id: deviceID, kind: kind, area: acceptedArea(), at: header.receivedAt)
        return device
    }

    /// Ten times the largest fleet of domain 5.3 for one province on one process; what a broken or
    /// hostile publisher can make the daemon remember ends here.
    private static let maximumDevices = 3_000_000

    private func series(
        _ component: Int32, _ metric: Int32, knownMetric: Bool, isFire: Bool, _ path: () -> String
    ) -> Int32? {
        guard let device = boundDevice() else { return nil }
        if let known = fleet.findSeries(device: device, component: component, metric: metric) { return known }
        guard let component = placed(device, component, metric, isFire: isFire, path) else { return nil }
        if !knownMetric {
            counters.unknownMetrics.increment()
            if !fleet.hasMetric(metric, device: device) {
                onUnknownMetric(fleet.devices[Int(device)].id, fleet.metrics[metric])
            }
        }
        return fleet.addSeries(device: device, component: component, metric: metric)
    }

    /// The component under which the device's limits admit a new series; `nil`: they do not. A device full of
    /// names is still one that can burn: a fire is kept, without its component.
    private func placed(_ device: Int32, _ component: Int32, _ metric: Int32, isFire: Bool, _ path: () -> String)
        -> Int32?
    {
        if admits(device, component, metric, path) { return component }
        return isFire ? -1 : nil
    }

    private func admits(_ device: Int32, _ component: Int32, _ metric: Int32, _ path: () -> String) -> Bool {
        switch fleet.limitHit(device: device, component: component, metric: metric) {
        case .metrics:
            fault(.limit, at: path(), "the device has \(Limits.maximumMetricsPerDevice) metrics already")
            return false
        case .components:
            fault(.limit, at: path(), "the device has as many components as its kind may have")
            return false
        case nil: return true
        }
    }

    private func write(_ series: Int32, _ value: Value, _ moment: Moment, _ quality: Quality, detail: String? = nil) {
        var quality = quality
        if header.flags.contains(.retained) { quality.insert(.retained) }
        if !quality.hasDeviceTime { usedReceiptTime = true }
        findings.readings.append(
            Reading(
                series: series, at: moment.at, receivedAt: header.receivedAt, value: value, quality: quality,
                backlog: isBacklog, detail: detail))
    }

    // MARK: - A message ends

    var usesReceiptTime: Bool { usedReceiptTime }

    func end() { endSource() }

    /// The device part of the topic, or the last device that a dialect named.
    var deviceName: String? {
        guard named else { return nil }
        return device.map { fleet.devices[Int($0)].id } ?? deviceID
    }

    /// The device's last message, once something of it was accepted.
    private func endSource() {
        defer {
            hasSource = false
            readingsBefore = findings.readings.count
        }
        guard hasSource, let device, findings.readings.count > readingsBefore, !boundElsewhere else { return }
        let known = fleet.devices[Int(device)]
        let moves = isNews(header.receivedAt, since: known.lastSeen)
        fleet.touch(device, area: moves ? acceptedArea() : known.area, at: header.receivedAt)
    }

    private func acceptedArea() -> Int32 {
        if let areaIndex { return areaIndex }
        let index = fleet.area(area)
        areaIndex = index
        return index
    }

    /// All faults in one text.
    var explanation: String {
        let text = faults.joined(separator: "; ")
        return faultCount > faults.count ? "\(text); and \(faultCount - faults.count) more" : text
    }
}

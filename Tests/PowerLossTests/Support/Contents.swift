import FireModel

/// A deed and what the store answered to it.
enum DoneDeed {
    /// Placed: where the store has put it, which for one without a time of its own may be later.
    case reading(GivenReading, Admission)
    case change(AlarmChange, json: String)
    case delivery(Delivery)
    case attempt(DeliveryAttempt)
    case cancel(exceptFor: [String])
    case quarantine(Rejection)
    case retry(payload: [UInt8], wasThere: Bool)
    case redelivery(Redelivery)
    case retained(RetainedMark)
    /// Devices and series are told by the fleet as a whole, with the commit.
    case device
}

/// What a store holds: the plain model that the real one is held against.
struct Contents {
    struct Place: Hashable {
        var device: String
        var component: String?
        var metric: String
        var inactive: Bool
        var at: Timestamp
    }

    struct KeptReading {
        var value: Value
        var quality: Quality
        var detail: String?
    }

    struct KeptAlarm {
        var alarm: Alarm
        var ordinal: Int
        var history: [AlarmHistoryItem] = []
        /// Retention may have deleted it, with its deliveries.
        var mayBeGone = false
    }

    struct KeptDelivery {
        var delivery: Delivery
        var state = Delivery.State.pending
        var attempts: [DeliveryAttempt] = []
    }

    struct KeptPayload {
        var rejection: Rejection
        var mayBeGone = false
    }

    struct Device: Equatable {
        var id: String
        var kind: String
        var area: String
        var firstSeen: Timestamp
        var online: Bool?
    }

    struct Series: Equatable {
        var device: String
        var component: String?
        var metric: String
        var inactive: Bool
    }

    private(set) var readings: [Place: KeptReading] = [:]
    private(set) var alarms: [String: KeptAlarm] = [:]
    private(set) var deliveries: [String: KeptDelivery] = [:]
    private(set) var quarantine: [KeptPayload] = []
    private(set) var redeliveries: [Lane: [Redelivery]] = [:]
    private(set) var retained: [UInt64: UInt64] = [:]
    private(set) var fleet = FleetRows()
    /// Retention may have deleted readings before it.
    private var readingCutoff = Timestamp(milliseconds: .min)

    func mayBeGone(_ place: Place) -> Bool { place.at < readingCutoff }

    // MARK: - What is given

    mutating func apply(_ deed: DoneDeed) {
        switch deed {
        case .reading(let given, .new):
            readings[given.place] = KeptReading(value: given.value, quality: given.quality, detail: given.detail)
        case .reading, .device: break
        case .change(let change, let json): apply(change, json)
        case .delivery(let delivery):
            if deliveries[delivery.id] == nil { deliveries[delivery.id] = KeptDelivery(delivery: delivery) }
        case .attempt(let attempt): apply(attempt)
        case .cancel(let endpoints):
            for (id, kept) in deliveries where kept.state == .pending && !endpoints.contains(kept.delivery.endpoint) {
                deliveries[id]?.state = .cancelled
            }
        case .quarantine(let rejection): quarantine.append(KeptPayload(rejection: rejection))
        case .retry(let payload, let wasThere):
            if wasThere { quarantine.removeAll { $0.rejection.payload == payload } }
        case .redelivery(let redelivery): redeliveries[redelivery.lane, default: []].append(redelivery)
        case .retained(let mark): retained[mark.topicHash] = mark.contentHash
        }
    }

    private mutating func apply(_ change: AlarmChange, _ json: String) {
        let id = change.alarm.id
        var kept = alarms[id] ?? KeptAlarm(alarm: change.alarm, ordinal: change.ordinal)
        if change.alarm.revision >= kept.alarm.revision { kept.alarm = change.alarm }
        if change.kind != .occurrence {
            kept.history.append(
                AlarmHistoryItem(
                    kind: change.kind, revision: change.alarm.revision, at: change.at, cause: change.cause,
                    snapshot: json))
        }
        alarms[id] = kept
    }

    private mutating func apply(_ attempt: DeliveryAttempt) {
        guard var kept = deliveries[attempt.delivery] else { return }
        kept.attempts.append(attempt)
        if kept.state != .cancelled || attempt.state == .delivered { kept.state = attempt.state }
        kept.delivery.dueAt = attempt.nextDueAt ?? kept.delivery.dueAt
        deliveries[attempt.delivery] = kept
    }

    /// The commit has written the fleet.
    mutating func apply(_ fleet: FleetRows) { self.fleet = fleet }

    /// From now on retention may delete what is over its time.
    mutating func expire(now: Timestamp) {
        let retention = Workload.settings.retention
        readingCutoff = max(readingCutoff, now + -retention.raw.wholeMilliseconds)
        let waiting = Set(deliveries.values.lazy.filter { $0.state == .pending }.map(\.delivery.alarm))
        let alarmCutoff = now + -retention.alarms.wholeMilliseconds
        for (id, kept) in alarms
        where kept.alarm.state == .cleared && kept.alarm.receivedAt < alarmCutoff && !waiting.contains(id) {
            alarms[id]?.mayBeGone = true
        }
        let quarantineCutoff = now + -retention.quarantine.wholeMilliseconds
        for index in quarantine.indices where quarantine[index].rejection.receivedAt < quarantineCutoff {
            quarantine[index].mayBeGone = true
        }
    }
}

extension GivenReading {
    var place: Contents.Place {
        Contents.Place(device: device, component: component, metric: metric, inactive: inactive, at: at)
    }
}

/// Every device and series in the order of their indices.
struct FleetRows: Equatable {
    var devices: [Contents.Device] = []
    var series: [Contents.Series] = []

    init() {}

    init(_ fleet: Fleet) {
        devices = fleet.devices.map {
            Contents.Device(
                id: $0.id, kind: fleet.kinds[$0.kind], area: fleet.areas[$0.area], firstSeen: $0.firstSeen,
                online: $0.online)
        }
        series = fleet.series.map {
            Contents.Series(
                device: fleet.devices[Int($0.device)].id,
                component: $0.component < 0 ? nil : fleet.components[$0.component], metric: fleet.metrics[$0.metric],
                inactive: $0.inactive)
        }
    }
}

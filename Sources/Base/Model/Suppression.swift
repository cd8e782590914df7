/// Why nobody is told of an alarm for now (ISA-18.2): the words of `suppressed`, in the order in which they stand there.
/// The alarm is raised, stored and shown all the same; never one of fire.
public enum Suppression: String, Sendable, CaseIterable, Codable {
    /// By an operator, for a time.
    case shelved
    /// By an operator: what it watches is being worked on.
    case outOfService = "out_of_service"
    /// Another alarm of the same device says more.
    case inhibited
    /// One of too many, which are told of together.
    case grouped
    /// It comes and goes.
    case chattering
}

/// Notifications held back for a time by an operator (contract 5): never of fire, never of the gateway's own troubles.
public struct Silence: Sendable, Hashable, Codable {
    /// What an alarm is marked with.
    public enum Kind: String, Sendable, CaseIterable, Codable {
        case shelved
        case outOfService = "out_of_service"

        public var suppression: Suppression { self == .shelved ? .shelved : .outOfService }
    }

    public var id: String
    public var kind: Kind
    public var devices: [String]
    public var areas: [String]
    /// Kinds of devices.
    public var kinds: [String]
    public var rules: [String]
    public var categories: [AlarmCategory]
    public var components: [String]
    public var createdAt: Timestamp
    public var until: Timestamp
    public var by: String
    public var reason: String

    public static let longest: Int64 = 30 * 24 * 3_600_000

    public init(
        id: String, kind: Kind = .shelved, devices: [String] = [], areas: [String] = [], kinds: [String] = [],
        rules: [String] = [], categories: [AlarmCategory] = [], components: [String] = [], createdAt: Timestamp,
        until: Timestamp, by: String, reason: String
    ) {
        self.id = id
        self.kind = kind
        self.devices = devices
        self.areas = areas
        self.kinds = kinds
        self.rules = rules
        self.categories = categories
        self.components = components
        self.createdAt = createdAt
        self.until = until
        self.by = by
        self.reason = reason
    }

    /// At least one list says something; one that says nothing would silence everything.
    public var hasMatcher: Bool {
        ![devices, areas, kinds, rules, components].allSatisfy(\.isEmpty) || !categories.isEmpty
    }

    public func holdsBack(_ alarm: Alarm) -> Bool {
        alarm.mayBeHeldBack && hasMatcher && devices.lets(alarm) && areas.lets(alarm.device.area)
            && kinds.lets(alarm.device.kind) && rules.lets(alarm.rule) && categories.lets(alarm.category)
            && (components.isEmpty || alarm.component.map(components.contains) == true)
    }

    enum CodingKeys: String, CodingKey {
        case id, kind, devices, areas, kinds, rules, categories, components
        case createdAt = "created_at"
        case until, by, reason
    }
}

/// A drill (contract 5): what its devices raise meanwhile is told as ever, and marked as a drill.
public struct Drill: Sendable, Hashable, Codable {
    public var id: String
    public var devices: [String]
    public var site: String?
    /// Empty: all of these devices.
    public var components: [String]
    public var createdAt: Timestamp
    public var until: Timestamp
    public var by: String
    public var reason: String

    public static let longest: Int64 = 8 * 3_600_000

    public init(
        id: String, devices: [String], site: String? = nil, components: [String] = [], createdAt: Timestamp,
        until: Timestamp, by: String, reason: String
    ) {
        self.id = id
        self.devices = devices
        self.site = site
        self.components = components
        self.createdAt = createdAt
        self.until = until
        self.by = by
        self.reason = reason
    }

    /// The gateway's own alarms are no part of a drill.
    public func covers(_ alarm: Alarm) -> Bool {
        guard alarm.category != .system, !devices.isEmpty || site != nil else { return false }
        return devices.lets(alarm) && (site == nil || alarm.device.site == site)
            && (components.isEmpty || alarm.component.map(components.contains) == true)
    }

    enum CodingKeys: String, CodingKey {
        case id, devices, site, components
        case createdAt = "created_at"
        case until, by, reason
    }
}

/// What an operator does about many alarms at once.
public enum AnnunciationAct: Sendable, Equatable, Codable {
    case silence(Silence)
    case endSilence(String, by: String)
    case drill(Drill)
    case endDrill(String, by: String)
}

/// Why such an act was refused.
public enum AnnunciationError: Error, Equatable, Sendable {
    /// 404
    case unknown
    /// 409: so many are in force already.
    case tooMany(Int)
    /// 503: the store cannot be written, so no act can be kept.
    case storeNotWritable
}

/// When alarms are too many to be told of one by one.
public struct FloodLimits: Sendable, Hashable, Codable {
    /// 0: never.
    public var moreThan: Int
    public var within: Duration
    public var endBelow: Int

    /// More than an operator can take in (EEMUA 191).
    public init(moreThan: Int = 10, within: Duration = .seconds(600), endBelow: Int = 5) {
        self.moreThan = moreThan
        self.within = within
        self.endBelow = endBelow
    }
}

extension Alarm {
    /// Fire is always told, and so is what the gateway has to say about itself.
    public var mayBeHeldBack: Bool { category != .fire && category != .system }

    /// Nobody is told of it for now.
    public var isHeldBack: Bool { mayBeHeldBack && !suppressed.isEmpty }
}

extension Silence {
    public func writeJSON(to json: inout JSONWriter) {
        json.object { json in
            json.field("id", id)
            json.field("kind", kind.rawValue)
            json.field("devices", devices)
            json.field("areas", areas)
            json.field("kinds", kinds)
            json.field("rules", rules)
            json.field("categories", categories.map(\.rawValue))
            json.field("components", components)
            json.field("created_at", createdAt)
            json.field("until", until)
            json.field("by", by)
            json.field("reason", reason)
        }
    }

    public var json: String {
        var writer = JSONWriter()
        writeJSON(to: &writer)
        return writer.text
    }
}

extension Drill {
    public func writeJSON(to json: inout JSONWriter) {
        json.object { json in
            json.field("id", id)
            json.field("devices", devices)
            json.field("site", site)
            json.field("components", components)
            json.field("created_at", createdAt)
            json.field("until", until)
            json.field("by", by)
            json.field("reason", reason)
        }
    }

    public var json: String {
        var writer = JSONWriter()
        writeJSON(to: &writer)
        return writer.text
    }
}

extension [String] {
    /// An alarm across devices only if all of them are meant.
    fileprivate func lets(_ alarm: Alarm) -> Bool {
        if isEmpty || contains(alarm.device.id) { return true }
        return !alarm.devices.isEmpty && alarm.devices.allSatisfy(contains)
    }
}

extension Array where Element: Equatable {
    fileprivate func lets(_ element: Element) -> Bool { isEmpty || contains(element) }
}

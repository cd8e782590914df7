import FireModel

/// Which topics each session asks for (design 3). A broker delivers a message once per matching filter, so
/// those of one session do not overlap; what both sessions see under `catch_all` is let go by bulk.
public struct Subscriptions: Sendable {
    private let areas: [String]
    private let urgentKinds: [String]
    private let otherKinds: [String]
    private let catchAll: Bool
    private let extraTopics: [String]

    private let areaBytes: [[UInt8]]
    private let urgentKindBytes: [[UInt8]]

    public init(_ settings: IntakeSettings) {
        areas = unique(settings.areas)
        urgentKinds = unique(settings.urgentKinds)
        otherKinds = unique(settings.otherKinds).filter { !settings.urgentKinds.contains($0) }
        catchAll = settings.catchAll
        extraTopics = unique(settings.extraTopics)
        areaBytes = areas.map { Array($0.utf8) }
        urgentKindBytes = urgentKinds.map { Array($0.utf8) }
    }

    public func filters(_ lane: Lane) -> [String] {
        let places = areas.isEmpty ? ["+"] : areas
        switch lane {
        case .urgent:
            return places.flatMap { area in
                ["fire/v1/\(area)/+/+/event", "fire/v1/\(area)/+/+/raw"] + states(area, urgentKinds)
            }
        case .bulk:
            return withoutCovered(nativeOfBulk + extraTopics)
        }
    }

    private var nativeOfBulk: [String] {
        guard catchAll else { return (areas.isEmpty ? ["+"] : areas).flatMap { states($0, otherKinds) } }
        return areas.isEmpty ? ["fire/v1/#"] : areas.map { "fire/v1/\($0)/#" }
    }

    /// Whether native messages pass us by without it. An extra topic may stand for native ones it covers.
    func isNative(_ filter: String) -> Bool {
        guard extraTopics.contains(filter) else { return true }
        let wide = split(filter)
        return nativeOfBulk.contains { covers(wide[...], split($0)[...]) }
    }

    private func states(_ area: String, _ kinds: [String]) -> [String] {
        kinds.flatMap { ["fire/v1/\(area)/\($0)/+/telemetry", "fire/v1/\(area)/\($0)/+/status"] }
    }

    /// Whether a filter of the urgent session matches: bulk may let it go. By bytes alone, as this is asked
    /// of every message bulk receives under `catch_all`.
    func isCarriedByUrgent(_ topic: UnsafeRawBufferPointer) -> Bool {
        guard Self.starts(topic, with: "fire/v1/") else { return false }
        var ends = (0, 0, 0)
        var slashes = 0
        for index in 8..<topic.count where topic[index] == UInt8(ascii: "/") {
            switch slashes {
            case 0: ends.0 = index
            case 1: ends.1 = index
            case 2: ends.2 = index
            default: return false
            }
            slashes += 1
        }
        guard slashes == 3 else { return false }
        guard areaBytes.isEmpty || areaBytes.contains(where: { topic[8..<ends.0].elementsEqual($0) }) else {
            return false
        }
        let stream = UnsafeRawBufferPointer(rebasing: topic[(ends.2 + 1)...])
        if Self.equals(stream, "event") || Self.equals(stream, "raw") { return true }
        guard Self.equals(stream, "telemetry") || Self.equals(stream, "status") else { return false }
        let kind = topic[(ends.0 + 1)..<ends.1]
        return urgentKindBytes.contains { kind.elementsEqual($0) }
    }

    /// An event or the bytes of a device's own protocol: never made to wait for company, on either lane.
    static func isImmediate(_ topic: UnsafeRawBufferPointer) -> Bool {
        ends(topic, with: "/event") || ends(topic, with: "/raw")
    }

    private static func starts(_ topic: UnsafeRawBufferPointer, with prefix: StaticString) -> Bool {
        let length = prefix.utf8CodeUnitCount
        return topic.count >= length && equals(UnsafeRawBufferPointer(rebasing: topic[..<length]), prefix)
    }

    private static func ends(_ topic: UnsafeRawBufferPointer, with suffix: StaticString) -> Bool {
        let length = suffix.utf8CodeUnitCount
        return topic.count >= length
            && equals(UnsafeRawBufferPointer(rebasing: topic[(topic.count - length)...]), suffix)
    }

    private static func equals(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        for offset in 0..<bytes.count where bytes[offset] != text.utf8Start[offset] { return false }
        return true
    }
}

/// Drops each filter whose every topic another one matches as well.
private func withoutCovered(_ filters: [String]) -> [String] {
    let levels = filters.map(split)
    return filters.indices.filter { index in
        !filters.indices.contains { $0 != index && covers(levels[$0][...], levels[index][...]) }
    }.map { filters[$0] }
}

private func split(_ filter: String) -> [Substring] { filter.split(separator: "/", omittingEmptySubsequences: false) }

/// Whether `wide` matches everything that `narrow` matches (MQTT 5, section 4.7.1).
private func covers(_ wide: ArraySlice<Substring>, _ narrow: ArraySlice<Substring>) -> Bool {
    // `a/#` matches `a` itself, too; in the middle of a filter `#` is a mistake and matches nothing.
    if wide.first == "#" { return wide.count == 1 }
    guard let level = wide.first, let other = narrow.first else { return wide.isEmpty && narrow.isEmpty }
    guard other != "#", level == "+" || level == other else { return false }
    return covers(wide.dropFirst(), narrow.dropFirst())
}

private func unique(_ names: [String]) -> [String] {
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
}

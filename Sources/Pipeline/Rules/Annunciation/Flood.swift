import FireModel

/// More alarms than anybody can take in one by one (ISA-18.2, EEMUA 191). Times are those of `ElapsedClock`.
struct Flood: Equatable, Codable {
    /// Of the latest raises, ascending; no more than decide.
    private(set) var recent: [Int64] = []
    private(set) var isActive = false
    /// Raises since it began, by rule.
    private(set) var counts: [String: Int] = [:]
    private(set) var total = 0
    /// When it was last told of.
    private var toldAt: Int64?
    private var toldTotal = 0

    /// More rules than this are counted together.
    private static let mostRules = 200
    private static let mostRecent = 10_000
    /// Between two updates of its alarm.
    static let toldEvery: Int64 = 60_000

    /// - Returns: whether it is one too many.
    mutating func raised(_ alarm: Alarm, at time: Int64, _ limits: FloodLimits) -> Bool {
        guard limits.moreThan > 0 else { return false }
        let window = limits.within.wholeMilliseconds
        recent.append(time)
        recent.removeAll { time - $0 >= window }
        let needed = min(max(limits.moreThan + 1, limits.endBelow), Self.mostRecent)
        if recent.count > needed { recent.removeFirst(recent.count - needed) }
        if recent.count > limits.moreThan { isActive = true }
        guard isActive else { return false }
        let key = "\(alarm.category.rawValue) \(alarm.rule)"
        counts[counts[key] != nil || counts.count < Self.mostRules ? key : "other", default: 0] += 1
        total += 1
        return true
    }

    /// When it is over, or has something to tell.
    func due(_ limits: FloodLimits) -> Int64? {
        guard isActive else { return nil }
        guard let told = toldAt else { return .min }
        let end = end(limits)
        return total == toldTotal ? end : min(end, told + Self.toldEvery)
    }

    private func end(_ limits: FloodLimits) -> Int64 {
        let place = recent.count - limits.endBelow
        guard limits.moreThan > 0, recent.indices.contains(place) else { return .min }
        return recent[place] + limits.within.wholeMilliseconds
    }

    /// - Returns: whether it has ended.
    mutating func endIfOver(at time: Int64, _ limits: FloodLimits) -> Bool {
        guard isActive, end(limits) <= time else { return false }
        self = Flood()
        return true
    }

    /// - Returns: whether its alarm is to be raised or updated now.
    mutating func takeNews(at time: Int64) -> Bool {
        guard isActive, total != toldTotal, toldAt.map({ time >= $0 + Self.toldEvery }) ?? true else { return false }
        toldAt = time
        toldTotal = total
        return true
    }

    /// For people: the most frequent first.
    var detail: String {
        let most = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(10)
        return "\(total): " + most.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
            + (counts.count > most.count ? ", …" : "")
    }

    var isSound: Bool {
        recent.count <= Self.mostRecent && counts.count <= Self.mostRules + 1 && (0..<Int(Int32.max)).contains(total)
            && counts.values.allSatisfy { (0..<Int(Int32.max)).contains($0) }
            && (recent + [toldAt ?? 0]).allSatisfy { (0...AnnunciationState.furthest).contains($0) }
    }
}

/// The devices of one place on which a condition has begun, for rules that ask how many do so together.
struct Crowd: Equatable, Sendable {
    struct Member: Equatable, Sendable {
        /// When it last began, in milliseconds since 1970.
        var at: Int64
        /// On how many of its components it holds.
        var holding: Int32
    }

    /// By device.
    private(set) var members: [Int32: Member] = [:]
    private(set) var newest: Int64 = .min

    init() {}

    init(members: [Int32: Member]) {
        self.members = members
        newest = members.values.map(\.at).max() ?? .min
    }

    mutating func began(_ device: Int32, at: Int64, isNew: Bool, within: Int64) {
        newest = max(newest, at)
        var its = members[device] ?? Member(at: at, holding: 0)
        its.at = max(its.at, at)
        if isNew { its.holding += 1 }
        members[device] = its
        forget(within: within)
    }

    mutating func ended(_ device: Int32, within: Int64) {
        guard let holding = members[device]?.holding, holding > 0 else { return }
        members[device]?.holding = holding - 1
        forget(within: within)
    }

    mutating func left(_ device: Int32) { members[device] = nil }

    private mutating func forget(within: Int64) {
        guard members.contains(where: { $0.value.holding == 0 && $0.value.at < newest - within }) else { return }
        members = members.filter { $0.value.holding > 0 || $0.value.at >= newest - within }
    }

    /// Began within the time up to `at`; of the newest, whichever is later.
    func recent(at: Int64, within: Int64) -> Int {
        let oldest = max(newest, at) - within
        return members.values.count { $0.at >= oldest }
    }

    var holding: Int { members.values.count { $0.holding > 0 } }

    /// Once enough have begun together it goes on as long as it holds on enough of them.
    func answer(at: Int64, within: Int64, wanted: Int, wasOn: Bool) -> Answer {
        let holds = recent(at: at, within: within) >= wanted || (wasOn && holding >= wanted)
        return Answer(holds: holds, clears: !holds)
    }

    /// When fewer than wanted will have begun within the time, should nothing come.
    func recedes(within: Int64, wanted: Int) -> Int64? {
        let times = members.values.map(\.at).sorted(by: >)
        guard times.count >= wanted, wanted > 0 else { return nil }
        return times[wanted - 1] + within + 1
    }
}

/// When each device was last heard, and who is due to be called silent.
///
/// All devices of one kind under the same rules may be silent equally long, so they are due in the order in which they
/// were heard: a list in that order, to whose end a device goes when it is heard, is all the timers there are. A tick
/// at which nobody is due looks at the first of each list.
struct HeardLists {
    /// A rule over the devices of one list.
    struct Watch {
        var rule: Int32
        /// Milliseconds of the counting clock.
        var interval: Int64
        /// The last device of the list that it has called silent, -1: none.
        var cursor: Int32 = -1
    }

    private struct List {
        var first: Int32 = -1
        var last: Int32 = -1
        var watches: [Watch]
    }

    struct Due {
        var device: Int32
        var rule: Int32
        var deadline: Int64
    }

    /// By device, on the counting clock; `never`: it has no timer yet.
    private(set) var lastHeard: [Int64] = []
    private var next: [Int32] = []
    private var previous: [Int32] = []
    private var listOf: [Int32] = []
    private var lists: [List] = []
    /// Of each rule that asks for silence, up to when who was due has been called; of all at once.
    private(set) var calledUntil: [Int32: Int64] = [:]
    private var soonest: Int64?
    private var isSoonestKnown = true

    static let never = Int64.min

    mutating func grow(to count: Int) {
        let missing = count - lastHeard.count
        guard missing > 0 else { return }
        lastHeard.append(contentsOf: repeatElement(Self.never, count: missing))
    }

    mutating func restore(_ device: Int32, heardAt live: Int64) { lastHeard[Int(device)] = live }

    /// Lists anew.
    /// - Parameters:
    ///   - groups: per list its watches and its devices.
    ///   - called: see `calledUntil`.
    mutating func arrange(_ groups: [(watches: [Watch], devices: [Int32])], called: [Int32: Int64]) {
        calledUntil = called
        lists.removeAll()
        next = Array(repeating: -1, count: lastHeard.count)
        previous = next
        listOf = next
        isSoonestKnown = false
        for group in groups {
            if group.watches.isEmpty {
                for device in group.devices { exempt(device) }
                continue
            }
            lists.append(List(watches: group.watches))
            let list = lists.count - 1
            let known = group.devices.filter { lastHeard[Int($0)] != Self.never }
            for device in known.sorted(by: { (lastHeard[Int($0)], $0) < (lastHeard[Int($1)], $1) }) {
                append(device, to: list)
            }
            for watch in lists[list].watches.indices { placeCursor(list, watch) }
        }
    }

    /// Without a watch there are no lists, and a device that is heard costs one store.
    mutating func dissolve() {
        lists = []
        calledUntil = [:]
        (next, previous, listOf) = ([], [], [])
        (soonest, isSoonestKnown) = (nil, true)
    }

    private mutating func placeCursor(_ list: Int, _ watch: Int) {
        let its = lists[list].watches[watch]
        let done = calledUntil[its.rule] ?? .min
        var cursor: Int32 = -1
        var device = lists[list].first
        while device >= 0, lastHeard[Int(device)] + its.interval <= done {
            cursor = device
            device = next[Int(device)]
        }
        lists[list].watches[watch].cursor = cursor
    }

    /// Nothing is known of which list it belongs to.
    func isUnlisted(_ device: Int32) -> Bool { Int(device) >= listOf.count || listOf[Int(device)] == -1 }

    mutating func enter(_ device: Int32, list: Int32) {
        makeRoom()
        append(device, to: Int(list))
        isSoonestKnown = false
    }

    /// No rule asks whether it is silent.
    mutating func exempt(_ device: Int32) {
        makeRoom()
        listOf[Int(device)] = -2
    }

    private mutating func makeRoom() {
        let missing = lastHeard.count - next.count
        guard missing > 0 else { return }
        let room = repeatElement(Int32(-1), count: missing)
        next += room
        previous += room
        listOf += room
    }

    mutating func heard(_ device: Int32, live: Int64) {
        let index = Int(device)
        // The order of those of one moment is no matter: they are due together.
        if lastHeard[index] == live { return }
        lastHeard[index] = live
        guard index < listOf.count, listOf[index] >= 0 else { return }
        let its = Int(listOf[index])
        for watch in lists[its].watches.indices {
            let cursor = lists[its].watches[watch].cursor
            if cursor == device { lists[its].watches[watch].cursor = previous[index] }
            // It was the next to be due.
            if cursor == device || cursor == previous[index] { isSoonestKnown = false }
        }
        guard lists[its].last != device else { return }
        unlink(device)
        append(device, to: its)
    }

    /// It is under other rules from now on.
    mutating func leave(_ device: Int32) {
        guard listOf.indices.contains(Int(device)) else { return }
        guard listOf[Int(device)] >= 0 else {
            listOf[Int(device)] = -1
            return
        }
        let list = Int(listOf[Int(device)])
        for watch in lists[list].watches.indices where lists[list].watches[watch].cursor == device {
            lists[list].watches[watch].cursor = previous[Int(device)]
        }
        unlink(device)
        listOf[Int(device)] = -1
        isSoonestKnown = false
    }

    private mutating func append(_ device: Int32, to list: Int) {
        let last = lists[list].last
        previous[Int(device)] = last
        next[Int(device)] = -1
        listOf[Int(device)] = Int32(list)
        if last >= 0 { next[Int(last)] = device } else { lists[list].first = device }
        lists[list].last = device
    }

    private mutating func unlink(_ device: Int32) {
        let list = Int(listOf[Int(device)])
        let (before, after) = (previous[Int(device)], next[Int(device)])
        if before >= 0 { next[Int(before)] = after } else { lists[list].first = after }
        if after >= 0 { previous[Int(after)] = before } else { lists[list].last = before }
    }

    /// On the counting clock, when the next one is due.
    mutating func deadline() -> Int64? {
        if isSoonestKnown { return soonest }
        soonest = nil
        for list in lists {
            for watch in list.watches {
                let device = watch.cursor < 0 ? list.first : next[Int(watch.cursor)]
                guard device >= 0 else { continue }
                soonest = min(soonest ?? .max, lastHeard[Int(device)] + watch.interval)
            }
        }
        isSoonestKnown = true
        return soonest
    }

    /// Who is due, in the order in which they became so.
    mutating func takeDue(live: Int64) -> [Due] {
        guard let deadline = deadline(), deadline <= live else { return [] }
        var due: [Due] = []
        for list in lists.indices {
            for watch in lists[list].watches.indices {
                var its = lists[list].watches[watch]
                var device = its.cursor < 0 ? lists[list].first : next[Int(its.cursor)]
                while device >= 0, lastHeard[Int(device)] + its.interval <= live {
                    due.append(
                        Due(device: device, rule: its.rule, deadline: lastHeard[Int(device)] + its.interval))
                    its.cursor = device
                    device = next[Int(device)]
                }
                lists[list].watches[watch] = its
            }
        }
        for rule in calledUntil.keys { calledUntil[rule] = live }
        isSoonestKnown = false
        return due.sorted { ($0.deadline, $0.device, $0.rule) < ($1.deadline, $1.device, $1.rule) }
    }
}

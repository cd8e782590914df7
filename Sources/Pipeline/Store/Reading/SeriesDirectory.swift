import FireModel
import Synchronization

/// Which series there are, in a form in which ten thousand of them are found in less than a millisecond: as SQL it
/// would be as many seeks. Numbers, and names once each.
struct SeriesDirectory {
    /// One series, or both halves of an event.
    struct Entry: Sendable {
        var series: Int32
        /// The half that says the event ended, -1: none.
        var inactive: Int32
        var device: Int32
        /// -1: the device itself.
        var component: Int32
        var metric: Int32

        var indices: [Int32] { inactive < 0 ? [series] : [series, inactive] }
    }

    private var devices = Interner()
    private var deviceKinds: [Int32] = []
    private var deviceAreas: [Int32] = []
    private var kinds = Interner()
    private var areas = Interner()
    private var components = Interner()
    private var metrics = Interner()
    /// Ascending by series.
    private var entries: [Entry] = []
    /// Places in `entries`.
    private var ofMetric: [[Int32]] = []
    private var seriesSeen: Int32 = 0

    // MARK: - In

    /// Brings in what the fleet has gained, and which devices have moved.
    mutating func follow(_ fleet: Fleet, changed: [Int32]) {
        for device in changed where device < devices.count { place(device, fleet) }
        for index in devices.count..<fleet.devices.count {
            _ = devices.intern(fleet.devices[index].id)
            place(Int32(index), fleet)
        }
        for index in Int(seriesSeen)..<max(fleet.series.count, Int(seriesSeen)) {
            let it = fleet.series[index]
            if it.inactive {
                pair(it.anchor, with: Int32(index))
            } else {
                add(
                    Int32(index), device: it.device,
                    component: it.component < 0 ? nil : fleet.components[it.component],
                    metric: fleet.metrics[it.metric])
            }
        }
        seriesSeen = Int32(max(fleet.series.count, Int(seriesSeen)))
    }

    private mutating func place(_ device: Int32, _ fleet: Fleet) {
        let it = fleet.devices[Int(device)]
        place(device, kind: fleet.kinds[it.kind], area: fleet.areas[it.area])
    }

    private mutating func place(_ device: Int32, kind: String, area: String) {
        let (kind, area) = (kinds.intern(kind), areas.intern(area))
        if device == deviceKinds.count {
            deviceKinds.append(kind)
            deviceAreas.append(area)
        } else {
            deviceKinds[Int(device)] = kind
            deviceAreas[Int(device)] = area
        }
    }

    /// - Parameter series: larger than all before.
    private mutating func add(_ series: Int32, device: Int32, component: String?, metric: String) {
        let metric = metrics.intern(metric)
        if metric == ofMetric.count { ofMetric.append([]) }
        ofMetric[Int(metric)].append(Int32(entries.count))
        entries.append(
            Entry(
                series: series, inactive: -1, device: device, component: component.map { components.intern($0) } ?? -1,
                metric: metric))
    }

    private mutating func pair(_ series: Int32, with inactive: Int32) {
        let place = firstPlace(in: entries.indices) { entries[$0].series >= series }
        if place < entries.count, entries[place].series == series { entries[place].inactive = inactive }
    }

    /// One series of a device as a stored row tells it; rows come ascending.
    mutating func add(
        series: Int32, inactive: Int32?, component: String?, metric: String, device: String, kind: String, area: String
    ) {
        let index = devices.intern(device)
        place(index, kind: kind, area: area)
        add(series, device: index, component: component, metric: metric)
        if let inactive { entries[entries.count - 1].inactive = inactive }
    }

    // MARK: - Out

    /// What a filter lets through, found stretch by stretch.
    struct Scan: Sendable {
        private let filter: SeriesFilter
        /// Series up to this one are passed over.
        fileprivate var last: Int32
        fileprivate(set) var isDone = false
        /// Unfolded at each stretch, as names may have come meanwhile.
        fileprivate struct Wanted {
            var metric: Int32?
            var kind: Int32?
            var area: Int32?
            /// -1: the device itself.
            var component: Int32?
            var devices: Set<Int32>?
        }

        init(_ filter: SeriesFilter, after last: Int32 = -1) {
            self.filter = filter
            self.last = last
        }

        /// `nil`: a name that nobody has.
        fileprivate func wanted(_ directory: borrowing SeriesDirectory) -> Wanted? {
            var wanted = Wanted()
            func find(_ name: String?, _ names: Interner, _ place: WritableKeyPath<Wanted, Int32?>) -> Bool {
                guard let name else { return true }
                wanted[keyPath: place] = names.find(name)
                return wanted[keyPath: place] != nil
            }
            guard find(filter.metric, directory.metrics, \.metric), find(filter.kind, directory.kinds, \.kind),
                find(filter.area, directory.areas, \.area)
            else { return nil }
            if filter.component == "" {
                wanted.component = -1
            } else if !find(filter.component, directory.components, \.component) {
                return nil
            }
            if !filter.devices.isEmpty {
                wanted.devices = Set(filter.devices.compactMap { directory.devices.find($0) })
                if wanted.devices?.isEmpty == true { return nil }
            }
            return wanted
        }
    }

    /// Entries looked at under the lock in one go.
    private static let stretch = 8192

    /// The next ones that fit, until there are so many or a stretch has been looked at.
    func advance(_ scan: inout Scan, atMost limit: Int) -> [Entry] {
        guard let wanted = scan.wanted(self) else {
            scan.isDone = true
            return []
        }
        // A metric is interned with its first series, so it has a list.
        return advance(&scan, wanted.metric.map { ofMetric[Int($0)] }, wanted, limit)
    }

    /// - Parameter places: in `entries`; `nil`: all of them.
    private func advance(
        _ scan: inout Scan, _ places: [Int32]?, _ wanted: Scan.Wanted, _ limit: Int
    ) -> [Entry] {
        var found: [Entry] = []
        func entry(_ index: Int) -> Entry { entries[places.map { Int($0[index]) } ?? index] }
        let count = places?.count ?? entries.count
        let last = scan.last
        let start = firstPlace(in: 0..<count) { entry($0).series > last }
        let end = min(count, start + Self.stretch)
        var index = start
        while index < end, found.count < limit {
            let it = entry(index)
            index += 1
            scan.last = it.series
            if let kind = wanted.kind, deviceKinds[Int(it.device)] != kind { continue }
            if let area = wanted.area, deviceAreas[Int(it.device)] != area { continue }
            if let component = wanted.component, it.component != component { continue }
            if let devices = wanted.devices, !devices.contains(it.device) { continue }
            found.append(it)
        }
        scan.isDone = index == count
        return found
    }

    /// What is told of a series.
    struct Names: Sendable, Equatable {
        var device: String
        var kind: String
        var area: String
        var component: String?
        var metric: String
    }

    func names(_ entry: Entry) -> Names {
        Names(
            device: devices[entry.device], kind: kinds[kindNumber(of: entry)], area: areas[areaNumber(of: entry)],
            component: entry.component < 0 ? nil : components[entry.component], metric: metrics[entry.metric])
    }

    func kindName(_ number: Int32) -> String { kinds[number] }
    /// Numbers for the names, the same for the same.
    func kindNumber(of entry: Entry) -> Int32 { deviceKinds[Int(entry.device)] }
    func areaNumber(of entry: Entry) -> Int32 { deviceAreas[Int(entry.device)] }
}

/// The first place from which on `holds`, or the end.
private func firstPlace(in range: Range<Int>, _ holds: (Int) -> Bool) -> Int {
    var (low, high) = (range.lowerBound, range.upperBound)
    while low < high {
        let middle = (low + high) / 2
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    return low
}

/// A directory shared by the one that writes and those who ask. The lock is held for a stretch of it at a time.
final class SharedDirectory: Sendable {
    private let directory = Mutex(SeriesDirectory())

    init() {}

    init(_ directory: sending SeriesDirectory) { self.directory.withLock { $0 = directory } }

    /// With a commit, so that nothing is found here that is not in the file.
    func follow(_ fleet: Fleet, changed: [Int32]) {
        directory.withLock { $0.follow(fleet, changed: changed) }
    }

    /// At most so many, in the order in which they were first heard of.
    func select(_ scan: inout SeriesDirectory.Scan, atMost limit: Int) -> [SeriesDirectory.Entry] {
        var found: [SeriesDirectory.Entry] = []
        while !scan.isDone, found.count < limit {
            let (before, room) = (scan, limit - found.count)
            let (after, part) = directory.withLock { directory in
                var scan = before
                let part = directory.advance(&scan, atMost: room)
                return (scan, part)
            }
            scan = after
            found += part
        }
        return found
    }

    func read<Result: Sendable>(_ body: (borrowing SeriesDirectory) -> Result) -> Result {
        directory.withLock { body($0) }
    }
}

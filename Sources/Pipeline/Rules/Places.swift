import FireModel

/// What has a key beside the series: a device, one of its components, or a group of devices. They are told apart from
/// series by negative numbers, from -2 down; -1 is no key at all.
struct Places {
    struct Place {
        /// -1: a group.
        var device: Int32
        /// -1: the device itself.
        var component: Int32
        /// Area, site or group.
        var group: String?
        var firstState: Int32 = -1
        var firstMemory: Int32 = -1
        /// Of the newest input, in milliseconds since 1970.
        var newest: Int64 = .min
    }

    private struct Name: Hashable {
        var device: Int32
        var component: Int32
        var group: String?
    }

    private var places: [Place] = []
    private var known: [Name: Int32] = [:]
    /// Of a device.
    private(set) var ofDevice: [Int32: [Int32]] = [:]

    var indices: [Int32] { places.indices.map { Int32(-2 - $0) } }

    subscript(key: Int32) -> Place {
        get { places[-2 - Int(key)] }
        _modify { yield &places[-2 - Int(key)] }
    }

    func find(device: Int32, component: Int32) -> Int32? {
        known[Name(device: device, component: component)]
    }

    mutating func place(device: Int32, component: Int32) -> Int32 {
        let name = Name(device: device, component: component)
        if let key = known[name] { return key }
        let key = add(name, Place(device: device, component: component))
        ofDevice[device, default: []].append(key)
        return key
    }

    mutating func place(group: String) -> Int32 {
        let name = Name(device: -1, component: -1, group: group)
        return known[name] ?? add(name, Place(device: -1, component: -1, group: group))
    }

    private mutating func add(_ name: Name, _ place: Place) -> Int32 {
        let key = Int32(-2 - places.count)
        places.append(place)
        known[name] = key
        return key
    }
}

/// An order of keys that a restart does not change.
struct KeyOrder: Comparable {
    /// `.max`: not of a series.
    var series: Int32
    var place: String
    var rule: Int32

    static func < (a: KeyOrder, b: KeyOrder) -> Bool {
        (a.series, a.place, a.rule) < (b.series, b.place, b.rule)
    }
}

extension RuleEngine {
    func order(of state: Int32) -> KeyOrder { order(of: states[Int(state)].series, rule: states[Int(state)].rule) }

    func order(of key: Int32, rule: Int32) -> KeyOrder {
        key >= -1
            ? KeyOrder(series: key, place: "", rule: rule) : KeyOrder(series: .max, place: name(of: key), rule: rule)
    }

    /// The same in every run, as components have no number that is.
    private func name(of key: Int32) -> String {
        let place = places[key]
        if let group = place.group { return "g" + group }
        let component = place.component >= 0 ? fleet.components[place.component] : ""
        return "d\(fleet.devices[Int(place.device)].id)/\(component)"
    }

    /// -1: a group.
    func device(of key: Int32) -> Int32 {
        if key >= 0 { return fleet.series[Int(key)].device }
        return key <= -2 ? places[key].device : -1
    }

    /// -1: none.
    func component(of key: Int32) -> Int32 {
        if key >= 0 { return fleet.series[Int(key)].component }
        return key <= -2 ? places[key].component : -1
    }

    func firstState(of key: Int32) -> Int32 { key >= 0 ? firstState[Int(key)] : places[key].firstState }

    func setFirstState(_ state: Int32, of key: Int32) {
        if key >= 0 { firstState[Int(key)] = state } else { places[key].firstState = state }
    }
}

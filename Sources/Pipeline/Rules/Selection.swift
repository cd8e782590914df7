import FireModel

/// Which rules are for which devices, where they are not for all: devices that all selectors judge alike are one class.
struct Selection {
    private struct Selector {
        let lists: DeviceSelector
        let devices: Set<String>
        let areas: Set<String>

        init(_ lists: DeviceSelector) {
            self.lists = lists
            devices = Set(lists.devices)
            areas = Set(lists.areas)
        }

        func matches(_ device: String, _ area: String) -> Bool {
            (areas.isEmpty || areas.contains(area)) && (devices.isEmpty || devices.contains(device))
                && (lists.groups.isEmpty || lists.groups.contains { $0.contains(device: device, area: area) })
        }
    }

    private var selectors: [Selector] = []
    private var placeOf: [DeviceSelectorKey: Int] = [:]
    private var classes: [[Bool]] = []
    private var classIndex: [[Bool]: Int32] = [:]
    /// By device, -1: not known yet.
    private var classOfDevice: [Int32] = []
    /// By device, as it was when its class was found out; -1: not known.
    private var areaOfDevice: [Int32] = []
    /// A device that moves may be under other rules then.
    private(set) var looksAtAreas = false

    private struct DeviceSelectorKey: Hashable {
        var areas: [String]
        var devices: [String]
        var groups: [String]

        init(_ selector: DeviceSelector) {
            areas = selector.areas
            devices = selector.devices
            groups = selector.groups.map(\.name)
        }
    }

    init() {}

    init(_ rules: [RuleDefinition]) {
        for rule in rules {
            for selector in [rule.selector] + rule.overrides.map(\.selector) where selector != .everywhere {
                let key = DeviceSelectorKey(selector)
                guard placeOf[key] == nil else { continue }
                placeOf[key] = selectors.count
                selectors.append(Selector(selector))
            }
            if Self.looksAtAreas(rule) { looksAtAreas = true }
        }
    }

    /// Whether it matters to the rule that a device moves to another area.
    static func looksAtAreas(_ rule: RuleDefinition) -> Bool {
        if case .coincidence(let it) = rule.when, it.place != .site { return true }
        return ([rule.selector] + rule.overrides.map(\.selector)).contains { selector in
            !selector.areas.isEmpty || selector.groups.contains { !$0.areas.isEmpty }
        }
    }

    /// - Returns: the class of a device, 0 where all are alike.
    mutating func classOf(_ device: Int32, id: String, area: String, areaIndex: Int32) -> Int32 {
        guard !selectors.isEmpty || looksAtAreas else { return 0 }
        let index = Int(device)
        while classOfDevice.count <= index {
            classOfDevice.append(-1)
            areaOfDevice.append(-1)
        }
        if classOfDevice[index] >= 0 { return classOfDevice[index] }
        let judged = selectors.map { $0.matches(id, area) }
        let found = classIndex[judged] ?? Int32(classes.count)
        if Int(found) == classes.count {
            classes.append(judged)
            classIndex[judged] = found
        }
        classOfDevice[index] = found
        areaOfDevice[index] = areaIndex
        return found
    }

    /// Whether it is known of another area.
    func hasMoved(_ device: Int32, to area: Int32) -> Bool {
        areaOfDevice.indices.contains(Int(device)) && areaOfDevice[Int(device)] >= 0
            && areaOfDevice[Int(device)] != area
    }

    mutating func forget(_ device: Int32) {
        classOfDevice[Int(device)] = -1
        areaOfDevice[Int(device)] = -1
    }

    /// Which form of the rule is for devices of a class: -1 as it stands, else the override; `nil`: it is not for them.
    func choice(_ rule: RuleDefinition, class its: Int32) -> Int? {
        guard matches(rule.selector, its) else { return nil }
        guard let override = rule.overrides.firstIndex(where: { matches($0.selector, its) }) else { return -1 }
        return rule.overrides[override].isEnabled ? override : nil
    }

    private func matches(_ selector: DeviceSelector, _ its: Int32) -> Bool {
        guard let place = placeOf[DeviceSelectorKey(selector)] else { return true }
        return classes.indices.contains(Int(its)) && classes[Int(its)][place]
    }
}

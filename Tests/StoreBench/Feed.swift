import FireDevices
import FireModel

/// What a fleet says, in the order of time: the same samples for every store that is measured.
///
/// Twelve devices in a row are two hydrants, two panels, four electrical monitors, two charging sheds and two smoke
/// alarms. Powered devices report once a minute, a panel one point and a shed one port at a time; of the hydrants one
/// half samples by the minute, the other reports by the hour as the smoke alarms do (load model of a gateway: a slice
/// of a province). Battery devices have whole seconds and are one off now and then; the others tell milliseconds, which
/// come up to 20 late.
struct Feed {
    struct Device {
        var name: String
        var kind: Kind
        var device: any VirtualDevice
        /// Seconds.
        var interval: Int64
        /// Milliseconds within the second at which it reports.
        var phase: Int64
        /// Series of each component it has named so far, in the order of the metrics.
        var series: [String?: [Int32]] = [:]
    }

    struct Report {
        var device: Int
        var at: Int64
        var measurement: Measurement
    }

    private(set) var devices: [Device] = []
    private var random = Randomness(seed: 11)
    /// Devices by interval and second within it.
    private var turns: [(interval: Int64, slots: [[Int]])] = []

    private static let pattern: [(kind: Kind, interval: Int64)] = [
        (.hydrant, 60), (.panel, 60), (.electrical, 60), (.charger, 60), (.smoke, 3600), (.electrical, 60),
        (.hydrant, 3600), (.panel, 60), (.electrical, 60), (.charger, 60), (.smoke, 3600), (.electrical, 60),
    ]

    /// - Parameter pace: every interval is so many times shorter, one second at least.
    init(devices count: Int, pace: Int64 = 1) {
        var slots: [Int64: [[Int]]] = [:]
        for number in 0..<count {
            let (kind, usual) = Self.pattern[number % Self.pattern.count]
            let interval = max(1, usual / pace)
            let device = Device(
                name: "\(kind.rawValue)-\(number)", kind: kind,
                device: kind.makeDevice(Randomness(seed: 7, stream: UInt64(number))), interval: interval,
                phase: Int64(random.whole(0...979)))
            devices.append(device)
            slots[interval, default: Array(repeating: [], count: Int(interval))][random.whole(0...Int(interval) - 1)]
                .append(number)
        }
        turns = slots.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Every report of one second.
    mutating func second(_ second: Int64, _ body: (Report, inout Device) throws -> Void) rethrows {
        for turn in turns {
            for index in turn.slots[Int(second % turn.interval)] {
                let at: Int64
                switch devices[index].kind {
                case .hydrant, .smoke: at = (second + (random.chance(0.1) ? 1 : 0)) * 1000
                default: at = second * 1000 + devices[index].phase + Int64(random.whole(0...20))
                }
                let measurement = devices[index].device.measure(at: Timestamp(milliseconds: at))
                try body(Report(device: index, at: at, measurement: measurement), &devices[index])
            }
        }
    }
}

extension Measurement {
    /// What is told unless a size asks for less.
    var told: ArraySlice<Entry> { values.prefix(usual) }
}

import FireDevices
import FireModel

/// Which devices there are. Every connection makes its own share from the plan; a device's behaviour depends on
/// the seed, its kind and its number alone, not on how many others there are or who sends for it.
struct FleetPlan: Sendable, Equatable {
    struct Share: Sendable, Equatable {
        var kind: Kind
        var count: Int
    }

    var area: String
    var seed: UInt64
    var shares: [Share]

    var count: Int { shares.reduce(0) { $0 + $1.count } }

    subscript(kind: Kind) -> Int { shares.first { $0.kind == kind }?.count ?? 0 }

    init(area: String, seed: UInt64, shares: [Share]) {
        self.area = area
        self.seed = seed
        self.shares = shares
    }

    /// `count` devices shared equally; the first kinds take what does not divide.
    init(area: String, seed: UInt64, count: Int, among kinds: [Kind] = Kind.allCases) {
        let (each, over) = count.quotientAndRemainder(dividingBy: kinds.count)
        self.init(
            area: area, seed: seed,
            shares: kinds.enumerated().map { Share(kind: $1, count: each + ($0 < over ? 1 : 0)) })
    }

    /// `hydrant-000007`: from 1, six digits and more where needed.
    static func name(_ kind: Kind, _ number: Int) -> String {
        let digits = String(number)
        return "\(kind.rawValue)-\(String(repeating: "0", count: max(0, 6 - digits.count)))\(digits)"
    }

    /// The devices one connection sends for, in the order in which they take turns. Shuffled, so that each
    /// connection has some of every kind and no kind comes in a block.
    func members(of connection: Int, among connections: Int) -> [Member] {
        var all = shares.flatMap { share in (0..<share.count).map { (share.kind, $0 + 1) } }
        var random = Randomness(seed: seed)
        random.shuffle(&all)
        return stride(from: connection, to: all.count, by: connections).map { position in
            let (kind, number) = all[position]
            return Member(kind: kind, number: number, area: area, seed: seed)
        }
    }
}

/// One device on the wire: its physics, its topics, its counters and its time.
struct Member: Sendable {
    let kind: Kind
    let id: String
    let telemetryTopic: String
    private let area: String
    private var device: any VirtualDevice
    private var sequences: (telemetry: UInt64, event: UInt64) = (0, 0)
    private var last = Timestamp(milliseconds: .min)

    init(kind: Kind, number: Int, area: String, seed: UInt64) {
        self.kind = kind
        self.area = area
        id = FleetPlan.name(kind, number)
        telemetryTopic = NativeEncoder.topic(area: area, kind: kind.rawValue, device: id, .telemetry)
        let kindIndex = Kind.allCases.firstIndex(of: kind) ?? 0
        device = kind.makeDevice(Randomness(seed: seed, stream: UInt64(kindIndex) << 48 | UInt64(number)))
    }

    func topic(_ stream: NativeEncoder.Stream) -> String {
        NativeEncoder.topic(area: area, kind: kind.rawValue, device: id, stream)
    }

    /// A time of its own for each message: a device that is asked twice in one millisecond takes the next.
    mutating func tick(_ now: Timestamp) -> Timestamp {
        last = max(now, last + (last.milliseconds == .min ? 0 : 1))
        return last
    }

    mutating func measure(at time: Timestamp) -> (Measurement, sequence: UInt64) {
        sequences.telemetry += 1
        return (device.measure(at: time), sequences.telemetry)
    }

    mutating func nextEventSequence() -> UInt64 {
        sequences.event += 1
        return sequences.event
    }

    mutating func catchFire(at time: Timestamp) { device.catchFire(at: time) }
}

import FireModel

/// A control room's panel as the transmission device sees it: detectors, call points and modules that say
/// nothing but "normal", a few with a measured value. Reports go round: the panel itself, then point after point.
package struct Panel: VirtualDevice {
    /// The point that reports the scripted fire, and the sounder that answers.
    package static let fireComponent = Point.detector(1).name
    package static let feedbackComponent = Point.sounder.name

    private var random: Randomness
    private var points: [Point]
    private let manual: Bool
    private var turn = 0

    package init(_ random: Randomness) {
        self.random = random
        manual = self.random.chance(0.4)
        points = (1...self.random.whole(16...48)).map { Point.detector($0) }
        points += (1...self.random.whole(2...6)).map { Point.callPoint($0) }
        points += [.sounder, .pump, .gasDetector, .tank, .riser]
    }

    package mutating func measure(at now: Timestamp) -> Measurement {
        defer { turn = (turn + 1) % (points.count + 1) }
        guard turn > 0 else {
            return Measurement(
                usual: 5,
                [
                    "mains_fault": .boolean(false),
                    "standby_fault": .boolean(false),
                    "link_fault": .boolean(false),
                    "line_fault": .boolean(false),
                    "manual_mode": .boolean(manual),
                ])
        }
        let point = points[turn - 1]
        var measurement = Measurement(
            component: point.name, usual: 6,
            [
                "fire": .boolean(false),
                "fault": .boolean(false),
                "disabled": .boolean(false),
                "supervisory": .boolean(false),
                "started": .boolean(false),
                "feedback": .boolean(false),
                "delayed": .boolean(false),
                "power_fault": .boolean(false),
            ])
        if let quantity = point.quantity {
            let value = quantity.usual + random.noise() * quantity.noise
            measurement.values.insert(.init(metric: quantity.metric, value: rounded(max(0, value), 2)), at: 0)
            measurement.usual += 1
        }
        return measurement
    }

    /// The points of the fire leave the round: their events have said what they are, and a bit beside the event
    /// would contradict it or raise the same fire twice.
    package mutating func catchFire(at now: Timestamp) {
        points.removeAll { [Self.fireComponent, Self.feedbackComponent].contains($0.name) }
        turn = 0
    }
}

/// One component: `{system type}-{system address}-{component type}-{component address}` with the codes of
/// GB/T 26875.3-2011, tables 4 and 5.
private struct Point: Sendable {
    struct Quantity: Sendable {
        var metric: String
        var usual: Double
        var noise: Double
    }
    var name: String
    var quantity: Quantity?

    static func detector(_ number: Int) -> Point { Point(name: "1-1-42-\(number)") }
    static func callPoint(_ number: Int) -> Point { Point(name: "1-1-23-\(number)") }
    static let sounder = Point(name: "1-1-121-1")
    static let pump = Point(name: "11-1-91-1")
    /// %LEL; the low alarm is at 25.
    static let gasDetector = Point(name: "1-1-11-1", quantity: Quantity(metric: "gas", usual: 1, noise: 0.3))
    /// Metres of water.
    static let tank = Point(name: "11-1-92-1", quantity: Quantity(metric: "height", usual: 3.2, noise: 0.02))
    /// MPa of the sprinkler main.
    static let riser = Point(name: "12-1-99-1", quantity: Quantity(metric: "pressure", usual: 0.42, noise: 0.004))
}

import FireModel

/// A municipal hydrant: mains pressure that sags when the town cooks and washes, water about as warm as the
/// ground, a battery that lasts for years.
package struct Hydrant: VirtualDevice {
    /// The shipped rules warn below 0.14 MPa; a healthy network keeps clear of it.
    package static let lowestPressure = 0.17

    private var random: Randomness
    private var clockwork = Clockwork()
    private let staticPressure: Double
    private let sag: Double
    private let groundTemperature: Double
    private var battery: Double
    /// Slow wandering of the network, MPa.
    private var drift = 0.0

    package init(_ random: Randomness) {
        self.random = random
        staticPressure = self.random.within(0.28...0.42)
        sag = self.random.within(0.02...0.06)
        groundTemperature = self.random.within(10...18)
        battery = self.random.within(55...100)
    }

    package mutating func measure(at now: Timestamp) -> Measurement {
        let day = DayTime(now)
        let hours = clockwork.hours(to: now)
        // Five years on one battery.
        battery = max(25, battery - hours * 100 / (5 * 8766))
        drift = drift * 0.95 + random.noise() * 0.001
        let demand = min(1, day.hump(at: 7.5, width: 1.5) + day.hump(at: 19, width: 2))
        let pressure = staticPressure - sag * demand + drift + random.noise() * 0.001
        return Measurement(
            usual: 5,
            [
                "pressure": rounded(max(Self.lowestPressure, pressure), 3),
                "temperature": rounded(groundTemperature + day.warmth * 0.8 + random.noise() * 0.05, 1),
                "battery": rounded(battery, 0),
                "tilt": .boolean(false),
                "discharge": .boolean(false),
                "flow": .number(0),
                "cover_open": .boolean(false),
                "impact": .boolean(false),
                "leak": .boolean(false),
            ])
    }
}

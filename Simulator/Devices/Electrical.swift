import FireModel
import Glibc

/// An electrical fire monitor in a distribution board: three phases loaded by the hour, cables that warm with
/// the square of the current and take their time, leakage that grows a little with the load.
package struct Electrical: VirtualDevice {
    /// Thermal time constant of a bundle of cables, hours.
    private static let thermalTime = 0.25

    private var random: Randomness
    private var clockwork = Clockwork()
    private let mains: Double
    /// Full load per phase, A.
    private let rating: Double
    private let imbalance: [Double]
    private let leakage: Double
    private let ambient: Double
    /// Kelvin above ambient at full load, per cable.
    private let fullRise: [Double]
    private var rise: [Double]
    private var energy: Double

    package init(_ random: Randomness) {
        var random = random
        mains = random.within(221...229)
        rating = random.within(40...160)
        imbalance = (0..<3).map { _ in random.within(0.75...1) }
        leakage = random.within(30...110)
        ambient = random.within(18...28)
        fullRise = (0..<8).map { _ in random.within(8...22) }
        rise = fullRise.map { $0 * 0.3 }
        energy = random.within(1000...90_000).rounded()
        self.random = random
    }

    package mutating func measure(at now: Timestamp) -> Measurement {
        let day = DayTime(now)
        let hours = clockwork.hours(to: now)
        let load = 0.12 + 0.7 * day.activity
        let currents = imbalance.map { max(0, rating * load * $0 * (1 + random.noise() * 0.03)) }
        let voltages = currents.map { mains - 4 * $0 / rating + random.noise() * 0.6 }
        let power = zip(currents, voltages).reduce(0) { $0 + $1.0 * $1.1 } * 0.92 / 1000
        energy += power * hours
        let approach = 1 - exp(-hours / Self.thermalTime)
        for cable in rise.indices { rise[cable] += (fullRise[cable] * load * load - rise[cable]) * approach }
        let surroundings = ambient + day.warmth * 3
        let temperatures = rise.map { rounded(surroundings + $0 + random.noise() * 0.15, 1) }
        return Measurement(
            usual: 12,
            [
                "residual_current": rounded(leakage + 60 * load + random.noise() * 4, 1),
                "temperature_1": temperatures[0],
                "current_a": rounded(currents[0], 2),
                "voltage_a": rounded(voltages[0], 1),
                "current_b": rounded(currents[1], 2),
                "voltage_b": rounded(voltages[1], 1),
                "current_c": rounded(currents[2], 2),
                "voltage_c": rounded(voltages[2], 1),
                "power": rounded(power, 2),
                "energy": rounded(energy, 1),
                "temperature_2": temperatures[1],
                "arc": .boolean(false),
                "temperature_3": temperatures[2],
                "temperature_4": temperatures[3],
                "temperature_5": temperatures[4],
                "temperature_6": temperatures[5],
                "temperature_7": temperatures[6],
                "temperature_8": temperatures[7],
            ])
    }
}

import FireModel
import Glibc

/// A shed of e-bike charging ports. A bike draws constant power, then tapers off; the port cuts it when it is
/// full, and somebody takes it away. Reports go round: the device itself, then port after port.
package struct Charger: VirtualDevice {
    private var random: Randomness
    private var clockwork = Clockwork()
    private let mains: Double
    private let ambient: Double
    private var ports: [Port]
    private let names: [String]
    private var turn = 0

    package init(_ random: Randomness) {
        var random = random
        mains = random.within(217...228)
        ambient = random.within(16...26)
        names = (1...random.whole(4...10)).map { "port-\($0)" }
        ports = names.map { _ in Port(&random) }
        self.random = random
    }

    package mutating func measure(at now: Timestamp) -> Measurement {
        let day = DayTime(now)
        let surroundings = ambient + day.warmth * 4
        defer { turn = (turn + 1) % (ports.count + 1) }
        guard turn > 0 else {
            let warmth = surroundings + 4 + random.noise() * 0.2
            return Measurement(usual: 2, ["temperature": rounded(warmth, 1), "smoke": .boolean(false)])
        }
        let index = turn - 1
        ports[index].advance(to: now, day, &random)
        let port = ports[index]
        let voltage = mains - port.power / 200 + random.noise() * 0.5
        return Measurement(
            component: names[index], usual: 5,
            [
                "power": rounded(port.power, 1),
                "current": rounded(port.power / voltage, 3),
                "temperature": rounded(surroundings + port.rise + random.noise() * 0.15, 1),
                "charging": .boolean(port.isCharging),
                "state": .text(port.state),
                "energy": rounded(port.energy, 3),
                "voltage": rounded(voltage, 1),
            ])
    }
}

/// One socket and the bike on it.
private struct Port: Sendable {
    enum Phase: Sendable {
        case idle
        /// `hours` since plugged in; tapers after `constant` hours.
        case charging(peak: Double, constant: Double, hours: Double)
        /// Cut off, waiting to be taken away.
        case full(hours: Double)
    }

    /// A port cuts below this, W; the duty room is warned of one that goes on below 15 W for two hours.
    private static let cutOff = 20.0
    /// Time constant of the taper, hours.
    private static let taper = 0.6

    private var clockwork = Clockwork()
    private var phase: Phase
    /// Of the session, kWh.
    private(set) var energy = 0.0
    /// Kelvin above the surroundings.
    private(set) var rise = 0.0

    init(_ random: inout Randomness) {
        // A third of the ports are busy when the run begins.
        guard random.chance(0.3) else {
            phase = .idle
            return
        }
        let session = Self.session(&random)
        let hours = random.within(0...session.constant)
        phase = .charging(peak: session.peak, constant: session.constant, hours: hours)
        energy = session.peak * hours / 1000
        rise = session.peak / 400 * 15
    }

    /// Lead-acid and lithium chargers draw 100–400 W, and are done well within eight hours (0.5 to 4.5 h at
    /// full power and at most 1.8 h of taper).
    private static func session(_ random: inout Randomness) -> (peak: Double, constant: Double) {
        (random.within(110...380), random.within(0.5...4.5))
    }

    var isCharging: Bool { if case .charging = phase { true } else { false } }

    var state: String {
        switch phase {
        case .idle: "idle"
        case .charging: "charging"
        case .full: "full"
        }
    }

    var power: Double {
        guard case .charging(let peak, let constant, let hours) = phase else { return 0 }
        return hours <= constant ? peak : peak * exp(-(hours - constant) / Self.taper)
    }

    mutating func advance(to now: Timestamp, _ day: DayTime, _ random: inout Randomness) {
        let step = clockwork.hours(to: now)
        // Minutes at a time, so that a long silence neither skips the taper nor overshoots the energy.
        var rest = step
        while rest > 0 {
            let part = min(rest, 0.05)
            advance(hours: part, day, &random)
            rest -= part
        }
    }

    private mutating func advance(hours step: Double, _ day: DayTime, _ random: inout Randomness) {
        energy += power * step / 1000
        rise += (power / 400 * 15 - rise) * (1 - exp(-step / 0.2))
        switch phase {
        case .idle:
            // People plug in when they come home.
            let arrivals = 0.05 + 0.5 * day.hump(at: 20, width: 3) + 0.2 * day.hump(at: 9, width: 1.5)
            guard random.chance(1 - exp(-arrivals * step)) else { return }
            let session = Self.session(&random)
            phase = .charging(peak: session.peak, constant: session.constant, hours: 0)
            energy = 0
        case .charging(let peak, let constant, let hours):
            phase = .charging(peak: peak, constant: constant, hours: hours + step)
            if power < Self.cutOff { phase = .full(hours: 0) }
        case .full(let hours):
            phase = hours > 0.5 && random.chance(1 - exp(-0.4 * step)) ? .idle : .full(hours: hours + step)
        }
    }
}

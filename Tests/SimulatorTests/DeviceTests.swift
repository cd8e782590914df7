import FireDevices
import FireModel
import Testing

@testable import firesense_simulator

@Suite struct DeviceTests {
    /// 2026-11-23 00:00 in China.
    private static let midnight = Timestamp(milliseconds: 1_795_363_200_000)

    private static func day(_ kind: Kind, seed: UInt64, number: Int = 7, everySeconds: Int64 = 60) -> [Measurement] {
        var member = Member(kind: kind, number: number, area: "320102", seed: seed)
        return (0..<(86_400 / everySeconds)).map { step in
            let time = member.tick(midnight + step * everySeconds * 1000)
            return member.measure(at: time).0
        }
    }

    @Test(arguments: Kind.allCases) func theSameSeedSaysTheSame(kind: Kind) {
        #expect(Self.day(kind, seed: 42) == Self.day(kind, seed: 42))
    }

    @Test(arguments: Kind.allCases) func anotherSeedOrNumberSaysSomethingElse(kind: Kind) {
        #expect(Self.day(kind, seed: 42) != Self.day(kind, seed: 43))
        #expect(Self.day(kind, seed: 42) != Self.day(kind, seed: 42, number: 8))
    }

    /// The lowest thresholds of the shipped rules; every boolean that any rule or the daemon itself alarms on.
    @Test(arguments: Kind.allCases) func aDayRaisesNothing(kind: Kind) {
        for seed in UInt64(1)...6 {
            for measurement in Self.day(kind, seed: seed) {
                for entry in measurement.values where !isQuiet(kind, entry) {
                    Issue.record("\(kind) says \(entry.metric) \(entry.value) with seed \(seed)")
                }
            }
        }
    }

    private func isQuiet(_ kind: Kind, _ entry: Measurement.Entry) -> Bool {
        switch entry.value {
        case .text(let text): return kind == .charger && ["idle", "charging", "full"].contains(text)
        case .boolean(let flag): return !flag || ["charging", "manual_mode"].contains(entry.metric)
        case .number(let number):
            switch (kind, entry.metric) {
            case (.hydrant, "pressure"): return (0.15..<0.8).contains(number)
            case (.hydrant, "flow"): return number == 0
            case (.hydrant, "temperature"): return (1..<40).contains(number)
            case (_, "battery"): return number > 20 && number <= 100
            case (.electrical, "residual_current"): return (5..<270).contains(number)
            case (.electrical, let metric) where metric.hasPrefix("temperature_"): return (0..<65).contains(number)
            case (.electrical, let metric) where metric.hasPrefix("voltage_"): return (198..<245).contains(number)
            case (.electrical, let metric) where metric.hasPrefix("current_"): return (0..<200).contains(number)
            case (.electrical, "power"): return (0..<150).contains(number)
            case (.electrical, "energy"): return (1000..<200_000).contains(number)
            case (.charger, "power"): return (0..<500).contains(number)
            case (.charger, "current"): return (0..<3).contains(number)
            case (.charger, "voltage"): return (198..<245).contains(number)
            case (.charger, "temperature"): return (0..<60).contains(number)
            case (.charger, "energy"): return (0..<3).contains(number)
            case (.panel, "gas"): return (0..<10).contains(number)
            case (.panel, "height"): return (2..<5).contains(number)
            case (.panel, "pressure"): return (0.2..<0.8).contains(number)
            case (.smoke, "temperature"): return (5..<45).contains(number)
            case (.smoke, "obscuration"): return (0..<1.5).contains(number)
            case (.smoke, "rsrp"): return (-130 ..< -50).contains(number)
            default: return false
            }
        }
    }

    @Test func hydrantSagsAtSupperTime() throws {
        let day = Self.day(.hydrant, seed: 3)
        func pressure(_ hour: Int) -> Double {
            guard case .number(let value)? = day[hour * 60].values.first?.value else { return .nan }
            return value
        }
        #expect(pressure(3) - pressure(19) > 0.015)
    }

    @Test func chargerPortsFillUpAndStop() {
        var states = Set<String>()
        var lastEnergy: [String: Double] = [:]
        for measurement in Self.day(.charger, seed: 5, everySeconds: 10) {
            guard let port = measurement.component else { continue }
            var values: [String: Value] = [:]
            for entry in measurement.values { values[entry.metric] = entry.value }
            guard case .text(let state)? = values["state"], case .number(let power)? = values["power"],
                case .number(let energy)? = values["energy"], case .boolean(let charging)? = values["charging"]
            else {
                Issue.record("a port says state, power, energy and charging")
                return
            }
            states.insert(state)
            #expect(charging == (state == "charging"))
            #expect(charging == (power > 0))
            // A session only adds; a new one begins at nothing.
            #expect(energy >= lastEnergy[port] ?? 0 || energy < 0.05)
            lastEnergy[port] = energy
        }
        #expect(states == ["idle", "charging", "full"])
    }

    @Test func burningSmokeAlarmContradictsNothing() {
        var member = Member(kind: .smoke, number: 1, area: "320102", seed: 1)
        member.catchFire(at: Self.midnight)
        let later = member.measure(at: Self.midnight + 600_000).0
        #expect(!later.values.contains { $0.metric == "smoke" })
        #expect(later.values.contains { $0.metric == "obscuration" && $0.value.isAbove(10) })
        #expect(!later.values.contains { $0.metric == "temperature" && $0.value.isAbove(59) })
    }

    @Test func pointsOfTheFireLeaveThePanelsRound() {
        var member = Member(kind: .panel, number: 1, area: "320102", seed: 1)
        func components() -> Set<String> {
            Set((0..<200).compactMap { _ in member.measure(at: Self.midnight).0.component })
        }
        #expect(components().isSuperset(of: [Panel.fireComponent, Panel.feedbackComponent]))
        member.catchFire(at: Self.midnight)
        #expect(components().isDisjoint(with: [Panel.fireComponent, Panel.feedbackComponent]))
    }
}

extension Value {
    fileprivate func isAbove(_ limit: Double) -> Bool {
        if case .number(let number) = self { number > limit } else { false }
    }
}

import FireModel

/// A standalone smoke alarm in a home: dust and kitchen haze far below its threshold, room temperature, radio
/// that comes and goes.
package struct SmokeAlarm: VirtualDevice {
    private var random: Randomness
    private var clockwork = Clockwork()
    private let room: Double
    private let dust: Double
    private let reception: Double
    private var battery: Double
    private var haze = 0.0
    private var burningSince: Timestamp?

    package init(_ random: Randomness) {
        self.random = random
        room = self.random.within(18...25)
        dust = self.random.within(0.05...0.35)
        reception = self.random.within(-110 ... -75)
        battery = self.random.within(45...100)
    }

    package mutating func measure(at now: Timestamp) -> Measurement {
        let day = DayTime(now)
        // Three years on one cell.
        battery = max(25, battery - clockwork.hours(to: now) * 100 / (3 * 8766))
        haze = max(0, haze * 0.9 + random.noise() * 0.02)
        let fire = growth(at: now)
        let obscuration = dust + haze + fire * 15
        let temperature = room + day.warmth * 2 + fire * 20 + random.noise() * 0.1
        let radio = reception + random.noise() * 3
        var measurement = Measurement(
            usual: 5,
            [
                "smoke": .boolean(false),
                "obscuration": rounded(obscuration, 2),
                "temperature": rounded(temperature, 1),
                "battery": rounded(battery, 0),
                "rsrp": rounded(radio, 0),
                "tamper": .boolean(false),
                "muted": .boolean(false),
                "test": .boolean(false),
                "fault": .boolean(false),
                "contaminated": .boolean(false),
            ])
        // The event has said that there is smoke: `false` would contradict it, `true` would be a second alarm.
        if burningSince != nil {
            measurement.values.removeFirst()
            measurement.usual -= 1
        }
        return measurement
    }

    package mutating func catchFire(at now: Timestamp) { burningSince = now }

    /// 0 to 1 within three minutes. Smoke comes long before heat: the room stays below the 60 ℃ of the
    /// temperature rule, so that the scripted event is the only alarm of this device.
    private func growth(at now: Timestamp) -> Double {
        guard let burningSince else { return 0 }
        return min(1, max(0, Double(now - burningSince) / 180_000))
    }
}

import FireMQTT

/// Pauses between attempts to connect: 1 s, 2 s, 4 s … 30 s, each a quarter more or less, so that the
/// gateways of a city do not return to a restarted broker in one moment.
struct Backoff {
    static let first = Duration.seconds(1)
    static let longest = Duration.seconds(30)
    /// A connection that lasted this long was a good one.
    static let stable = Duration.seconds(10)

    private var pause = first

    mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
        defer { pause = min(pause * 2, Self.longest) }
        return pause * Double.random(in: 0.75...1.25, using: &generator)
    }

    mutating func connectionEnded(after lifetime: Duration) {
        if lifetime >= Self.stable { pause = Self.first }
    }
}

/// Recognises that another client connects with our client id, each throwing the other out.
struct TakeoverWatch {
    /// Tries are far between then: each one throws the other client out.
    static let pause = Duration.seconds(30)
    /// MQTT 3.1.1 gives no reason; connections that live no longer than this, so many in a row, are one.
    static let brief = Duration.seconds(1)
    static let times = 3

    private var briefOnes = 0

    /// A connection that had been accepted has ended. `true`: somebody else has our client id.
    mutating func ended(_ error: MQTTError, after lifetime: Duration) -> Bool {
        if error.kind == .takenOver { return true }
        briefOnes = error.kind == .lost && lifetime <= Self.brief ? briefOnes + 1 : 0
        return briefOnes >= Self.times
    }
}

import FireMQTT

/// Pauses between attempts to connect: 1 s, 2 s, 4 s … 30 s, each up to a quarter less, so that the gateways
/// of a city do not return to a restarted broker in one moment, and none waits longer than 30 s.
struct Backoff {
    static let first = Duration.seconds(1)
    static let longest = Duration.seconds(30)
    /// A connection that lasted this long was a good one.
    static let stable = Duration.seconds(10)

    private var pause = first

    mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
        defer { pause = min(pause * 2, Self.longest) }
        return pause * Double.random(in: 0.75...1, using: &generator)
    }

    mutating func connectionEnded(after lifetime: Duration) {
        if lifetime >= Self.stable { pause = Self.first }
    }
}

/// Recognises that another client connects with our client id, each throwing the other out.
///
/// MQTT 5 has a reason for it, which mosquitto 2.0.11 does not send, and MQTT 3.1.1 has none. What remains
/// to be seen is a broker that accepts us at each attempt and closes the connection soon after.
struct TakeoverWatch {
    enum Verdict { case no, likely, certain }

    /// Tries are far between then: each one throws the other client out.
    static let pause = Duration.seconds(30)
    /// Longer than the longest pause of a second gateway, after which it throws us out.
    static let brief = Duration.seconds(45)
    static let times = 3

    private var briefOnes = 0

    /// - Parameter lifetime: of the connection; `nil` for an attempt that was not accepted.
    mutating func ended(_ error: MQTTError, after lifetime: Duration?) -> Verdict {
        if error.kind == .takenOver { return .certain }
        let isBrief = error.kind == .lost && (lifetime.map { $0 <= Self.brief } ?? false)
        briefOnes = isBrief ? briefOnes + 1 : 0
        return briefOnes >= Self.times ? .likely : .no
    }
}

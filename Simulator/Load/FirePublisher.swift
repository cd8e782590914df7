import FireDevices
import FireModel
import Foundation

/// Publishes fires at a fixed interval on a connection of its own, each of a device never heard of, since a second
/// fire of one device is an occurrence of the first and no new webhook.
struct FirePublisher: Sendable {
    var broker: BrokerAddress
    var area: String
    var count: Int
    var interval: Duration
    var warmUp: Duration
    var timeout: Duration
    var latency: FireLatency

    func run(stop: StopSignal) -> Outcome {
        var outcome = Outcome()
        // Another run must not meet the devices of this one.
        let run = String(Timestamp.now.milliseconds, radix: 36)
        let link = Link(broker, clientID: "firesense-simulator-fire-\(run)", inFlight: 1000)
        defer { link.close() }
        do {
            try link.connect()
            let start = ContinuousClock.now + warmUp
            var encoder = NativeEncoder()
            var next = 0
            var deadline = start + interval * max(0, count - 1) + timeout
            while !stop.isRaised {
                let now = ContinuousClock.now
                if next < count, start + interval * next <= now, link.isConnected {
                    let device = "smoke-\(run)-\(next + 1)"
                    encoder.event(
                        .fire, component: nil, active: true, detail: "latency \(next + 1)", at: .now, sequence: nil)
                    let topic = NativeEncoder.topic(area: area, kind: Kind.smoke.rawValue, device: device, .event)
                    latency.published(device, at: .now)
                    _ = try link.publish(topic, encoder.bytes, qos: 1, retain: false)
                    outcome.count(.smoke, readings: 1, bytes: encoder.bytes.count)
                    next += 1
                    deadline = max(deadline, now + timeout)
                }
                if next == count, latency.result.missing == 0 || now > deadline { break }
                let pause = next < count ? now.duration(to: start + interval * next) : .milliseconds(20)
                outcome.acknowledged += try link.exchange(waitingAtMost: pause).count { $0.refusal == nil }
            }
        } catch {
            outcome.failure = "\(error)"
        }
        return outcome
    }
}

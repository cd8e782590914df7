import ArgumentParser
import FireModel
import Foundation

/// `firesense-simulator fire-latency`: how long a fire takes from the device to the webhook.
struct FireLatencyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fire-latency",
        abstract: "Measures the time from publishing a fire to its webhook, under load.",
        discussion: """
            Publishes fire events, each of a smoke alarm that has never been heard of, while a fleet publishes in \
            the background, and receives the webhooks itself. The gateway needs a webhook to this program that \
            takes fire: { name: latency, url: "http://127.0.0.1:PORT/" } with PORT as in --listen-port.
            """)

    @OptionGroup var broker: BrokerOptions

    @Option(help: "Address to receive webhooks on.")
    var listenAddress = "127.0.0.1"

    @Option(help: "Port to receive webhooks on.")
    var listenPort: UInt16

    @Option(help: "Fires to publish.")
    var count = 100

    @Option(help: "Time between two fires.")
    var interval = DurationArgument(.milliseconds(100))

    @Option(help: "Messages a second that flow meanwhile; 0: none.")
    var backgroundRate = 0.0

    @Option(help: "Devices that send them.")
    var backgroundDevices = 500

    @Option(help: "Connections that carry them.")
    var backgroundConnections = 2

    @Option(help: "Bytes of each of them; about 190 is common.")
    var payloadSize: Int?

    @Option(help: "How long the background flows before the first fire.")
    var warmUp = DurationArgument(.seconds(2))

    @Option(help: "How long to wait for webhooks after the last fire.")
    var timeout = DurationArgument(.seconds(30))

    @Option(help: "The area in the topics.")
    var area = "320102"

    @Option(help: "Where the background's chance comes from.")
    var seed: UInt64 = 1

    @Flag(help: "Print the result as JSON.")
    var json = false

    @Flag(inversion: .prefixedNo, help: "Show the progress while standard error is a terminal.")
    var progress = true

    func validate() throws {
        guard (1...1_000_000).contains(count) else {
            throw ValidationError("--count is \(count), expected 1 to 1000000")
        }
        guard backgroundRate.isFinite, backgroundRate >= 0, backgroundRate <= 1000 * Double(backgroundDevices) else {
            throw ValidationError(
                "--background-rate is \(backgroundRate), expected 0 to 1000 for each of the \(backgroundDevices) devices"
            )
        }
        guard (1...1_000_000).contains(backgroundDevices), (1...256).contains(backgroundConnections),
            backgroundConnections <= backgroundDevices
        else {
            throw ValidationError(
                "--background-devices must be 1 to 1000000, and at least as many as --background-connections (1 to 256)"
            )
        }
        guard (1...(512 << 10)).contains(payloadSize ?? 1) else {
            throw ValidationError("--payload-size is \(payloadSize ?? 0), expected 1 to 524288")
        }
        guard Names.isArea(area) else {
            throw ValidationError("--area is '\(area)', expected 1 to 32 of 0-9 A-Z a-z _ -")
        }
    }

    func run() throws {
        StopSignal.catchInterrupts()
        let broker = try broker.address()
        let latency = FireLatency()
        let receiver = try WebhookReceiver(address: listenAddress, port: listenPort) { body, received in
            latency.received(body, at: received)
        }
        defer { receiver.stop() }
        let display = ProgressDisplay(isWanted: progress) {
            let result = latency.result
            return "published \(result.published) of \(count), received \(result.received)"
        }
        defer { display.end() }

        let over = StopSignal()
        let fires = FirePublisher(
            broker: broker, area: area, count: count, interval: interval.duration,
            warmUp: backgroundRate > 0 ? warmUp.duration : .zero, timeout: timeout.duration, latency: latency)
        var parties: [@Sendable () -> Outcome] = [
            {
                // The background ends with the measurement, and the measurement with the background.
                defer { over.raise() }
                return fires.run(stop: over)
            }
        ]
        if backgroundRate > 0 {
            let load = Load(
                PublishSettings(
                    broker: broker, plan: FleetPlan(area: area, seed: seed, count: backgroundDevices),
                    rate: backgroundRate, limit: .count(.max), connections: backgroundConnections, qos: 1,
                    maximumInFlight: 100, payloadSize: payloadSize, timestamps: true, announces: false, script: nil),
                ledger: nil, stop: over)
            parties.append { load.run() }
        }
        let outcomes = onThreads(parties)
        display.end()

        let report = FireLatencyReport(
            result: latency.result, background: outcomes.count > 1 ? outcomes[1] : nil, backgroundRate: backgroundRate)
        print(json ? report.json : report.text)
        if let failure = outcomes.compactMap(\.failure).first { throw Failure(failure) }
        guard report.result.missing == 0, report.result.published == count else {
            throw Failure(
                "of \(count) fires \(report.result.published) were published and \(report.result.received) came back within \(timeout.duration.firesense); does the gateway have a webhook to this port that takes fire?"
            )
        }
    }
}

struct FireLatencyReport {
    var result: FireLatency.Result
    var background: Outcome?
    var backgroundRate: Double

    private static let percentiles: [(name: String, percent: Double)] = [
        ("p50", 50), ("p90", 90), ("p99", 99), ("max", 100),
    ]

    var text: String {
        var lines = [
            "fires published \(result.published), webhooks received \(result.received), repeated \(result.repeated)"
        ]
        if let background, let elapsed = background.elapsed, elapsed > .zero {
            lines.append(
                "background \(decimal(Double(background.sent) / elapsed.seconds, 1)) messages/s of \(decimal(backgroundRate, 1)) wanted, late \(background.late)"
            )
        }
        lines.append("  publish → webhook")
        for (name, percent) in Self.percentiles {
            lines.append("  \(name)  \(result.percentile(percent).map(milliseconds) ?? "-")")
        }
        return lines.joined(separator: "\n")
    }

    var json: String {
        var json = JSONWriter()
        json.object { json in
            json.field("published", result.published)
            json.field("received", result.received)
            json.field("repeated", result.repeated)
            json.field("background_rate", backgroundRate)
            json.field("background_sent", background?.sent ?? 0)
            json.field("background_late", background?.late ?? 0)
            for (name, percent) in Self.percentiles {
                json.field("latency_ms_\(name)", result.percentile(percent).map { $0.seconds * 1000 })
            }
        }
        return json.text
    }
}

import ArgumentParser
import FireModel
import Foundation

/// `firesense-simulator run`: a fleet publishes at a fixed rate.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Publishes what a fleet of devices would, at a fixed rate.")

    @OptionGroup var broker: BrokerOptions

    @Option(help: "Devices, shared equally among the five kinds.")
    var devices = 500

    @Option(help: "Devices of each kind instead, as hydrant=10,panel=2.")
    var kinds: String?

    @Option(help: "Messages a second of the whole fleet; 0: as fast as the broker takes them.")
    var rate = 100.0

    @Option(help: "End after so many messages instead of after a time.")
    var count: Int?

    @Option(help: "How long to publish.")
    var duration = DurationArgument(.seconds(60))

    @Option(help: "Where all chance comes from.")
    var seed: UInt64 = 1

    @Option(help: "MQTT quality of service: 0, 1 or 2.")
    var qos = 1

    @Option(help: "The area in the topics.")
    var area = "320102"

    @Option(help: "Connections to the broker that share the devices (default: 2, if there are two devices).")
    var connections: Int?

    @Option(help: "Messages each connection may have unacknowledged.")
    var inFlight = 100

    @Option(help: "Bytes of each telemetry message: more or fewer known metrics, the rest in blanks.")
    var payloadSize: Int?

    @Flag(help: "Leave out ts: the gateway takes the time of receipt.")
    var noTimestamps = false

    @Flag(help: "Each device first says that it is online, retained; counted beside --count.")
    var announce = false

    @Option(help: "A smoke alarm raises a fire at this time of the run, and its panel follows.")
    var fireAt: DurationArgument?

    @Option(help: "Write what was sent, and which alarms must follow, to this file as JSON lines.")
    var ledger: String?

    @Flag(help: "Print the result as JSON.")
    var json = false

    @Flag(help: "Print nothing but errors.")
    var quiet = false

    @Flag(inversion: .prefixedNo, help: "Show the progress while standard error is a terminal.")
    var progress = true

    func validate() throws {
        let plan = try plan()
        guard (1...1_000_000).contains(plan.count) else {
            throw ValidationError("--devices is \(devices), expected 1 to 1000000")
        }
        let connections = connections ?? 1
        guard (1...256).contains(connections) else {
            throw ValidationError("--connections is \(connections), expected 1 to 256")
        }
        guard connections <= plan.count else {
            throw ValidationError("--connections is \(connections), more than there are devices (\(plan.count))")
        }
        guard rate.isFinite, (0...1_000_000).contains(rate) else {
            throw ValidationError("--rate is \(rate), expected 0 to 1000000 messages a second")
        }
        guard noTimestamps || rate <= 1000 * Double(plan.count) else {
            throw ValidationError(
                "--rate is \(rate) for \(plan.count) devices: more than one message a millisecond each, and ts would run ahead of the clock; use more --devices or --no-timestamps"
            )
        }
        guard (0...2).contains(qos) else { throw ValidationError("--qos is \(qos), expected 0, 1 or 2") }
        guard (1...60_000).contains(inFlight) else {
            throw ValidationError("--in-flight is \(inFlight), expected 1 to 60000")
        }
        guard (1...1_000_000_000_000).contains(count ?? 1) else {
            throw ValidationError("--count is \(count ?? 0), expected at least 1")
        }
        guard (1...(512 << 10)).contains(payloadSize ?? 1) else {
            throw ValidationError(
                "--payload-size is \(payloadSize ?? 0), expected 1 to 524288, the limit of the gateway")
        }
        guard Names.isArea(area) else {
            throw ValidationError("--area is '\(area)', expected 1 to 32 of 0-9 A-Z a-z _ -")
        }
        if fireAt != nil {
            guard plan[.smoke] > 0 else { throw ValidationError("--fire-at needs a smoke alarm among --kinds") }
            guard count ?? .max > 3 else {
                throw ValidationError("--count is \(count ?? 0), but the fire alone has 3 messages")
            }
        }
    }

    func run() throws {
        StopSignal.catchInterrupts()
        let plan = try plan()
        let book = try ledger.map { try Ledger(path: $0) }
        let script = fireAt.map { FireScript(at: $0.duration, in: plan) }
        let settings = PublishSettings(
            broker: try broker.address(), plan: plan, rate: rate,
            limit: count.map { .count($0 - (script?.steps.count ?? 0)) } ?? .duration(duration.duration),
            connections: connections ?? min(2, plan.count), qos: qos, maximumInFlight: inFlight,
            payloadSize: payloadSize,
            timestamps: !noTimestamps, announces: announce, script: script)
        let load = Load(settings, ledger: book)
        let display = ProgressDisplay(isWanted: progress && !quiet) { load.progressLine }
        let outcome = load.run()
        display.end()
        book?.write(.summary(sent: outcome.sent, acknowledged: outcome.acknowledged, readings: outcome.readings))
        try book?.close()
        let report = RunReport(plan: plan, outcome: outcome, elapsed: outcome.elapsed ?? .zero)
        if !quiet, outcome.sent > 0 { print(json ? report.json : report.text) }
        if let failure = outcome.failure { throw Failure(failure) }
        guard outcome.acknowledged == outcome.sent else {
            throw Failure("\(outcome.sent - outcome.acknowledged) messages were not acknowledged by the broker")
        }
    }

    private func plan() throws -> FleetPlan {
        if let kinds { return FleetPlan(area: area, seed: seed, shares: try FleetPlan.shares(from: kinds)) }
        return FleetPlan(area: area, seed: seed, count: max(0, devices))
    }
}

import FireModel
import Foundation
import Synchronization

/// All connections of a run together.
final class Load: Sendable {
    private let settings: PublishSettings
    private let ledger: Ledger?
    private let stop: StopSignal
    private let progress = Progress()

    init(_ settings: PublishSettings, ledger: Ledger?, stop: StopSignal = StopSignal()) {
        self.settings = settings
        self.ledger = ledger
        self.stop = stop
    }

    /// Blocks until the last connection is done.
    func run() -> Outcome {
        let gate = StartGate(parties: settings.connections)
        let run = String(UInt32.random(in: .min ... .max), radix: 16)
        let outcomes = onThreads(
            (0..<settings.connections).map { connection in
                { @Sendable [self] in
                    let link = Link(
                        settings.broker, clientID: "firesense-simulator-\(run)-\(connection)",
                        inFlight: settings.maximumInFlight)
                    var publisher = Publisher(
                        settings, connection: connection, link: link, ledger: ledger, progress: progress, stop: stop)
                    return publisher.run(gate: gate)
                }
            })
        var total = Outcome()
        for outcome in outcomes { total.add(outcome) }
        return total
    }

    var acknowledged: Int { progress.acknowledged.load(ordering: .relaxed) }

    var progressLine: String {
        let sent = progress.sent.load(ordering: .relaxed)
        let acknowledged = progress.acknowledged.load(ordering: .relaxed)
        return "sent \(sent), acknowledged \(acknowledged)"
    }
}

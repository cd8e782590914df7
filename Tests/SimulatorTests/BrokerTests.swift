import FireModel
import Foundation
import Testing

@testable import firesense_simulator

/// Against a real mosquitto: what was said to be sent is what a subscriber gets.
@Suite struct BrokerTests {
    private func settings(
        _ broker: Broker, count: Int, version: BrokerAddress.MQTTVersion = .v5, qos: Int = 1, rate: Double = 0
    ) -> PublishSettings {
        let plan = FleetPlan(area: "320102", seed: 1, count: 20)
        return PublishSettings(
            broker: BrokerAddress(host: "127.0.0.1", port: broker.port, version: version), plan: plan, rate: rate,
            limit: .count(count), connections: 2, qos: qos, maximumInFlight: 10, payloadSize: nil, timestamps: true,
            announces: false, script: nil)
    }

    @Test func whatTheLedgerSaysIsWhatArrives() throws {
        let broker = try Broker()
        defer { broker.stop() }
        try broker.subscribe()
        let path = broker.folder.appendingPathComponent("ledger").path
        let ledger = try Ledger(path: path)
        var settings = settings(broker, count: 197)
        settings.announces = true
        settings.script = FireScript(at: .zero, in: settings.plan)
        let outcome = Load(settings, ledger: ledger).run()
        try ledger.close()
        #expect(outcome.failure == nil)
        // 20 announcements, 197 reports, 3 events of the fire.
        #expect(outcome.sent == 220)
        #expect(outcome.acknowledged == 220)
        #expect(outcome.latency.count == 200)

        var sent: [String] = []
        var alarms: [String] = []
        for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") {
            let entry = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            if entry["type"] as? String == "message" {
                #expect(entry["acknowledged"] as? Bool == true)
                sent.append(
                    "\(entry["topic"] as? String ?? "") \(entry["ts"] as? Int64 ?? 0) \(entry["readings"] as? Int ?? 0)"
                )
            } else {
                alarms.append("\(entry["device"] as? String ?? "") \(entry["category"] as? String ?? "")")
            }
        }
        let arrived = try broker.collect(220).map { topic, payload in
            let object = try? JSONSerialization.jsonObject(with: Data(payload.utf8)) as? [String: Any]
            let readings = (object?["values"] as? [String: Any])?.count ?? 1
            return "\(topic) \(object?["ts"] as? Int64 ?? 0) \(readings)"
        }
        #expect(sent.sorted() == arrived.sorted())
        #expect(alarms == ["smoke-000001 fire", "panel-000001 fire", "panel-000001 linkage"])
    }

    @Test(arguments: [0, 1, 2]) func everyQualityOfServiceIsAcknowledged(qos: Int) throws {
        let broker = try Broker()
        defer { broker.stop() }
        for version in [BrokerAddress.MQTTVersion.v5, .v311] {
            let outcome = Load(settings(broker, count: 300, version: version, qos: qos), ledger: nil).run()
            #expect(outcome.failure == nil)
            #expect(outcome.acknowledged == 300)
        }
    }

    @Test func aPacedRunTakesItsTime() throws {
        let broker = try Broker()
        defer { broker.stop() }
        let outcome = Load(settings(broker, count: 101, rate: 200), ledger: nil).run()
        #expect(outcome.acknowledged == 101)
        // The last message is due after half a second.
        #expect(outcome.elapsed ?? .zero >= .milliseconds(500))
    }

    @Test func aRunThatIsStoppedStillAccountsForWhatItSent() throws {
        let broker = try Broker()
        defer { broker.stop() }
        let stop = StopSignal()
        let load = Load(settings(broker, count: .max, rate: 100), ledger: nil, stop: stop)
        let outcomes = onThreads([
            { @Sendable in load.run() },
            { @Sendable in
                let deadline = ContinuousClock.now + .seconds(10)
                while load.acknowledged < 5, ContinuousClock.now < deadline { usleep(1000) }
                stop.raise()
                return Outcome()
            },
        ])
        #expect(outcomes[0].sent >= 5)
        #expect(outcomes[0].acknowledged == outcomes[0].sent)
    }

    @Test func withoutABrokerTheRunFailsAtOnceAndSaysSo() throws {
        let broker = try Broker()
        defer { broker.stop() }
        var settings = settings(broker, count: 10)
        settings.broker.port = try RawClient.freePort()
        let outcome = Load(settings, ledger: nil).run()
        #expect(outcome.sent == 0)
        #expect(outcome.failure?.contains("\(settings.broker.port)") == true)
    }
}

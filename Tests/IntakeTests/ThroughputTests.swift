import FireMQTT
import Foundation
import Testing

/// Not a test but a measurement, printed; `FIRESENSE_MEASURE=1` asks for it, best with a release build.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["FIRESENSE_MEASURE"] != nil))
struct ThroughputTests {
    private static let count = 100_000
    private static let configuration =
        "max_inflight_messages 10000\nmax_queued_messages 1000000\nset_tcp_nodelay true\nlog_type error"
    /// A telemetry message of the usual length.
    private static let load =
        #"{"ts":1795458000123,"seq":42,"values":{"current_a":1.92,"current_b":1.87,"#
        + String(
            repeating: #""temperature_1":31.5,"#, count: 7) + #""arc":false}}"#

    private func publishAll(_ port: Int) async throws {
        let peer = try await Peer(port: port)
        try await peer.publish((0..<Self.count).map { ("fire/v1/a/electrical/e-\($0 % 500)/telemetry", Self.load) })
    }

    /// Takes and commits without looking, as a worker without work would.
    private func drain(_ bench: Bench) async throws -> Duration {
        let start = ContinuousClock.now
        var taken = 0
        while bench.handover.committed.load(ordering: .relaxed) < UInt64(Self.count) {
            while bench.handover.ring.withNext({ _, _ in }) != nil { taken += 1 }
            let wanted = bench.handover.wantedSequence
            if wanted > bench.handover.committed.load(ordering: .relaxed), wanted <= UInt64(taken) {
                bench.handover.commit(upTo: wanted)
            }
            bench.handover.workerWaiter.wait(until: .now + .milliseconds(100))
        }
        return ContinuousClock.now - start
    }

    private func report(_ what: String, _ time: Duration, _ bench: Bench) {
        let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
        print(
            "\(what): \(Int(Double(Self.count) / seconds)) messages/s, ring high water \(bench.handover.ring.highWater)"
        )
    }

    @Test func backlog() async throws {
        let broker = try await Broker(Self.configuration)
        let first = try Bench(.bulk, port: broker.port)
        try await first.connected()
        try await first.kill()
        try await publishAll(broker.port)
        let bench = try Bench(.bulk, port: broker.port)
        report("backlog", try await drain(bench), bench)
        bench.stop()
    }

    @Test func live() async throws {
        let broker = try await Broker(Self.configuration)
        let bench = try Bench(.bulk, port: broker.port)
        try await bench.connected()
        let port = broker.port
        let publishing = Task.detached { try await publishAll(port) }
        report("live", try await drain(bench), bench)
        try await publishing.value
        bench.stop()
    }
}

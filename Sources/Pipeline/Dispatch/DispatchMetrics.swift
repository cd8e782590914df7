import FireModel
import FireTelemetry
import Synchronization

/// Deliveries in figures, for `/api/v1/stats` and heartbeats.
public struct DeliveryFigures: Sendable, Equatable {
    /// Waiting now, in memory and in the outbox.
    public var pending: UInt64 = 0
    /// Accepted by their receivers since the start.
    public var delivered: UInt64 = 0
    /// Attempts that failed since the start, heartbeats not among them.
    public var failed: UInt64 = 0

    static func + (a: DeliveryFigures, b: DeliveryFigures) -> DeliveryFigures {
        DeliveryFigures(
            pending: a.pending + b.pending, delivered: a.delivered + b.delivered, failed: a.failed + b.failed)
    }
}

/// What all endpoints count together. The figures of single endpoints are read from their workers.
final class DispatchMetrics: Sendable {
    let delivered = Counter()
    let failed = Counter()
    /// Neither in the outbox nor in memory: the store could not be written, and memory was full.
    let lost = Counter()
    let publishToPush = Histogram()
    /// By endpoint and reason; kept when an endpoint goes, for counters only rise.
    private let failures = Mutex<[String: [Failure.Reason: UInt64]]>([:])
    private let dead = Mutex<[String: UInt64]>([:])
    private let replayed = Mutex<[String: UInt64]>([:])
    private let attempts = Mutex<[String: Histogram]>([:])

    func register(on page: MetricPage, workers: @escaping @Sendable () -> [EndpointWorker]) {
        page.collect("deliveries_pending", "Deliveries waiting, in memory and in the outbox.") {
            workers().map { ([("endpoint", $0.name)], Double($0.figures.pending)) }
        }
        page.collect(
            "delivery_oldest_pending_seconds", "Age of the oldest delivery that waits for the first time; 0: none."
        ) {
            let now = Timestamp.wallClock
            return workers().map { worker in
                ([("endpoint", worker.name)], worker.oldest.map { max(0, Double(now - $0) / 1000) } ?? 0)
            }
        }
        page.collect("deliveries_failed_total", "Attempts that failed.", type: "counter") { [self] in
            failures.withLock { all in
                all.sorted { $0.key < $1.key }.flatMap { endpoint, reasons in
                    reasons.sorted { $0.key.rawValue < $1.key.rawValue }.map { reason, count in
                        ([("endpoint", endpoint), ("reason", reason.rawValue)], Double(count))
                    }
                }
            }
        }
        page.collect("delivery_endpoint_state", "1 for the state the endpoint is in.") {
            workers().map(\.status).flatMap { status in
                EndpointStatus.State.allCases.map { state in
                    ([("endpoint", status.name), ("state", state.rawValue)], state == status.state ? 1 : 0)
                }
            }
        }
        page.collect(
            "delivery_last_success_timestamp_seconds", "When the endpoint last accepted something; absent: not yet."
        ) {
            workers().compactMap { worker in
                worker.status.lastSuccessAt.map { ([("endpoint", worker.name)], Double($0.milliseconds) / 1000) }
            }
        }
        page.collectHistograms("delivery_attempt_seconds", "How long attempts took, whatever came of them.") {
            [self] in
            attempts.withLock { all in
                all.sorted { $0.key < $1.key }.map { ([("endpoint", $0.key)], $0.value) }
            }
        }
        page.collect("deliveries_dead_total", "Deliveries given up after the whole schedule.", type: "counter") {
            [self] in
            dead.withLock { byEndpoint($0) }
        }
        page.collect("deliveries_replayed_total", "Deliveries asked for once more.", type: "counter") { [self] in
            replayed.withLock { byEndpoint($0) }
        }
        page.register("deliveries_delivered_total", "Deliveries accepted by their receivers.", [], delivered)
        page.register(
            "deliveries_lost_total", "Deliveries that could neither be stored nor kept in memory.", [], lost)
        page.register(
            "publish_to_push_seconds", "From the receipt of a message to the 2xx of the delivery it caused.", [],
            publishToPush)
    }

    private func byEndpoint(_ counts: [String: UInt64]) -> [(labels: MetricPage.Labels, value: Double)] {
        counts.sorted { $0.key < $1.key }.map { ([("endpoint", $0.key)], Double($0.value)) }
    }

    func countDead(at endpoint: String) { dead.withLock { $0[endpoint, default: 0] += 1 } }

    func countReplays(_ count: Int, at endpoint: String) {
        replayed.withLock { $0[endpoint, default: 0] += UInt64(clamping: count) }
    }

    func observe(_ took: Duration, at endpoint: String) {
        let histogram = attempts.withLock { all in
            if let known = all[endpoint] { return known }
            let new = Histogram()
            all[endpoint] = new
            return new
        }
        histogram.observe(took / .seconds(1))
    }

    func count(_ reason: Failure.Reason, at endpoint: String) {
        failed.increment()
        failures.withLock { $0[endpoint, default: [:]][reason, default: 0] += 1 }
    }
}

extension Timestamp {
    static var wallClock: Timestamp {
        let time = FireTelemetry.wallClock()
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}

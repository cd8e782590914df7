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

    func register(on page: MetricPage, workers: @escaping @Sendable () -> [EndpointWorker]) {
        page.collect("deliveries_pending", "Deliveries waiting, in memory and in the outbox.") {
            workers().map { ([("endpoint", $0.name)], Double($0.figures.pending)) }
        }
        page.collect("delivery_oldest_pending_seconds", "Age of the oldest delivery that waits; 0: none.") {
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
        page.register("deliveries_delivered_total", "Deliveries accepted by their receivers.", [], delivered)
        page.register(
            "deliveries_lost_total", "Deliveries that could neither be stored nor kept in memory.", [], lost)
        page.register(
            "publish_to_push_seconds", "From the receipt of a message to the 2xx of the delivery it caused.", [],
            publishToPush)
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

import FireModel
import FireTelemetry

/// Counts of one lane since the start.
public final class IntakeCounters: Sendable {
    /// Handed over by the broker, including what is let go.
    public let messagesReceived = Counter()
    public let bytesReceived = Counter()
    /// Acknowledged to the broker after commit.
    public let messagesAcknowledged = Counter()
    /// Seen by the bulk session under `catch_all`, and carried by the urgent one.
    public let messagesLetGo = Counter()
    /// Connections after the first.
    public let reconnects = Counter()
    /// Times the intake had to wait for room in the ring.
    public let ringFullWaits = Counter()
    /// Payloads longer than the limit, cut.
    public let payloadsCut = Counter()
    public let connected = Gauge()

    public init() {}

    public func register(on page: MetricPage, lane: Lane) {
        let labels: MetricPage.Labels = [("lane", lane.description)]
        page.register("messages_received_total", "Messages received from the broker.", labels, messagesReceived)
        page.register("message_bytes_received_total", "Bytes of topics and payloads received.", labels, bytesReceived)
        page.register(
            "messages_acknowledged_total", "Messages acknowledged to the broker after commit.", labels,
            messagesAcknowledged)
        page.register(
            "messages_let_go_total", "Messages of the urgent session that the bulk session saw as well.", labels,
            messagesLetGo)
        page.register("mqtt_reconnects_total", "Connections to the broker after the first.", labels, reconnects)
        page.register("ring_full_waits_total", "Times the intake waited for room in the ring.", labels, ringFullWaits)
        page.register("payloads_cut_total", "Payloads longer than 512 KiB, cut to that.", labels, payloadsCut)
        page.register("mqtt_connected", "Connected to the broker.", labels, connected)
    }
}

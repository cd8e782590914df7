import FireModel

/// CloudEvents 1.0 in structured JSON mode. The same event gives the same bytes on every attempt.
enum CloudEvent {
    static let contentType = "application/cloudevents+json; charset=utf-8"
    static let heartbeatType = "firesense.heartbeat"
    static let testType = "firesense.test"

    /// - Parameter snapshot: The alarm as JSON; it goes out byte for byte.
    static func body(_ delivery: Delivery, gateway: String, snapshot: String) -> [UInt8] {
        body(
            id: delivery.id, gateway: gateway, type: delivery.type, subject: delivery.device, time: delivery.time,
            data: snapshot)
    }

    static func heartbeat(id: String, gateway: String, endpoint: String, at time: Timestamp, figures: DeliveryFigures)
        -> [UInt8]
    {
        var data = JSONWriter()
        data.object {
            $0.field("gateway", gateway)
            $0.field("endpoint", endpoint)
            $0.field("time", time)
            $0.field("deliveries_pending", Int64(clamping: figures.pending))
            $0.field("deliveries_delivered", Int64(clamping: figures.delivered))
            $0.field("deliveries_failed", Int64(clamping: figures.failed))
        }
        return body(id: id, gateway: gateway, type: heartbeatType, subject: gateway, time: time, data: data.text)
    }

    static func test(id: String, gateway: String, endpoint: String, at time: Timestamp) -> [UInt8] {
        var data = JSONWriter()
        data.object {
            $0.field("gateway", gateway)
            $0.field("endpoint", endpoint)
            $0.field("time", time)
        }
        return body(id: id, gateway: gateway, type: testType, subject: gateway, time: time, data: data.text)
    }

    private static func body(
        id: String, gateway: String, type: String, subject: String, time: Timestamp, data: String
    ) -> [UInt8] {
        var json = JSONWriter()
        json.object {
            $0.field("specversion", "1.0")
            $0.field("id", id)
            $0.field("source", "/firesense/\(gateway)")
            $0.field("type", type)
            $0.field("subject", subject)
            $0.field("time", time)
            $0.field("datacontenttype", "application/json")
            $0.key("data")
            $0.verbatim(data)
        }
        return json.bytes
    }
}

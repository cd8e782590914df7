import FireModel

/// Webhook deliveries (contract 5).
func deliveryRoutes(_ gateway: Gateway) -> [Route] {
    let deliveries = gateway.deliveries
    return [
        Route(
            method: .get, path: "/api/v1/deliveries",
            summary: "Webhook deliveries with their attempts, newest first.", scope: .read,
            parameters: [Query.deliveryState] + Query.paging, answer: .json(.page(.reference("Delivery")))
        ) { call in
            let page = try await deliveries.deliveries(
                call.value(Query.deliveryState), limit: call.value(Query.limit) ?? 100, cursor: call.value(Query.cursor)
            )
            return .page(page, write)
        }
    ]
}

private func write(_ delivery: DeliverySummary, to json: inout JSONWriter) {
    json.object { json in
        json.field("id", delivery.id)
        json.field("endpoint", delivery.endpoint)
        json.field("alarm", delivery.alarm)
        json.field("type", delivery.type)
        json.field("state", delivery.state.rawValue)
        json.field("created_at", delivery.createdAt)
        json.field("next_attempt_at", delivery.nextAttemptAt)
        json.key("attempts")
        json.array { json in
            for attempt in delivery.attempts {
                json.object {
                    $0.field("at", attempt.at)
                    $0.field("status", attempt.status)
                    $0.field("error", attempt.error)
                    $0.field("answer", attempt.answer)
                    $0.field("milliseconds", attempt.milliseconds)
                }
            }
        }
    }
}

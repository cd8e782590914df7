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
            return .page(page) { $0.writeJSON(to: &$1) }
        }
    ]
}

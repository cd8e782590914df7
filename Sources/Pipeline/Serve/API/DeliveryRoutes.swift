import FireModel

/// Webhook deliveries (contract 5).
func deliveryRoutes(_ gateway: Gateway, pageBytes: Int) -> [Route] {
    let deliveries = gateway.deliveries
    return [
        Route(
            method: .get, path: "/api/v1/deliveries",
            summary: "Webhook deliveries with their attempts, newest first. \(shorter)", scope: .read,
            parameters: [Query.deliveryState] + Query.paging, answer: .json(.page(.reference("Delivery"))),
            weight: .list
        ) { call in
            let state = try call.value(Query.deliveryState)
            return try await call.listing(bytes: pageBytes, step: 20) { limit, cursor in
                try await deliveries.deliveries(state, limit: limit, cursor: cursor)
            } _: {
                $0.writeJSON(to: &$1)
            }
        }
    ]
}

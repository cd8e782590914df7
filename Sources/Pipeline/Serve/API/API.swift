import FireModel
import Hummingbird

/// The whole interface: every route, in the order of the contract. A new endpoint is a file beside this
/// one and a line here.
func apiRoutes(_ gateway: Gateway, limits: ServeLimits) -> [Route] {
    var routes =
        statusRoutes(gateway)
        + deviceRoutes(gateway, pageBytes: limits.page)
        + readingRoutes(gateway, latestBytes: limits.latestPage)
        + importRoutes(gateway)
        + alarmRoutes(gateway, pageBytes: limits.page)
        + ruleRoutes(gateway)
        + silenceRoutes(gateway, pageBytes: limits.page)
        + drillRoutes(gateway, pageBytes: limits.page)
        + deliveryRoutes(gateway, pageBytes: limits.page)
        + webhookRoutes(gateway)
        + quarantineRoutes(gateway, pageBytes: limits.quarantinePage)
        + backupRoutes(gateway)
        + consoleRoutes()
    routes.append(openAPIRoute { _ in .text("", type: "") })
    let description = OpenAPI.describe(routes)
    routes[routes.count - 1] = openAPIRoute { _ in .text(description, type: "application/json; charset=utf-8") }
    return routes
}

private func openAPIRoute(_ handle: @escaping @Sendable (Call) async throws -> Answer) -> Route {
    Route(
        method: .get, path: "/openapi.json", summary: "This description, OpenAPI 3.1.", scope: nil,
        answer: .text(["application/json"], "OpenAPI 3.1."), handle: handle)
}

import FireModel
import Hummingbird

/// How the endpoints do, and what an operator does about it (contract 1 and 7).
func webhookRoutes(_ gateway: Gateway) -> [Route] {
    let desk = gateway.endpoints
    return [
        Route(
            method: .get, path: "/api/v1/webhooks",
            summary: "The endpoints by name: how each does and what waits for it.", scope: .read,
            parameters: Query.paging, answer: .json(.page(.reference("Webhook"))), weight: .list
        ) { call in
            let all = await desk.endpoints().sorted { $0.name < $1.name }
            let cursor = try call.value(Query.cursor)
            let rest = all.filter { endpoint in cursor.map { endpoint.name > $0 } ?? true }
            let page = rest.prefix(try call.value(Query.limit) ?? 100)
            return .page(Page(items: Array(page), next: page.count < rest.count ? page.last?.name : nil)) {
                $0.writeJSON(to: &$1)
            }
        },
        Route(
            method: .post, path: "/api/v1/webhooks/{id}/enable",
            summary: "Makes everything that waits for it due at once, also after a 410.", scope: .operate,
            id: "The endpoint's name.", body: [], answer: .json(.reference("Webhook")),
            refusals: [404: "No such endpoint."]
        ) { call in
            guard let status = await desk.enable(call.id) else { throw await unknown(call.id, desk) }
            return .json { status.writeJSON(to: &$0) }
        },
        Route(
            method: .post, path: "/api/v1/webhooks/{id}/test",
            summary: "Sends a test event, signed like any other, at once and beside what waits; answers with what "
                + "came back, also when that is a refusal. Nothing is written down or tried again.", scope: .operate,
            id: "The endpoint's name.", body: [], answer: .json(.reference("WebhookTest")),
            refusals: [404: "No such endpoint."]
        ) { call in
            guard let test = await desk.test(call.id) else { throw await unknown(call.id, desk) }
            return .json { test.writeJSON(to: &$0) }
        },
    ]
}

private func unknown(_ name: String, _ desk: any EndpointDesk) async -> Problem {
    Problem(.notFound, unknownEndpoint(name, await desk.endpoints().map(\.name)))
}

/// Names those there are, and which may have been meant.
func unknownEndpoint(_ name: String, _ known: [String]) -> String {
    let came = "There is no endpoint \(Problem.quoted(name))"
    guard !known.isEmpty else { return "\(came); none is configured." }
    let near = known.map { (name: $0, away: editDistance(name.lowercased(), $0.lowercased())) }
        .filter { $0.away <= max(1, name.utf8.count / 2) }.min { $0.away < $1.away }
    return "\(came); known are: \(known.sorted().joined(separator: ", "))."
        + (near.map { " Did you mean \($0.name)?" } ?? "")
}

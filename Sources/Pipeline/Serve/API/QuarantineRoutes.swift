import FireModel
import Foundation
import Hummingbird

/// Payloads that could not be read (contract 5).
func quarantineRoutes(_ gateway: Gateway, pageBytes: Int) -> [Route] {
    let quarantine = gateway.quarantine
    return [
        Route(
            method: .get, path: "/api/v1/quarantine",
            summary: "Payloads that could not be read, newest first. A page of large ones is shorter than `limit`.",
            scope: .read, parameters: Query.paging, answer: .json(.page(.reference("QuarantineItem"))), weight: .heavy
        ) { call in
            let page = try await quarantine.quarantine(
                limit: call.value(Query.limit) ?? 100, byteLimit: pageBytes, cursor: call.value(Query.cursor))
            return .page(page, write)
        },
        Route(
            method: .post, path: "/api/v1/quarantine/{id}/retry",
            summary: "Reads a payload again, with its original receipt time.", scope: .operate,
            id: "The item's id.", body: [], answer: .json(.reference("RetryOutcome")),
            refusals: [404: "No such item.", 422: "It still cannot be read.", 503: "The store cannot be written."]
        ) { call in
            let unknown = Problem(.notFound, "There is no payload \(Problem.quoted(call.id)) in the quarantine.")
            guard let id = wholeNumber(call.id) else { throw unknown }
            switch try await quarantine.retry(id) {
            case .accepted(let readings):
                return .json { json in
                    json.object {
                        $0.field("id", id)
                        $0.field("readings", readings)
                    }
                }
            case .stillUnreadable(let reason): throw Problem(.unprocessableContent, .stillUnreadable, reason)
            case .unknown: throw unknown
            }
        },
    ]
}

private func write(_ item: QuarantineItem, to json: inout JSONWriter) {
    item.writeJSON(to: &json) { Data($0).base64EncodedString() }
}

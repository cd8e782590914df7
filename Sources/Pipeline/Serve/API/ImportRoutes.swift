import FireModel
import Hummingbird

/// Readings of the past, from another gateway or another program.
func importRoutes(_ gateway: Gateway) -> [Route] {
    let imports = gateway.imports
    return [
        Route(
            method: .post, path: "/api/v1/readings/import",
            summary:
                "Stores readings of the past. They are history only: no rule sees them, and no device counts as seen. "
                + "What was stored before is counted and stays. What an import that was broken off has stored stays, "
                + "and it can be sent again.",
            scope: .admin,
            parameters: [Query.format, Query.precision, Query.keepGoing, Query.dryRun],
            upload: (
                ["text/csv", "text/plain"],
                "As `/api/v1/export` gives it, of any length. CSV: columns in any order by the names of its header, of "
                    + "which `component` may be absent, and `area` and `kind` where every device is known. Or InfluxDB "
                    + "line protocol with tags `area`, `device`, `component`; the measurement is the kind."
            ),
            answer: .json(.reference("ImportSummary")),
            refusals: [
                422: "It ended at the first refusal; what came before it is stored.",
                503: "The store cannot be written, there is no room, or another import is running.",
            ], shapes: [422: .reference("ImportSummary")]
        ) { call in
            var options = ImportOptions(try call.value(required: Query.format))
            options.precision = try call.value(Query.precision)
            options.keepsGoing = try call.value(Query.keepGoing) ?? false
            options.isDryRun = try call.value(Query.dryRun) ?? false
            let upload = call.upload
            let summary = try await imports.take(options) { try await upload?.next() }
            return .json(status: summary.complete ? .ok : .unprocessableContent) { summary.writeJSON(to: &$0) }
        }
    ]
}

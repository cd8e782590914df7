import FireModel
import Hummingbird

/// Stored readings: one series as points, and everything as lines (contract 5 and 1).
func readingRoutes(_ gateway: Gateway) -> [Route] {
    let readings = gateway.readings
    return [
        Route(
            method: .get, path: "/api/v1/readings",
            summary: "The points of one series, oldest first: raw, or summed up per `step`.", scope: .read,
            parameters: [
                Query.device.required, Query.component, Query.metric.required, Query.from, Query.to, Query.step,
                Query.function,
            ],
            answer: .json(.reference("Readings")), refusals: [404: "No such device, component or metric."],
            weight: .heavy
        ) { call in
            let query = try question(call)
            guard let found = try await readings.readings(query) else {
                throw Problem(
                    .notFound,
                    "Device \(Problem.quoted(query.device))"
                        + (query.component.map { ", component \(Problem.quoted($0))" } ?? "")
                        + " has no metric \(Problem.quoted(query.metric)).")
            }
            return points(found.points, unit: found.unit)
        },
        Route(
            method: .get, path: "/api/v1/export",
            summary: "Every stored raw reading, streamed. An answer that breaks off is not complete.", scope: .read,
            parameters: [Query.format, Query.from, Query.to, Query.device, Query.kind],
            answer: .text(
                ["text/csv", "text/plain"],
                "CSV with the header `ts,area,kind,device,component,metric,value`, or as `text/plain` InfluxDB line "
                    + "protocol; times in milliseconds."),
            weight: .heavy
        ) { call in
            let format = try call.value(required: Query.format)
            var filter = ExportFilter()
            filter.range = try call.range()
            filter.device = try call.value(Query.device)
            filter.kind = try call.value(Query.kind)
            let type = format == .csv ? "text/csv; charset=utf-8" : "text/plain; charset=utf-8"
            return Answer(
                type: type,
                content: .stream { [filter] writer in
                    try await writer.append(Array(format.header.utf8))
                    try await readings.export(filter) { batch in
                        var lines: [UInt8] = []
                        for reading in batch { reading.write(format, to: &lines) }
                        try await writer.append(lines)
                    }
                })
        },
    ]
}

/// Points of one answer. One more is asked for, to know whether there are more.
private let mostPoints = 100_000

private func question(_ call: Call) throws(Problem) -> ReadingQuery {
    var query = ReadingQuery(
        device: try call.value(required: Query.device), component: try call.value(Query.component),
        metric: try call.value(required: Query.metric))
    query.range = try call.range()
    query.step = try call.value(Query.step)
    query.limit = mostPoints + 1
    if let function = try call.value(Query.function) {
        guard query.step != nil else {
            throw Problem(
                .badRequest, .invalidParameter,
                "Parameter 'fn' needs a 'step', like step=5m; without one points are raw.")
        }
        query.function = function
    }
    return query
}

private func points(_ points: [Point], unit: String?) -> Answer {
    .json { json in
        json.object { json in
            json.field("unit", unit)
            json.key("points")
            json.array { json in
                for point in points.prefix(mostPoints) {
                    json.array {
                        $0.int(point.at.milliseconds)
                        $0.value(point.value)
                    }
                }
            }
            json.field("next", points.count > mostPoints ? points[mostPoints].at.milliseconds : nil)
        }
    }
}

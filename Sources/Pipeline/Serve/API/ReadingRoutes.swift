import FireModel
import Hummingbird

/// Stored readings: points of one series or of many, newest values, and everything as lines (contract 5 and 1).
func readingRoutes(_ gateway: Gateway, latestBytes: Int) -> [Route] {
    let readings = gateway.readings
    let filters: [any QueryParameter] = [Query.devices, Query.component, Query.kind, Query.area]
    return [
        Route(
            method: .get, path: "/api/v1/readings",
            summary: "Points, oldest first: raw, or summed up per `step`. Of one series, when nothing but one `device` "
                + "says which: an object. Otherwise of many, in the order in which they were first heard of, or "
                + "grouped `by` device, area (by name) or kind (by name): a page, which is shorter than `limit` where "
                + "it would hold more than 100000 points.",
            scope: .read,
            parameters: filters + [
                Query.metric.required, Query.from, Query.to, Query.step, Query.function, Query.grouping,
            ] + Query.paging,
            answer: .json(.either(.reference("Readings"), .page(.reference("SeriesPoints")))),
            refusals: [404: "No such device, component or metric."], weight: .heavy
        ) { call in
            if let query = try oneSeries(call) {
                guard let found = try await readings.readings(query) else {
                    throw Problem(
                        .notFound,
                        "Device \(Problem.quoted(query.device))"
                            + (query.component.map { ", component \(Problem.quoted($0))" } ?? "")
                            + " has no metric \(Problem.quoted(query.metric)).")
                }
                return points(found.points, unit: found.unit)
            }
            return .page(try await readings.series(try manySeries(call))) { $0.writeJSON(to: &$1) }
        },
        Route(
            method: .get, path: "/api/v1/readings/latest",
            summary: "The newest value of each series, in the order in which they were first heard of. \(shorter)",
            scope: .read, parameters: filters + [Query.metric, Query.latestLimit, Query.cursor],
            answer: .json(.page(.reference("LatestReading"))), weight: .heavy
        ) { call in
            let filter = try filter(call)
            return try await call.listing(bytes: latestBytes, step: 2000, limit: Query.latestLimit) { limit, cursor in
                try await readings.latest(filter, limit: limit, cursor: cursor)
            } _: {
                $0.writeJSON(to: &$1)
            }
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

/// `nil`: the question is about many.
private func oneSeries(_ call: Call) throws(Problem) -> ReadingQuery? {
    let ofMany: [any QueryParameter] = [Query.kind, Query.area, Query.grouping, Query.limit, Query.cursor]
    guard let devices = try call.value(Query.devices), devices.count == 1,
        !ofMany.contains(where: { call.query[$0.name] != nil })
    else { return nil }
    var query = ReadingQuery(
        device: devices[0], component: try call.value(Query.component).flatMap { $0.isEmpty ? nil : $0 },
        metric: try call.value(required: Query.metric))
    query.range = try call.range()
    query.limit = mostPoints + 1
    (query.step, query.function) = try steps(call)
    return query
}

private func manySeries(_ call: Call) throws -> SeriesQuery {
    var filter = try filter(call)
    filter.metric = try call.value(required: Query.metric)
    var query = SeriesQuery(filter)
    query.range = try call.range()
    (query.step, query.function) = try steps(call)
    query.grouping = try call.value(Query.grouping)
    if let grouping = query.grouping, grouping != .device, query.step == nil {
        throw Problem(
            .badRequest, .invalidParameter,
            "Parameter 'by' with \(grouping.rawValue) needs a 'step', like step=1h; raw points are only of devices.")
    }
    query.limit = try call.value(Query.limit) ?? query.limit
    query.pointLimit = mostPoints
    query.cursor = try call.value(Query.cursor)
    return query
}

private func filter(_ call: Call) throws(Problem) -> SeriesFilter {
    var filter = SeriesFilter()
    filter.metric = try call.value(Query.metric)
    filter.devices = try call.value(Query.devices) ?? []
    filter.component = try call.value(Query.component)
    filter.kind = try call.value(Query.kind)
    filter.area = try call.value(Query.area)
    return filter
}

private func steps(_ call: Call) throws(Problem) -> (Duration?, ReadingQuery.Function) {
    let step = try call.value(Query.step)
    let function = try call.value(Query.function)
    if function != nil, step == nil {
        throw Problem(
            .badRequest, .invalidParameter,
            "Parameter 'fn' needs a 'step', like step=5m; without one points are raw.")
    }
    return (step, function ?? .avg)
}

private func points(_ points: [Point], unit: String?) -> Answer {
    .json { json in
        json.object { json in
            json.field("unit", unit)
            json.key("points")
            Array(points.prefix(mostPoints)).writeJSON(to: &json)
            json.field("next", points.count > mostPoints ? points[mostPoints].at.milliseconds : nil)
        }
    }
}

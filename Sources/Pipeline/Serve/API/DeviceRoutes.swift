import FireModel
import Hummingbird

/// The catalogue and the devices heard from (contract 5).
func deviceRoutes(_ gateway: Gateway, pageBytes: Int) -> [Route] {
    let devices = gateway.devices
    let status = gateway.status
    return [
        Route(
            method: .get, path: "/api/v1/kinds", summary: "The kinds of devices this gateway understands.",
            scope: .read,
            parameters: Query.paging, answer: .json(.page(.reference("Kind")))
        ) { call in
            let kinds = await status.catalogue().kinds
            let start = try call.value(Query.cursor).map(position) ?? 0
            let limit = try call.value(Query.limit) ?? 100
            let items = Array(kinds.dropFirst(start).prefix(limit))
            let next = start + items.count < kinds.count ? String(start + items.count) : nil
            return .page(Page(items: items, next: next), write)
        },
        Route(
            method: .get, path: "/api/v1/devices",
            summary: "Devices, ordered by id, with their latest values. \(shorter)", scope: .read,
            parameters: [Query.kind, Query.area, Query.deviceState] + Query.paging,
            answer: .json(.page(.reference("Device"))), weight: .list
        ) { call in
            var filter = DeviceFilter()
            filter.kind = try call.value(Query.kind)
            filter.area = try call.value(Query.area)
            filter.state = try call.value(Query.deviceState)
            let catalogue = await status.catalogue()
            return try await call.listing(bytes: pageBytes, step: 20) { [filter] limit, cursor in
                try await devices.devices(filter, limit: limit, cursor: cursor)
            } _: {
                write($0, catalogue, to: &$1)
            }
        },
        Route(
            method: .get, path: "/api/v1/devices/{id}", summary: "One device.", scope: .read, id: "The device's id.",
            answer: .json(.reference("Device")), refusals: [404: "No such device."]
        ) { call in
            guard let device = try await devices.device(call.id) else {
                throw Problem(.notFound, "No device \(Problem.quoted(call.id)) has been heard from.")
            }
            let catalogue = await status.catalogue()
            return .json { write(device, catalogue, to: &$0) }
        },
    ]
}

/// For the description.
let shorter = "A page of large ones is shorter than `limit`."

private func position(_ cursor: String) throws(InvalidCursor) -> Int {
    guard let position = wholeNumber(cursor) else { throw InvalidCursor() }
    return Int(position)
}

private func write(_ kind: DeviceKind, to json: inout JSONWriter) {
    json.object { json in
        json.field("name", kind.name)
        json.field("title", kind.title)
        json.field("urgent", kind.urgent)
        json.field("expected_interval", kind.expectedInterval.firesense)
        json.key("metrics")
        json.array { json in
            for metric in kind.metrics {
                json.object { json in
                    json.field("name", metric.name)
                    json.field("type", metric.type.rawValue)
                    json.field("unit", metric.unit)
                    json.key("plausible")
                    if let plausible = metric.plausible {
                        json.array {
                            $0.number(plausible.lowerBound)
                            $0.number(plausible.upperBound)
                        }
                    } else {
                        json.string(nil)
                    }
                    json.field("title", metric.title)
                }
            }
        }
    }
}

private func write(_ summary: DeviceSummary, _ catalogue: Catalogue, to json: inout JSONWriter) {
    let kind = catalogue[summary.device.kind]
    json.object { json in
        var device = JSONWriter()
        summary.device.writeJSON(to: &device)
        json.members(of: device.text)
        json.field("first_seen", summary.firstSeen)
        json.field("last_seen", summary.lastSeen)
        json.field("online", summary.online)
        json.key("latest")
        json.array { json in
            for latest in summary.latest {
                json.object {
                    $0.field("component", latest.component)
                    $0.field("metric", latest.metric)
                    $0.field("value", latest.value)
                    $0.field("unit", kind?[metric: latest.metric]?.unit)
                    $0.field("at", latest.at)
                    $0.field("quality", latest.quality.words)
                }
            }
        }
    }
}

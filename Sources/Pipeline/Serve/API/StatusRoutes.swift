import FireModel
import Hummingbird

/// How the gateway is (contract 5). The description of the interface itself is added by `API`.
func statusRoutes(_ gateway: Gateway) -> [Route] {
    let status = gateway.status
    let metrics = gateway.metrics
    return [
        Route(
            method: .get, path: "/healthz", summary: "200 while the process works.", scope: nil,
            answer: .json(.object(["healthy": .boolean]))
        ) { _ in .json { json in json.object { $0.field("healthy", true) } } },
        Route(
            method: .get, path: "/readyz", summary: "Whether the gateway is connected to the broker and able to store.",
            scope: nil, answer: .json(.object(["ready": .boolean]).adding(optional: warnings)),
            refusals: [503: "Not ready, and why."],
            shapes: [503: .object(["ready": .boolean, "reasons": .array(.string)]).adding(optional: warnings)]
        ) { _ in
            let readiness = await status.readiness()
            return .json(status: readiness.isReady ? .ok : .serviceUnavailable) { json in
                json.object {
                    $0.field("ready", readiness.isReady)
                    if !readiness.isReady { $0.field("reasons", readiness.reasons) }
                    if !readiness.warnings.isEmpty { $0.field("warnings", readiness.warnings) }
                }
            }
        },
        Route(
            method: .get, path: "/metrics", summary: "Prometheus text exposition format.", scope: .read,
            answer: .text(["text/plain"], "Metrics with the prefix `firesense_`.")
        ) { _ in .text(metrics.render(), type: "text/plain; version=0.0.4; charset=utf-8") },
        Route(
            method: .get, path: "/api/v1/stats", summary: "Counters since start, and the state now.", scope: .read,
            answer: .json(.reference("Stats"))
        ) { _ in
            let stats = try await status.stats()
            return .json { write(stats, to: &$0) }
        },
    ]
}

private let warnings: KeyValuePairs<String, Schema> = [
    "warnings": .array(.string).saying("What an operator must know although the gateway works; absent: nothing.")
]

private func write(_ stats: Stats, to json: inout JSONWriter) {
    json.object { json in
        for (name, count) in stats.counters { json.field(name, Int64(clamping: count)) }
        json.key("ring")
        json.object { json in
            for lane in Lane.allCases {
                let ring = stats.ring[lane] ?? Stats.RingFigures()
                json.key(lane.description)
                json.object {
                    $0.field("capacity", ring.capacity)
                    $0.field("depth", ring.depth)
                    $0.field("high_water", ring.highWater)
                }
            }
        }
        json.key("store")
        json.object {
            $0.field("bytes", stats.store.bytes)
            $0.field("series", stats.store.series)
            $0.field("readings", stats.store.readings)
        }
    }
}

extension Stats {
    /// In the order and with the names of the contract.
    var counters: KeyValuePairs<String, UInt64> {
        [
            "messages_received": messagesReceived, "messages_acknowledged": messagesAcknowledged,
            "messages_duplicate": messagesDuplicate, "messages_quarantined": messagesQuarantined,
            "readings_stored": readingsStored, "readings_duplicate": readingsDuplicate,
            "readings_conflicting": readingsConflicting, "alarms_raised": alarmsRaised,
            "alarms_cleared": alarmsCleared, "deliveries_pending": deliveriesPending,
            "deliveries_delivered": deliveriesDelivered, "deliveries_failed": deliveriesFailed,
        ]
    }
}

// The objects of the interface (contract 5), in one place for the API and the command line.

extension DeliverySummary {
    public func writeJSON(to json: inout JSONWriter) {
        json.object { json in writeMembers(to: &json) }
    }

    fileprivate func writeMembers(to json: inout JSONWriter) {
        json.field("id", id)
        json.field("endpoint", endpoint)
        json.field("alarm", alarm)
        json.field("type", type)
        json.field("state", state.rawValue)
        json.field("created_at", createdAt)
        json.field("replayed_at", replayedAt)
        json.field("next_attempt_at", nextAttemptAt)
        json.field("attempt_count", attemptCount)
        json.key("attempts")
        json.array { json in
            for attempt in attempts {
                json.object {
                    $0.field("at", attempt.at)
                    $0.field("status", attempt.status)
                    $0.field("error", attempt.error)
                    $0.field("answer", attempt.answer)
                    $0.field("milliseconds", attempt.milliseconds)
                }
            }
        }
    }
}

extension DeliveryRecord {
    public func writeJSON(to json: inout JSONWriter) {
        json.object { json in
            summary.writeMembers(to: &json)
            json.field("revision", revision)
            json.field("device", device)
            json.field("time", time)
            json.key("data")
            if let snapshot { json.verbatim(snapshot) } else { json.string(nil) }
        }
    }
}

extension ReplayOutcome {
    public func writeJSON(to json: inout JSONWriter) {
        json.object { json in for (name, count) in counts { json.field(name, count) } }
    }
}

extension EndpointStatus {
    public func writeJSON(to json: inout JSONWriter) {
        json.object { json in
            json.field("name", name)
            json.field("address", address)
            json.field("format", format.rawValue)
            json.field("channel", channel)
            json.field("takes_fire", takesFire)
            json.field("state", state.rawValue)
            json.field("pending", Int64(clamping: pending))
            json.field("oldest_pending_at", oldestPendingAt)
            json.field("last_success_at", lastSuccessAt)
            json.key("last_attempt")
            if let lastAttempt {
                json.object {
                    $0.field("at", lastAttempt.at)
                    $0.field("status", lastAttempt.status)
                    $0.field("error", lastAttempt.error)
                    $0.field("milliseconds", lastAttempt.milliseconds)
                }
            } else {
                json.string(nil)
            }
            json.field("heartbeat", heartbeat == .zero ? nil : heartbeat.firesense)
        }
    }
}

extension EndpointTest {
    public func writeJSON(to json: inout JSONWriter) {
        json.object { json in
            json.field("endpoint", endpoint)
            json.field("address", address)
            json.field("accepted", isAccepted)
            json.field("signed", isSigned)
            json.field("status", status)
            json.field("reason", reason)
            json.field("error", error)
            json.field("answer", answer)
            json.field("milliseconds", milliseconds)
        }
    }
}

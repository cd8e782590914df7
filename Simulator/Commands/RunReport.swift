import FireModel
import Foundation

/// What a run came to, for people and for scripts.
struct RunReport {
    var plan: FleetPlan
    var outcome: Outcome
    /// From the first message due to the last acknowledgement.
    var elapsed: Duration

    /// Without the announcements, which are made before the clock runs.
    private var rate: Double { elapsed > .zero ? Double(outcome.sent - outcome.statuses) / elapsed.seconds : 0 }
    private var readingRate: Double {
        elapsed > .zero ? Double(outcome.readings - outcome.statuses) / elapsed.seconds : 0
    }

    var text: String {
        var lines = [
            "sent \(outcome.sent), acknowledged \(outcome.acknowledged) in \(decimal(elapsed.seconds, 2)) s: "
                + "\(decimal(rate, 1)) messages/s, \(decimal(readingRate, 1)) readings/s"
        ]
        lines.append("  kind           devices    messages    readings  bytes each")
        for share in plan.shares {
            let tally = outcome.tallies[share.kind] ?? Outcome.Tally()
            lines.append(
                "  " + share.kind.rawValue.padding(toLength: 11, withPad: " ", startingAt: 0)
                    + columns([share.count, tally.messages, tally.readings, tally.bytes / max(1, tally.messages)]))
        }
        if outcome.statuses > 0 { lines.append("  online     " + columns([plan.count, outcome.statuses])) }
        lines.append(
            "acknowledged by the broker, from when due: p50 \(milliseconds(outcome.latency.percentile(50))), "
                + "p99 \(milliseconds(outcome.latency.percentile(99))), max \(milliseconds(outcome.latency.maximum))")
        if outcome.late > 0 {
            lines.append(
                "late by more than \(milliseconds(Publisher.lateAfter)): \(outcome.late), at worst \(milliseconds(outcome.worstLateness))"
            )
        }
        if outcome.refused > 0 { lines.append("refused by the broker: \(outcome.refused)") }
        if outcome.reconnects > 0 { lines.append("connections lost and made again: \(outcome.reconnects)") }
        if outcome.lead > 1000 {
            lines.append(
                "ts ran up to \(outcome.lead) ms ahead of the clock to be unique: use more --devices for this rate")
        }
        for fire in outcome.firesSent { lines.append("\(fire.device) sent event \(fire.event) at \(fire.at)") }
        return lines.joined(separator: "\n")
    }

    var json: String {
        var json = JSONWriter()
        json.object { json in
            json.field("sent", outcome.sent)
            json.field("acknowledged", outcome.acknowledged)
            json.field("refused", outcome.refused)
            json.field("readings", outcome.readings)
            json.field("statuses", outcome.statuses)
            json.field("seconds", elapsed.seconds)
            json.field("messages_per_second", rate)
            json.key("kinds")
            json.object { json in
                for share in plan.shares {
                    let tally = outcome.tallies[share.kind] ?? Outcome.Tally()
                    json.key(share.kind.rawValue)
                    json.object { json in
                        json.field("devices", share.count)
                        json.field("messages", tally.messages)
                        json.field("readings", tally.readings)
                        json.field("bytes", tally.bytes)
                    }
                }
            }
            json.field("acknowledge_ms_p50", outcome.latency.percentile(50).seconds * 1000)
            json.field("acknowledge_ms_p99", outcome.latency.percentile(99).seconds * 1000)
            json.field("acknowledge_ms_max", outcome.latency.maximum.seconds * 1000)
            json.field("late", outcome.late)
            json.field("late_ms_max", max(0, outcome.worstLateness.seconds * 1000))
            json.field("reconnects", outcome.reconnects)
            json.field("timestamp_lead_ms", outcome.lead)
            json.key("events")
            json.array { json in
                for fire in outcome.firesSent {
                    json.object { json in
                        json.field("device", fire.device)
                        json.field("event", fire.event)
                        json.field("at", fire.at)
                    }
                }
            }
            json.field("failure", outcome.failure)
        }
        return json.text
    }

    private func columns(_ numbers: [Int]) -> String {
        numbers.map { String(repeating: " ", count: max(1, 12 - String($0).count)) + String($0) }.joined()
    }
}

func milliseconds(_ duration: Duration) -> String { "\(decimal(duration.seconds * 1000, 2)) ms" }

func decimal(_ number: Double, _ places: Int) -> String { String(format: "%.\(places)f", number) }

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

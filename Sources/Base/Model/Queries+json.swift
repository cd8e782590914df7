// The objects of the interface (contract 5), in one place for the API and the command line.

extension AlarmHistoryItem {
    public func writeJSON(to json: inout JSONWriter) {
        json.object {
            $0.field("change", kind.rawValue)
            $0.field("revision", revision)
            $0.field("at", at)
            $0.field("cause", cause)
            $0.key("alarm")
            $0.verbatim(snapshot)
        }
    }
}

extension QuarantineItem {
    /// - Parameter base64: encodes the payload; this module knows no Foundation.
    public func writeJSON(to json: inout JSONWriter, base64: ([UInt8]) -> String) {
        json.object {
            $0.field("id", id)
            $0.field("topic", topic)
            $0.field("received_at", receivedAt)
            $0.field("reason", reason)
            $0.field("lane", lane.description)
            $0.field("published_length", publishedLength)
            $0.field("payload_base64", base64(payload))
        }
    }
}

extension [Point] {
    /// `[[ms,value],…]`
    public func writeJSON(to json: inout JSONWriter) {
        json.array { json in
            for point in self {
                json.array {
                    $0.int(point.at.milliseconds)
                    $0.value(point.value)
                }
            }
        }
    }
}

extension SeriesPoints {
    public func writeJSON(to json: inout JSONWriter) {
        json.object { json in
            json.field("device", device)
            json.field("kind", kind)
            json.field("area", area)
            json.field("component", component)
            json.field("metric", metric)
            json.field("unit", unit)
            json.field("series", series)
            json.key("points")
            points.writeJSON(to: &json)
            json.field("next", next?.milliseconds)
        }
    }
}

extension LatestReading {
    public func writeJSON(to json: inout JSONWriter) {
        json.object { json in
            json.field("device", device)
            json.field("kind", kind)
            json.field("area", area)
            json.field("component", component)
            json.field("metric", metric)
            json.field("value", value)
            json.field("unit", unit)
            json.field("at", at)
            json.field("quality", quality.words)
        }
    }
}

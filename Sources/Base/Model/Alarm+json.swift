extension Alarm {
    /// The alarm object of contract 6, field by field in its order, nulls explicit.
    public func writeJSON(to json: inout JSONWriter) {
        json.object { json in
            json.field("id", id)
            json.field("gateway", gateway)
            json.field("revision", revision)
            json.field("rule", rule)
            json.field("category", category.rawValue)
            json.field("severity", severity.rawValue)
            json.field("state", state.rawValue)
            json.field("acknowledged", acknowledged)
            json.field("latched", latched)
            json.field("drill", drill)
            json.field("late", late)
            json.field("reraised", reraised)
            json.field("flags", flags)
            json.field("suppressed", suppressed)
            json.field("escalation", escalation)
            json.key("device")
            device.writeJSON(to: &json)
            json.field("devices", devices)
            json.field("component", component)
            json.field("component_name", componentName)
            json.field("component_type", componentType)
            json.field("detail", detail)
            json.field("metric", metric)
            json.field("value", value)
            json.field("unit", unit)
            json.field("limit", limit)
            json.field("title", title)
            json.field("occurrences", occurrences)
            json.field("raised_at", raisedAt)
            json.field("received_at", receivedAt)
            json.field("last_occurrence_at", lastOccurrenceAt)
            json.field("cleared_at", clearedAt)
            json.field("cleared_reason", clearedReason?.rawValue)
            json.field("cleared_by", clearedBy)
            json.field("acknowledged_at", acknowledgedAt)
            json.field("acknowledged_by", acknowledgedBy)
            json.field("acknowledged_note", acknowledgedNote)
            json.field("verdict", verdict?.rawValue)
            json.field("verdict_by", verdictBy)
            json.field("verdict_at", verdictAt)
            json.field("verdict_cause", verdictCause)
            json.field("verdict_note", verdictNote)
        }
    }

    public var json: String {
        var writer = JSONWriter()
        writeJSON(to: &writer)
        return writer.text
    }

    /// What an earlier version did not know may be missing.
    public init(from decoder: any Decoder) throws {
        let it = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            id: try it.decode(String.self, forKey: .id), gateway: try it.decode(String.self, forKey: .gateway),
            rule: try it.decode(String.self, forKey: .rule),
            category: try it.decode(AlarmCategory.self, forKey: .category),
            severity: try it.decode(AlarmSeverity.self, forKey: .severity),
            latched: try it.decode(Bool.self, forKey: .latched),
            device: try it.decode(AlarmDevice.self, forKey: .device),
            component: try it.decodeIfPresent(String.self, forKey: .component),
            metric: try it.decodeIfPresent(String.self, forKey: .metric),
            title: try it.decode(Title.self, forKey: .title),
            raisedAt: try it.decode(Timestamp.self, forKey: .raisedAt),
            receivedAt: try it.decode(Timestamp.self, forKey: .receivedAt))
        revision = try it.decode(Int.self, forKey: .revision)
        state = try it.decode(AlarmState.self, forKey: .state)
        acknowledged = try it.decode(Bool.self, forKey: .acknowledged)
        drill = try it.decode(Bool.self, forKey: .drill)
        late = try it.decode(Bool.self, forKey: .late)
        reraised = try it.decode(Bool.self, forKey: .reraised)
        flags = try it.decode([String].self, forKey: .flags)
        suppressed = try it.decodeIfPresent([String].self, forKey: .suppressed) ?? []
        escalation = try it.decodeIfPresent(Int.self, forKey: .escalation) ?? 0
        devices = try it.decodeIfPresent([String].self, forKey: .devices) ?? []
        componentName = try it.decodeIfPresent(String.self, forKey: .componentName)
        componentType = try it.decodeIfPresent(String.self, forKey: .componentType)
        detail = try it.decodeIfPresent(String.self, forKey: .detail)
        value = try it.decodeIfPresent(Value.self, forKey: .value)
        unit = try it.decodeIfPresent(String.self, forKey: .unit)
        limit = try it.decodeIfPresent(Double.self, forKey: .limit)
        occurrences = try it.decode(Int.self, forKey: .occurrences)
        lastOccurrenceAt = try it.decode(Timestamp.self, forKey: .lastOccurrenceAt)
        clearedAt = try it.decodeIfPresent(Timestamp.self, forKey: .clearedAt)
        clearedReason = try it.decodeIfPresent(ClearedReason.self, forKey: .clearedReason)
        clearedBy = try it.decodeIfPresent(String.self, forKey: .clearedBy)
        acknowledgedAt = try it.decodeIfPresent(Timestamp.self, forKey: .acknowledgedAt)
        acknowledgedBy = try it.decodeIfPresent(String.self, forKey: .acknowledgedBy)
        acknowledgedNote = try it.decodeIfPresent(String.self, forKey: .acknowledgedNote)
        verdict = try it.decodeIfPresent(Verdict.self, forKey: .verdict)
        verdictBy = try it.decodeIfPresent(String.self, forKey: .verdictBy)
        verdictAt = try it.decodeIfPresent(Timestamp.self, forKey: .verdictAt)
        verdictCause = try it.decodeIfPresent(String.self, forKey: .verdictCause)
        verdictNote = try it.decodeIfPresent(String.self, forKey: .verdictNote)
    }

    enum CodingKeys: String, CodingKey {
        case id, gateway, revision, rule, category, severity, state, acknowledged, latched, drill, late, reraised, flags
        case suppressed, escalation, device, devices, component
        case componentName = "component_name"
        case componentType = "component_type"
        case detail, metric, value, unit, limit, title, occurrences
        case raisedAt = "raised_at"
        case receivedAt = "received_at"
        case lastOccurrenceAt = "last_occurrence_at"
        case clearedAt = "cleared_at"
        case clearedReason = "cleared_reason"
        case clearedBy = "cleared_by"
        case acknowledgedAt = "acknowledged_at"
        case acknowledgedBy = "acknowledged_by"
        case acknowledgedNote = "acknowledged_note"
        case verdict
        case verdictBy = "verdict_by"
        case verdictAt = "verdict_at"
        case verdictCause = "verdict_cause"
        case verdictNote = "verdict_note"
    }
}

extension AlarmDevice {
    public func writeJSON(to json: inout JSONWriter) {
        json.object { json in
            json.field("id", id)
            json.field("kind", kind)
            json.field("area", area)
            json.field("name", name)
            json.field("site", site)
            json.field("address", address)
            json.field("owner", owner)
            json.field("latitude", latitude)
            json.field("longitude", longitude)
        }
    }
}

extension Timestamp: Codable {
    /// RFC 3339 text in every JSON of ours.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let time = Timestamp(rfc3339: text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is not an RFC 3339 time")
        }
        self = time
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rfc3339)
    }
}

extension Value: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let bool = try? container.decode(Bool.self) {
            self = .boolean(bool)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else {
            self = .text(try container.decode(String.self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .number(let x): try container.encode(x)
        case .boolean(let x): try container.encode(x)
        case .text(let x): try container.encode(x)
        }
    }
}

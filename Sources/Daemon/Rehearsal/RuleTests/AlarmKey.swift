import FireModel

/// What a test may say of an alarm or a notification, in the words of contract 6.
enum AlarmKey: String, CaseIterable, Sendable {
    /// Of a notification.
    case type, at
    case rule, device, kind, area, component, metric
    case state, severity, category, value, limit, unit, detail
    case acknowledged
    case acknowledgedBy = "acknowledged_by"
    case latched, late, drill, reraised, occurrences
    case raisedAt = "raised_at"
    case lastOccurrenceAt = "last_occurrence_at"
    case clearedAt = "cleared_at"
    case clearedReason = "cleared_reason"
    case clearedBy = "cleared_by"
    case verdict

    /// Those by which one is known again.
    static let names: [AlarmKey] = [.type, .rule, .device, .component, .metric]

    var isTime: Bool {
        switch self {
        case .at, .raisedAt, .lastOccurrenceAt, .clearedAt: true
        default: false
        }
    }

    /// The words it can be; `nil`: anything.
    var words: [String]? {
        switch self {
        case .type: AlarmChange.Kind.allCases.filter(\.isPushed).map(\.rawValue)
        case .state: AlarmState.allCases.map(\.rawValue)
        case .severity: AlarmSeverity.allCases.map(\.rawValue)
        case .category: AlarmCategory.allCases.map(\.rawValue)
        case .verdict: Verdict.allCases.map(\.rawValue)
        case .acknowledged, .latched, .late, .drill, .reraised: ["true", "false"]
        default: nil
        }
    }

    /// As text; times as milliseconds since 1970.
    func text(of change: AlarmChange) -> String? {
        let alarm = change.alarm
        return switch self {
        case .type: change.kind.rawValue
        case .at: "\(change.at.milliseconds)"
        case .rule: alarm.rule
        case .device: alarm.device.id
        case .kind: alarm.device.kind
        case .area: alarm.device.area
        case .component: alarm.component
        case .metric: alarm.metric
        case .state: alarm.state.rawValue
        case .severity: alarm.severity.rawValue
        case .category: alarm.category.rawValue
        case .value: alarm.value?.description
        case .limit: alarm.limit.map(shortest)
        case .unit: alarm.unit
        case .detail: alarm.detail
        case .acknowledged: "\(alarm.acknowledged)"
        case .acknowledgedBy: alarm.acknowledgedBy
        case .latched: "\(alarm.latched)"
        case .late: "\(alarm.late)"
        case .drill: "\(alarm.drill)"
        case .reraised: "\(alarm.reraised)"
        case .occurrences: "\(alarm.occurrences)"
        case .raisedAt: "\(alarm.raisedAt.milliseconds)"
        case .lastOccurrenceAt: "\(alarm.lastOccurrenceAt.milliseconds)"
        case .clearedAt: alarm.clearedAt.map { "\($0.milliseconds)" }
        case .clearedReason: alarm.clearedReason?.rawValue
        case .clearedBy: alarm.clearedBy
        case .verdict: alarm.verdict?.rawValue
        }
    }
}

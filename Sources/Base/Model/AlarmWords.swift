// The words of alarms as people read them, in both languages: one table, so that a duty page, a chat and a report
// call the same thing by the same name.

extension Title {
    /// The text in one language.
    public func text(in language: Endpoint.Language) -> String { language == .zh ? zh : en }
}

extension AlarmCategory {
    /// For people.
    public var title: Title {
        switch self {
        case .fire: Title(zh: "火警", en: "Fire")
        case .preAlarm: Title(zh: "预警", en: "Pre-alarm")
        case .fault: Title(zh: "故障", en: "Fault")
        case .supervisory: Title(zh: "监管", en: "Supervisory")
        case .disabled: Title(zh: "屏蔽", en: "Disabled")
        case .linkage: Title(zh: "联动", en: "Linkage")
        case .overload: Title(zh: "过载", en: "Overload")
        case .electrical: Title(zh: "电气", en: "Electrical")
        case .gas: Title(zh: "燃气", en: "Gas")
        case .water: Title(zh: "水系统", en: "Water")
        case .tamper: Title(zh: "防拆", en: "Tamper")
        case .battery: Title(zh: "电池", en: "Battery")
        case .offline: Title(zh: "离线", en: "Offline")
        case .duty: Title(zh: "查岗", en: "Duty check")
        case .system: Title(zh: "系统", en: "System")
        }
    }
}

extension AlarmSeverity {
    /// For people.
    public var title: Title {
        switch self {
        case .critical: Title(zh: "紧急", en: "Critical")
        case .major: Title(zh: "重要", en: "Major")
        case .minor: Title(zh: "次要", en: "Minor")
        case .warning: Title(zh: "警告", en: "Warning")
        case .info: Title(zh: "提示", en: "Info")
        }
    }
}

extension AlarmState {
    /// For people.
    public var title: Title {
        switch self {
        case .active: Title(zh: "报警中", en: "Active")
        case .cleared: Title(zh: "已解除", en: "Cleared")
        }
    }
}

extension ClearedReason {
    /// For people.
    public var title: Title {
        switch self {
        case .condition: Title(zh: "恢复正常", en: "Back to normal")
        case .panelReset: Title(zh: "控制器复位", en: "Reset at the panel")
        case .operatorReset: Title(zh: "人工复位", en: "Reset by an operator")
        case .verdict: Title(zh: "核实后解除", en: "Cleared by its verdict")
        }
    }
}

extension Verdict {
    /// For people.
    public var title: Title {
        switch self {
        case .trueFire: Title(zh: "真实火警", en: "True fire")
        case .trueAlarm: Title(zh: "非火警属实", en: "True alarm, no fire")
        case .falseAlarm: Title(zh: "误报", en: "False alarm")
        case .test: Title(zh: "测试", en: "Test")
        case .drill: Title(zh: "演练", en: "Drill")
        case .fault: Title(zh: "设备故障", en: "Device fault")
        case .unknown: Title(zh: "无法核实", en: "Unknown")
        }
    }
}

extension AlarmChange.Kind {
    /// For people.
    public var title: Title {
        switch self {
        case .raised: Title(zh: "新报警", en: "Raised")
        case .updated: Title(zh: "更新", en: "Updated")
        case .escalated: Title(zh: "升级", en: "Escalated")
        case .acknowledged: Title(zh: "接警", en: "Acknowledged")
        case .cleared: Title(zh: "解除", en: "Cleared")
        case .verdict: Title(zh: "核实", en: "Verdict")
        case .occurrence: Title(zh: "重复", en: "Repeated")
        }
    }

    /// The one with this CloudEvents `type`; `nil`: not a change of an alarm.
    public init?(eventType: some StringProtocol) {
        guard let kind = Self.allCases.first(where: { $0.eventType == eventType }) else { return nil }
        self = kind
    }
}

/// Words beside those of single fields.
public enum AlarmWords {
    /// Somebody has asked for it once more: it is not new.
    public static let replay = Title(zh: "重发", en: "Replay")
    /// The alarm belongs to a drill.
    public static let drill = Title(zh: "演练", en: "Drill")
    /// An input older than what was known has raised it.
    public static let late = Title(zh: "迟报", en: "Late")
    /// It has come again after it had ended or been acknowledged.
    public static let reraised = Title(zh: "再次报警", en: "Raised again")

    /// What a device says about itself, a word of `Alarm.flags`.
    public static func flag(_ word: String) -> Title {
        switch word {
        case "test": Title(zh: "测试", en: "test")
        case "self_test": Title(zh: "自检", en: "self-test")
        case "muted": Title(zh: "已静音", en: "muted")
        case "silence": Title(zh: "消音", en: "silenced")
        case "disabled": Title(zh: "屏蔽", en: "disabled")
        case "fault": Title(zh: "故障", en: "fault")
        default: Title(zh: word, en: word)
        }
    }

    /// A unit of the catalogue as people write it.
    public static func unit(_ unit: String) -> String { unit == "Cel" ? "℃" : unit }
}
